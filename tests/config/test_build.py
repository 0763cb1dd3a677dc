"""How what is written becomes a topology: defaults, layers, short forms."""

from typing import Any

import pytest
import yaml
from tests.config.golden import base

from outlast.config import TopologyErrors, parse
from outlast.model.api import ProviderKind
from outlast.model.names import DnsName
from outlast.model.records import Family
from outlast.model.topology import (
    Address,
    CheckKind,
    Endpoint,
    PolicyKind,
    SecretKind,
    Target,
    Topology,
    TsigKey,
)


def topology(**changes: Any) -> Topology:
    """Return the base with sections replaced."""
    value = yaml.safe_load(base())
    value.update(changes)
    return parse(yaml.safe_dump(value, sort_keys=False), "t.yaml").topology


def endpoint(defaults: dict[str, Any], **words: Any) -> Endpoint:
    """Return an endpoint that says these words over these defaults."""
    value = {"names": "n.shop.test", "provider": "local", **words}
    value.setdefault(
        "targets",
        {
            "a": {"region": "eu-west", "ipv4": "192.0.2.1"},
            "b": {"region": "us-east", "ipv4": "192.0.2.2"},
        },
    )
    found = topology(defaults=defaults, endpoints={"e": value}, services={})
    return found.endpoints[0]


def test_everything_written_is_in_the_topology() -> None:
    """Each section of the file becomes its noun, in the order of the file."""
    found = topology()
    assert [one.name for one in found.regions] == ["eu-west", "us-east", "ap-south"]
    assert (found.regions[0].title, found.regions[0].country) == ("Ireland", "IE")
    local, bind = found.providers
    assert (local.kind, local.server, local.negative_ttl_s) == (
        ProviderKind.EMBEDDED,
        Address(host="127.0.0.1", port=5300),
        5,
    )
    assert isinstance(bind.key, TsigKey)
    assert (bind.key.secret.kind, bind.key.secret.where) == (
        SecretKind.FILE,
        "/etc/outlast/bind.key",
    )
    assert [(one.name, one.region) for one in found.vantages] == [
        ("frankfurt", None),
        ("dublin", "eu-west"),
    ]
    shop, api = found.endpoints
    assert [one.families for one in shop.names] == [(Family.IPV4, Family.IPV6), (Family.IPV4,)]
    assert shop.targets[0] == Target(
        name=shop.targets[0].name,
        region=shop.targets[0].region,
        ipv4="192.0.2.1",
        weight=2,
        capacity=1000,
        check=shop.targets[1].check,
    )
    assert (shop.targets[0].check.port, shop.targets[0].check.path) == (8080, "/healthz")
    assert api.policy.order == (("eu-west",), ("us-east",))
    assert [one.service or one.endpoint for one in found.services[0].needs] == ["shop", "login"]


def test_what_is_not_written_has_the_models_default() -> None:
    """A name, a provider and two targets make an endpoint."""
    found = endpoint({})
    plain = Endpoint(
        name=found.name,
        names=found.names,
        provider=found.provider,
        ttl_s=30,
        targets=found.targets,
    )
    assert found == plain


def test_no_vantage_means_one_named_local() -> None:
    """`outlast up` probes from where it runs."""
    value = yaml.safe_load(base())
    del value["vantages"]
    loaded = parse(yaml.safe_dump(value), "t.yaml")
    assert [one.name for one in loaded.topology.vantages] == ["local"]
    assert [one.rule for one in loaded.warnings] == ["single-vantage"]


def test_checks_are_laid_over_each_other() -> None:
    """A target's words cover its endpoint's, which cover those of `defaults`; the rest shines through."""
    found = endpoint(
        {"check": {"port": 1, "path": "/d", "fall": 5, "interval_s": 2}},
        check={"path": "/e", "rise": 4},
        targets={
            "a": {"region": "eu-west", "ipv4": "192.0.2.1", "check": {"path": "/t"}},
            "b": {"region": "us-east", "ipv4": "192.0.2.2"},
        },
    )
    checks = [one.check for one in found.targets]
    assert [(one.port, one.path, one.fall, one.rise) for one in checks] == [
        (1, "/t", 5, 4),
        (1, "/e", 5, 4),
    ]


