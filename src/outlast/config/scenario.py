"""Scenario files: a drill as YAML to a `Scenario`, or all that is wrong with it at once.

A scenario names things of a world, so it is judged together with it: a fault at a service that is not
there would be a drill that shows nothing and passes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Any

from outlast.config.decode import Decoder, Values
from outlast.config.faults import Fault, Path, ScenarioErrors, Severity
from outlast.config.finding import Finding
from outlast.config.nodes import Mapping, Node
from outlast.config.place import Source, path_of_key, place
from outlast.config.reader import BYTES_MAX, Unreadable, decode_utf8, read
from outlast.config.rules import drills
from outlast.config.scenario_tables import SCENARIO
from outlast.config.times import Clock, When, seconds_after
from outlast.drill.scenario import (
    Act,
    ActionKind,
    ControlPlane,
    Expectation,
    ExpectKind,
    FaultKind,
    Scenario,
    Variation,
)
from outlast.drill.scenario import (
    Fault as DrillFault,
)
from outlast.model.errors import OutlastError
from outlast.model.topology import Topology

START = datetime(2026, 3, 4, 14, 0, tzinfo=UTC)
"""A Wednesday: people are awake from San Francisco to Delhi."""

FindWorld = Callable[[str], Topology]
"""Finds a world by what a scenario calls it; raises `OutlastError` where there is none that can be used."""


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A scenario that can be run, the world it runs in, and what its author should look at."""

    scenario: Scenario
    topology: Topology
    warnings: tuple[Fault, ...] = ()


def load_scenario(path: FilePath, find_world: FindWorld) -> LoadedScenario:
    """Read a scenario file.

    Raises:
        ScenarioErrors: it cannot be read or used; carries every fault.
    """
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        finding = _whole("unreadable", f"it cannot be read: {reason}", "`outlast drill --list`")
        raise _errors([finding], Source(file=str(path), text="")) from error
    return parse_scenario(data, str(path), find_world)


