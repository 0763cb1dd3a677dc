"""JSON by the fast path and by the slow one: the same topology, or the same refusal."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from outlast.config import Loaded, TopologyErrors, load, parse
from outlast.config.fast import read_fast
from outlast.config.rules.endpoints import ALIKE_TOLD_MAX
from outlast.model.topology import Endpoint

EXAMPLES = Path(__file__).parents[2] / "examples"


def small() -> dict[str, Any]:
    """Return a small topology without a fault."""
    return {
        "outlast": 1,
        "regions": {"eu": {}, "us": {"title": "The: west"}},
        "providers": {"p": {"kind": "embedded", "server": "127.0.0.1:5300", "zones": ["a.test"]}},
        "vantages": {"one": {}, "two": {}},
        "endpoints": {
            "e1": {
                "names": ["e1.a.test"],
                "ttl_s": 10,
                "targets": {
                    "t1": {"region": "eu", "ipv4": "192.0.2.1", "weight": 2},
                    "t2": {"region": "us", "ipv4": "192.0.2.2", "ipv6": "2001:db8::2"},
                },
            },
            "e2": {
                "names": ["e2.a.test", {"name": "v4.e2.a.test", "families": ["ipv4"]}],
                "policy": {"kind": "failover", "order": ["us", "eu"]},
                "targets": {
                    "t1": {"region": "eu", "ipv4": "192.0.2.1", "check": {"port": 81}},
                    "t2": {"region": "us", "ipv4": "192.0.2.2", "check": "none"},
                },
            },
        },
        "services": {"s": {"needs": [{"endpoint": "e1"}]}},
    }


def both(value: object) -> tuple[Loaded | set[str], Loaded | set[str]]:
    """Read a value as JSON and as YAML; faults are given by path, rule and message."""
    results: list[Loaded | set[str]] = []
    for name, text in (("t.json", json.dumps(value)), ("t.yaml", yaml.safe_dump(value))):
        try:
            results.append(parse(text, name))
        except TopologyErrors as errors:
            results.append({f"{one.path} {one.rule} {one.message}" for one in errors.faults})
    return results[0], results[1]


def assert_alike(value: object) -> None:
    """Both ways must agree."""
    quick, slow = both(value)
    if isinstance(quick, Loaded) and isinstance(slow, Loaded):
        assert quick.topology == slow.topology
        assert [(one.rule, one.path) for one in quick.warnings] == [
            (one.rule, one.path) for one in slow.warnings
        ] or {one.rule for one in quick.warnings} == {one.rule for one in slow.warnings}
    else:
        assert quick == slow


def test_the_fast_path_takes_what_is_right() -> None:
    """The file below goes the fast way, and comes out as from YAML."""
    assert read_fast(json.dumps(small()).encode()) is not None
    assert_alike(small())


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_examples_come_out_alike_as_json(path: Path) -> None:
    """Every field of the format survives the fast path."""
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    text = json.dumps(value)
    quick = read_fast(text.encode())
    assert quick is not None
    assert quick.topology == load(path).topology == parse(text, "t.json").topology


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    if isinstance(value, list):
        inner = list(enumerate(value))
    for key, one in inner:
        yield (*path, key)
        yield from _places(one, (*path, key))


ODD = st.sampled_from(
    [
        *[None, True, False, 0, 1, -1, 1.0, 2.5, 10**30, "", "x", "1", "us", "none", "https"],
        *["192.0.2.1", "192.0.2.01", "224.0.0.1", "0.0.0.0", "::1", "ff02::1", "E1.A.TEST."],
        *[[], {}, ["us"], {"a": 1}],
    ]
)


@pytest.mark.slow
@given(st.sampled_from(list(_places(small()))), ODD)
def test_one_odd_value_anywhere_is_judged_alike(path: tuple[Any, ...], odd: object) -> None:
    """The fast path accepts nothing that the slow one refuses, and makes nothing else of it."""
    value = small()
    place = value
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = odd
    assert_alike(value)


@pytest.mark.slow
@given(st.sampled_from([one for one in _places(small()) if isinstance(one[-1], str)]))
def test_a_lost_or_renamed_key_is_judged_alike(path: tuple[Any, ...]) -> None:
    """The same for keys that are not there, and keys that nobody knows."""
    value = small()
    place = value
    for step in path[:-1]:
        place = place[step]
    place["zz"] = place.pop(path[-1])
    assert_alike(value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"weight": 2', '"weight": 2, "weight": 3'),
        ('"ttl_s": 10', '"ttl_s": 10, "ttl_s": 20'),
        ('"title": "The: west"', '"title": "a", "title": "b"'),
        ('"t2": {"region": "us", "ipv4": "192.0.2.2", "ipv6"', '"t1": {"region": "us", "ipv6"'),
        ('"e2": {"names"', '"e1": {"names"'),
        ('"eu": {}', '"eu": {}, "eu": {}'),
        ('"check": {"port": 81}', '"check": {"port": 81, "port": 82}'),
        ('"vantages":', '"endpoints": {}, "vantages":'),
    ],
)
def test_a_key_twice_is_found_at_any_depth(old: str, new: str) -> None:
    """JSON readers keep the last of two and say nothing; here a colon too many gives it away."""
    text = json.dumps(small())
    assert text.count(old) == 1
    doubled = text.replace(old, new)
    assert read_fast(doubled.encode()) is None
    with pytest.raises(TopologyErrors) as caught:
        parse(doubled, "t.json")
    assert "duplicate-key" in {one.rule for one in caught.value.faults}


def test_escaped_colons_do_not_hide_a_key() -> None:
    """A colon that is written as an escape would upset the count, so the slow way is taken."""
    text = json.dumps(small()).replace("The: west", "The\\u003a west")
    assert read_fast(text.encode()) is None
    assert parse(text, "t.json").topology.regions[1].title == "The: west"
    doubled = text.replace('"weight": 2', '"weight": 2, "weight": 3')
    with pytest.raises(TopologyErrors, match="duplicate-key"):
        parse(doubled, "t.json")


TRAPS: dict[str, list[Any]] = {
    "ipv4": [None, "192.0.2.01", "224.0.0.1", "0.0.0.0", 1, "192.0.2"],
    "ipv6": [None, "::", "ff02::1", "fe80::1%eth0", "::ffff:192.0.2.1", []],
    "weight": [None, True, 2.0, "2", 65536],
    "region": [None, "mars", ["us"]],
    "check": [None, {}, "none", "tcp", {"port": 0}],
}


@pytest.mark.parametrize(
    ("key", "odd"), [(key, odd) for key, odds in TRAPS.items() for odd in odds]
)
def test_each_trap_of_a_target_is_judged_alike(key: str, odd: object) -> None:
    """What a C library, a dictionary or a comparison would let pass is refused as in YAML."""
    value = small()
    value["endpoints"]["e1"]["targets"]["t2"][key] = odd
    value["endpoints"]["e1"]["targets"]["t3"] = {"region": "us", "ipv4": "192.0.2.3", "weight": 1}
    assert_alike(value)


def test_a_warning_on_the_fast_path_has_its_place() -> None:
    """Lines and columns are found again in the text, in what was skipped as well."""
    value = small()
    value["endpoints"]["e2"]["policy"]["order"] = ["us"]
    value["providers"]["p"]["negative_ttl_s"] = 900
    text = json.dumps(value, indent=2)
    assert read_fast(text.encode()) is not None
    warnings = parse(text, "t.json").warnings
    lines = text.splitlines()
    places = {one.rule: (lines[one.line - 1].strip(), one.column) for one in warnings}
    assert places == {
        "negative-ttl": ('"negative_ttl_s": 900', 25),
        "order-incomplete": ('"order": [', 9),
    }
    slow = parse(text, "t.yaml").warnings
    assert [(one.line, one.column, one.path) for one in warnings] == [
        (one.line, one.column, one.path) for one in slow
    ]


def test_equal_words_are_held_once() -> None:
    """Endpoints that say the same share policy, floors, budget and checks."""
    value = small()
    value["endpoints"] = {
        f"e{number}": {**value["endpoints"]["e1"], "names": [f"n{number}.a.test"]}
        for number in range(50)
    }
    for name, text in (("t.json", json.dumps(value)), ("t.yaml", yaml.safe_dump(value))):
        endpoints = parse(text, name).topology.endpoints
        assert len(endpoints) == 50
        assert _distinct(endpoints) == (1, 1, 1, 1)


def _distinct(endpoints: tuple[Endpoint, ...]) -> tuple[int, int, int, int]:
    return (
        len({id(one.policy) for one in endpoints}),
        len({id(one.floors) for one in endpoints}),
        len({id(one.budget) for one in endpoints}),
        len({id(target.check) for one in endpoints for target in one.targets}),
    )


def test_the_same_warnings_of_many_endpoints_are_counted_and_not_listed() -> None:
    """Nobody reads the same advice 100,000 times, and placing it would take longer than planning."""
    topology = small()
    topology["endpoints"] = {
        f"e{n}": {
            "names": [f"e{n}.a.test"],
            "targets": {"t1": {"region": "eu", "ipv4": "192.0.2.1"}},
        }
        for n in range(ALIKE_TOLD_MAX + 7)
    }
    warnings = parse(json.dumps(topology), "big.json").warnings
    assert [one.path for one in warnings if one.rule == "alike"] == ["endpoints"]
    assert next(one for one in warnings if one.rule == "alike").message.startswith("7 more")
    assert len({one.path for one in warnings if one.rule == "single-target"}) == ALIKE_TOLD_MAX
    assert all(one.line for one in warnings)
