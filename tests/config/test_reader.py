"""Whatever bytes a file holds, it is a topology or a list of faults, never a traceback."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.config.golden import base

from outlast.config import Fault, TopologyErrors, load, parse
from outlast.config.reader import ALIASES_ADD_MAX, DEPTH_MAX


def only_fault(text: str | bytes, name: str = "topology.yaml") -> Fault:
    """Return the only fault of a text."""
    with pytest.raises(TopologyErrors) as caught:
        parse(text, name)
    assert len(caught.value.faults) == 1, str(caught.value)
    return caught.value.faults[0]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a remark\n", "\ufeff"])
def test_an_empty_file_is_told(text: str) -> None:
    """Nothing at all is no topology, and is not the same as one without endpoints."""
    fault = only_fault(text)
    assert (fault.rule, fault.remedy) == ("empty", "begin with `outlast: 1`; see docs/topology.md")


@pytest.mark.parametrize("text", ["just words", "[1, 2]", "~", "--- 5"])
def test_a_file_that_is_no_mapping_is_told(text: str) -> None:
    """A list or a text at the top is told as what it is."""
    with pytest.raises(TopologyErrors) as caught:
        parse(text, "topology.yaml")
    assert caught.value.faults[0].rule in {"shape", "missing"}


@pytest.mark.parametrize(
    ("data", "rule", "line", "column"),
    [
        (b"outlast: 1\nregions: {\xff}\n", "not-utf8", 2, 11),
        ("outlast: 1".encode("utf-16"), "not-utf8", 1, 1),
        (b"outlast: 1\nx: \x00\n", "control-character", 2, 4),
        (b"\x7fELF\x01\x01", "control-character", 1, 1),
        (b"outlast: 1\r\nx: \x1b[31m\r\n", "control-character", 2, 4),
    ],
)
def test_bytes_that_are_no_text_are_placed(data: bytes, rule: str, line: int, column: int) -> None:
    """Binary files, other encodings and control characters: one fault with its place."""
    fault = only_fault(data)
    assert (fault.rule, fault.line, fault.column) == (rule, line, column)


def test_a_lone_surrogate_is_told() -> None:
    """A text that cannot be written as UTF-8 is a fault, not a crash."""
    assert only_fault("title: \udc80").rule == "not-utf8"


@pytest.mark.parametrize("opener", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_ends_in_a_fault(opener: str) -> None:
    """A hundred thousand brackets neither exhaust the stack nor take time."""
    assert only_fault("outlast: 1\nx: " + opener * 100_000).rule in {"too-deep", "syntax"}


def test_nesting_is_limited_where_it_is_written() -> None:
    """The place of the first bracket too many is told."""
    fault = only_fault("[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1))
    assert (fault.rule, fault.column) == ("too-deep", DEPTH_MAX + 1)


def test_an_alias_bomb_ends_in_a_fault() -> None:
    """A kilobyte that would grow to billions of values is refused."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{one}: &a{one} [{', '.join([f'*a{one - 1}'] * 9)}]" for one in range(1, 12)]
    fault = only_fault("\n".join(lines))
    assert fault.rule == "alias-bomb"
    assert str(ALIASES_ADD_MAX) in fault.message


def test_a_merge_bomb_ends_in_a_fault() -> None:
    """Merges count as aliases do."""
    lines = ["m: &m {" + ", ".join(f"k{number}: 1" for number in range(3000)) + "}"]
    lines += [f"n{number}: {{<<: [{', '.join(['*m'] * 200)}]}}" for number in range(10)]
    assert only_fault("\n".join(lines)).rule == "alias-bomb"


def test_anchors_and_merges_work() -> None:
    """YAML's own means against repetition are welcome; what is written beside a merge wins."""
    text = base().replace(
        "      us-1: {region: us-east, ipv4: 192.0.2.2, capacity: 1000}\n",
        "      us-1: &us {region: us-east, ipv4: 192.0.2.2, capacity: 1000}\n"
        "      us-2: {<<: *us, ipv4: 192.0.2.22}\n",
    )
    targets = {one.name: one for one in parse(text, "t.yaml").topology.endpoints[0].targets}
    assert (targets["us-2"].ipv4, targets["us-2"].capacity) == ("192.0.2.22", 1000)  # type: ignore[index]
    assert targets["us-2"].region == "us-east"  # type: ignore[index]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A missing file, and a folder in its place, are faults of the file as a whole."""
    for path in (tmp_path / "no.yaml", tmp_path):
        with pytest.raises(TopologyErrors) as caught:
            load(path)
        assert caught.value.faults[0].rule == "unreadable"
        assert caught.value.faults[0].line == 0
        assert str(path) in str(caught.value)


def test_equal_files_have_equal_digests(tmp_path: Path) -> None:
    """A reload can tell whether anything changed, down to a remark."""
    path = tmp_path / "t.yaml"
    path.write_text(base(), encoding="utf-8")
    first = load(path).digest
    assert load(path).digest == first
    assert len(first) == 32
    path.write_text(base() + "# a remark\n", encoding="utf-8")
    assert load(path).digest != first


def _is_topology_or_faults(data: str | bytes, name: str) -> None:
    with contextlib.suppress(TopologyErrors):
        parse(data, name)


@given(st.text())
def test_any_text_is_a_topology_or_faults(text: str) -> None:
    """Nothing but `TopologyErrors` ever comes out, for YAML and for JSON."""
    _is_topology_or_faults(text, "t.yaml")
    _is_topology_or_faults(text, "t.json")


@given(st.binary())
def test_any_bytes_are_a_topology_or_faults(data: bytes) -> None:
    """The same for bytes."""
    _is_topology_or_faults(data, "t.yaml")
    _is_topology_or_faults(data, "t.json")


PIECES = st.sampled_from(
    [*" \n:-{}[],&*!?|>'\"%@`#~", "\t", "<<: ", "*a", "&a ", "null", "\0", "é", "\x85"]
)


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_damage_to_a_good_file_is_a_topology_or_faults(data: st.DataObject) -> None:
    """Cut, doubled and sprinkled with YAML's own signs, a good file never makes a traceback."""
    text = base()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 40)))
        text = text[:start] + "".join(data.draw(st.lists(PIECES, max_size=4))) + text[end:]
    _is_topology_or_faults(text, "t.yaml")


KEYS = st.sampled_from(
    [
        "outlast",
        "settings",
        "regions",
        "providers",
        "vantages",
        "defaults",
        "endpoints",
        "services",
        "names",
        "targets",
        "check",
        "policy",
        "order",
        "region",
        "ipv4",
        "ipv6",
        "weight",
        "kind",
        "key",
        "secret",
        "needs",
        "service",
        "zones",
        "server",
        "a",
        "b",
        "c",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@given(st.dictionaries(KEYS, JSON, max_size=6))
def test_any_shape_is_a_topology_or_faults(value: dict[str, object]) -> None:
    """Known keys with values of any shape never make a traceback."""
    text = json.dumps({"outlast": 1, **value})
    _is_topology_or_faults(text, "t.yaml")
    _is_topology_or_faults(text, "t.json")