def parse_scenario(text: str | bytes, source_name: str, find_world: FindWorld) -> LoadedScenario:
    """Read a scenario from a text, or from the bytes of a file; its name is the file's.

    Raises:
        ScenarioErrors: it cannot be used; carries every fault.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    source = Source(file=source_name, text="")
    try:
        source.text = decode_utf8(data)
        source.root, duplicates = read(source.text)
    except Unreadable as error:
        raise _errors([_unreadable(error, ())], source) from error
    findings = [_unreadable(one, path_of_key(source.root, one.first)) for one in duplicates]
    values = Decoder(findings.append, source.secrets.add).part(SCENARIO, source.root, ())
    if not isinstance(source.root, Mapping) or findings:
        raise _errors(findings, source)
    scenario = build_scenario(values, FilePath(source_name).stem)
    try:
        topology = find_world(scenario.world)
    except OutlastError as error:
        remedy = error.remedy or "see `outlast drill --list` for worlds that ship"
        message = f"its world cannot be used: {error.what}"
        raise _errors([_at("world", ("world",), message, remedy)], source) from error
    findings = [*_odd(values, scenario), *drills.judge(scenario, topology)]
    if any(one.severity is Severity.ERROR for one in findings):
        raise _errors(findings, source)
    return LoadedScenario(scenario, topology, place(findings, source)[0])


def build_scenario(values: Values, name: str) -> Scenario:
    """Build a scenario from values without faults."""
    start = values.get("start", START)
    made = _Made(start)
    return Scenario(
        name=name,
        title=values.get("title", ""),
        world=values["world"],
        start=start,
        length_s=values["length"],
        step_s=values.get("step", 1.0),
        seed=values.get("seed", 1),
        control_plane=ControlPlane(values.get("control_plane", ControlPlane.MODEL)),
        faults=tuple(made.fault(one) for one in values.get("faults", ())),
        actions=tuple(made.action(one) for one in values.get("actions", ())),
        expectations=tuple(made.expectation(one) for one in values.get("expectations", ())),
        variations=tuple(Variation(**one) for one in values.get("variations", ())),
        source=values.get("source", ""),
        record=values.get("record", ()),
    )


class _Made:
    """Makes the parts of a scenario that begins at `start`."""

    def __init__(self, start: datetime) -> None:
        self._start = start

    def _at(self, when: When) -> float:
        return seconds_after(when, self._start)

    def _maybe(self, values: Values, key: str) -> float | None:
        return self._at(values[key]) if key in values else None

    def fault(self, values: Values) -> DrillFault:
        at_s = self._at(values.get("at", 0.0))
        until_s = self._maybe(values, "until")
        if "for" in values:
            until_s = at_s + values["for"]
        return DrillFault(
            kind=FaultKind(values["kind"]),
            subject=values.get("subject", ""),
            region=values.get("region", ""),
            at_s=at_s,
            until_s=until_s,
            amount=self._at(values.get("amount", 1.0)),
        )

    def action(self, values: Values) -> Act:
        rule: dict[str, Any] = values.get("when", {})
        return Act(
            kind=ActionKind(values["kind"]),
            subject=values.get("subject", ""),
            region=values.get("region", ""),
            at_s=self._maybe(values, "at"),
            amount=self._at(values.get("amount", 1.0)),
            when_service=rule.get("service", ""),
            when_below=self._at(rule.get("below", 0.0)),
            when_for_s=rule.get("for", 0.0),
            delay_s=rule.get("delay", 0.0),
            ramp_s=values.get("ramp", 0.0),
            note=values.get("note", ""),
        )

    def expectation(self, values: Values) -> Expectation:
        kind = ExpectKind(values["kind"])
        value = self._at(values.get("value", 0.0))
        return Expectation(
            name=values.get("name") or _sentence(kind, values),
            kind=kind,
            service=values.get("service", ""),
            region=values.get("region", ""),
            country=values.get("country", ""),
            from_s=self._at(values.get("from", 0.0)),
            until_s=self._maybe(values, "until"),
            value=value,
            tolerance=self._at(values.get("tolerance", 0.0)),
            edge=values.get("edge", ""),
            level=self._at(values.get("level", 0.9)),
        )


def _sentence(kind: ExpectKind, values: Values) -> str:
    """Name an expectation that its author did not."""
    words = [str(values.get("service") or "each essential service")]
    words += [f"in {values[key]}" for key in ("region", "country") if key in values]
    return f"{' '.join(words)}: {kind.replace('-', ' ')}"


def _odd(values: Values, scenario: Scenario) -> list[Finding]:
    """Find what is written twice or not at all, which the built scenario no longer shows."""
    found = []
    for at, one in enumerate(values.get("faults", ())):
        if "for" in one and "until" in one:
            message = "the fault says twice when it ends"
            found.append(_at("fault", ("faults", at, "for"), message, "keep `for` or `until`"))
    for at, one in enumerate(values.get("actions", ())):
        if ("at" in one) == ("when" in one):
            message = "an action is taken at a time or by a rule"
            remedy = "write `at: 40m` or `when: {service: NAME, below: 90%}`"
            found.append(_at("action", ("actions", at), message, remedy))
    for at, one in enumerate(values.get("expectations", ())):
        clock = isinstance(one.get("value"), Clock)
        if clock and scenario.expectations[at].kind is not ExpectKind.WINDOW:
            path = ("expectations", at, "value")
            message = "only the edge of a window is a time by the clock"
            found.append(_at("expectation", path, message, "write a share or a length of time"))
    return found


def _at(rule: str, path: Path, message: str, remedy: str) -> Finding:
    return Finding(rule=rule, path=path, message=message, remedy=remedy)


def _whole(rule: str, message: str, remedy: str) -> Finding:
    return _at(rule, (), message, remedy)


def _unreadable(error: Unreadable, path: Path) -> Finding:
    remedy = error.remedy
    if error.rule == "empty":
        remedy = "begin with `drill: 1`; see docs/drills.md"
    return Finding(
        rule=error.rule,
        path=path,
        message=error.message,
        remedy=remedy,
        value=str(path[-1]) if path else "",
        place=(error.line, error.column),
    )


def _errors(findings: list[Finding], source: Source) -> ScenarioErrors:
    faults, more = place(findings, source)
    return ScenarioErrors(source.file, faults, more)


def is_scenario(node: Node) -> bool:
    """Whether the root of a file says that it is a scenario and not a topology."""
    return isinstance(node, Mapping) and "drill" in node.entries