def test_an_endpoint_that_chooses_weights_inherits_no_order() -> None:
    """Tiers in `defaults` say nothing to an endpoint without tiers; its recovery time they do."""
    defaults = {"policy": {"kind": "failover", "order": ["eu-west", "us-east"], "recovery_s": 90}}
    policy = endpoint(defaults, policy="weighted").policy
    assert (policy.kind, policy.order, policy.recovery_s) == (PolicyKind.WEIGHTED, (), 90.0)
    assert endpoint(defaults).policy.order == (("eu-west",), ("us-east",))


@pytest.mark.parametrize(
    ("check", "port"),
    [("http", 80), ("https", 443), ("dns", 53), ({"kind": "tcp", "port": 25}, 25)],
)
def test_a_check_knows_its_usual_port(check: object, port: int) -> None:
    """Nobody writes 443 beside https."""
    assert endpoint({}, check=check).targets[0].check.port == port


def test_short_forms_mean_the_long_ones() -> None:
    """`check: none`, `policy: weighted`, one name without a list."""
    short = endpoint({}, check="none", policy="weighted")
    long = endpoint(
        {}, check={"kind": "none"}, policy={"kind": "weighted"}, names=[{"name": "n.shop.test"}]
    )
    assert short == long
    assert short.targets[0].check.kind is CheckKind.NONE


def test_names_and_addresses_become_canonical() -> None:
    """Two spellings of one thing would be two things."""
    found = endpoint(
        {},
        names=["N.Shop.Test."],
        targets={
            "a": {"region": "eu-west", "ipv6": "2001:DB8:0:0::1"},
            "b": {"region": "us-east", "ipv6": "2001:db8::2"},
        },
    )
    assert found.names[0].name == DnsName("n.shop.test")
    assert found.targets[0].ipv6 == "2001:db8::1"


def test_the_only_provider_need_not_be_named() -> None:
    """With one provider there is nothing to choose."""
    value = yaml.safe_load(base())
    del (
        value["providers"]["bind"],
        value["endpoints"]["api"],
        value["endpoints"]["shop"]["provider"],
    )
    assert parse(yaml.safe_dump(value), "t.yaml").topology.endpoints[0].provider == "local"


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ({"floors": {"targets": 9}}, "floor-too-high"),
        ({"floors": {"share_ratio": 0.9}}, "floor-forbids-failover"),
        ({"ttl_s": 3000}, "recovery"),
        ({"policy": {"recovery_s": 1}}, "recovery"),
        ({"policy": "failover"}, "no-order"),
        ({"check": {"interval_s": 1, "timeout_s": 2}}, "timeout-over-interval"),
        ({"demand": 5}, "demand-too-high"),
        ({"names": [{"name": "m.shop.test", "families": ["ipv6"]}]}, "empty-name"),
        ({"targets": {"a": {"region": "eu-west", "ipv4": "192.0.2.1", "weight": 0}}}, "no-weight"),
    ],
)
def test_a_wrong_endpoint_is_found_behind_a_right_one_like_it(
    words: dict[str, Any], rule: str
) -> None:
    """Endpoints of a shape that was judged are not judged again; any difference is another shape."""
    targets = {
        "a": {"region": "eu-west", "ipv4": "192.0.2.1", "capacity": 1},
        "b": {"region": "us-east", "ipv4": "192.0.2.2", "capacity": 1},
    }
    right = {"names": ["n.shop.test"], "provider": "local", "targets": targets}
    wrong = {**right, "names": ["m.shop.test"], **words}
    with pytest.raises(TopologyErrors, match=rf"endpoints\.wrong[^\n]*\[{rule}\]"):
        topology(endpoints={"right": right, "wrong": wrong}, services={})
