"""The capacity proof of an evacuation: by the engine, beside the guard's sum."""

from pathlib import Path

import pytest
from rich.console import Console
from tests.support.system import invoke

from outlast.app.carrying import carries
from outlast.config import parse
from outlast.drill.steady import busiest_hour, without
from outlast.model.override import Waiver
from outlast.model.topology import Topology
from outlast.model.units import Nanos


def text(rate: int, countries: str = "{US: 1}") -> str:
    return f"""
outlast: 1
regions: {{eu: {{country: DE}}, us: {{country: US}}}}
providers: {{dns: {{kind: embedded, server: 127.0.0.1:5300, zones: [a.test]}}}}
endpoints:
  www:
    names: [www.a.test]
    provider: dns
    ttl_s: 30
    targets: {{eu-1: {{region: eu, ipv4: 192.0.2.1}}, us-1: {{region: us, ipv4: 192.0.2.2}}}}
services:
  shop:
    essential: true
    regions: [eu, us]
    needs: [{{endpoint: www}}]
    audience: {{people: 1000000, countries: {countries}}}
    behaviour: {{serving: {{rate: {rate}, timeout_s: 2, queue_max: 500}}, retrying: {{attempts: 3}}}}
  tool: {{regions: [us]}}
"""


def topology(rate: int, countries: str = "{US: 1}") -> Topology:
    return parse(text(rate, countries), "world.yaml").topology


def test_what_the_rest_can_carry_it_carries_and_what_it_cannot_it_does_not() -> None:
    """At the busiest hour a million people ask some 900 times a second, be it night in Greenwich."""
    (roomy,), (tight,), (poor,) = (without(topology(rate), "us") for rate in (4000, 600, 100))
    assert (round(roomy.before, 3), round(roomy.after, 3)) == (1.0, 1.0)
    assert tight.before > 0.99
    assert tight.after < 0.8
    assert poor.before < 0.5
    (german,) = without(topology(600, "{DE: 1}"), "us")
    assert german.after < 0.8


def test_the_hour_is_that_at_which_its_people_are_awake() -> None:
    """Evening in America is night in Europe."""
    american, german = (busiest_hour(topology(600, one)) for one in ("{US: 1}", "{DE: 1}"))
    assert (american - german) % 24 in {7, 8}


@pytest.mark.parametrize(
    ("rate", "waived", "fits"), [(4000, "", True), (600, "", False), (600, "capacity", True)]
)
async def test_an_evacuation_is_refused_that_essential_services_would_not_survive(
    rate: int,
    waived: str,
    fits: bool,  # noqa: FBT001
) -> None:
    """Unless that was waived by name."""
    out = Console(record=True, width=200)
    ever = Nanos(2**62)
    waivers = [
        Waiver(rule=one, endpoint=None, reason="x", by="x", at_ns=Nanos(0), until_ns=ever)
        for one in waived.split()
    ]
    assert await carries(out, topology(rate), "us", waivers) is fits
    said = out.export_text()
    assert ("carry their load" in said) is (rate == 4000)
    assert ("shop would serve" in said) is (rate == 600)


def test_the_command_refuses_before_anything_is_begun(tmp_path: Path) -> None:
    """A dry run of a world that was never up; the guard has no objection, the engine has."""
    path = tmp_path / "world.yaml"
    path.write_text(text(600))
    done = invoke("evacuate", str(path), "us", "--dry-run", "--reason", "would it fit?")
    assert done.code == 1, done.out + done.err
    assert "shop would serve" in done.out
    assert "refused" in done.out
