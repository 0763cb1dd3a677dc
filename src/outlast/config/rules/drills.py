"""Rules of scenario files: what they name is in their world, and times and amounts make sense."""

from collections.abc import Iterator

from outlast.config.faults import Path, shorten
from outlast.config.finding import Finding, did_you_mean, warning
from outlast.drill.scenario import (
    PARTS,
    Act,
    ActionKind,
    Expectation,
    ExpectKind,
    Fault,
    FaultKind,
    Scenario,
)
from outlast.drill.vary import Case, NoSuchParameter, value_at
from outlast.model.topology import Topology

_SHARES = {
    FaultKind.ZONE,
    FaultKind.CAPACITY,
    FaultKind.ERRORS,
    FaultKind.COUNTRY,
    FaultKind.CHECKER,
}
_SERVICES = {
    FaultKind.SERVICE,
    FaultKind.CAPACITY,
    FaultKind.LATENCY,
    FaultKind.ERRORS,
    FaultKind.LOAD,
    FaultKind.CACHE_WIPE,
    FaultKind.CHECKER,
    FaultKind.CREDENTIALS,
}
_NAMELESS = {FaultKind.CONTROL_PLANE, FaultKind.STORE}
_SERVED = {ExpectKind.SERVED_MIN, ExpectKind.SERVED_MEAN, ExpectKind.CRITICAL_MIN}
_OF_SERVICES = {
    ActionKind.THROTTLE,
    ActionKind.RESTART,
    ActionKind.FAILOVER_OFF,
    ActionKind.FAILOVER_ON,
    ActionKind.ADD_CAPACITY,
    ActionKind.SET_RATE,
}
_OF_REGIONS = {ActionKind.EVACUATE, ActionKind.RETURN}
ARROW = ">"
WHOLE = "dns"
"""What stands for all of the control plane."""
STEP_MAX_S = 60.0
"""Figures are kept once a minute; a longer step would be taken for one of a minute."""


def judge(scenario: Scenario, topology: Topology) -> Iterator[Finding]:
    """Yield everything that is wrong with a scenario in a world."""
    world = _World(topology)
    for at, fault in enumerate(scenario.faults):
        yield from _fault(world, fault, ("faults", at), scenario.length_s)
    for at, act in enumerate(scenario.actions):
        yield from _act(world, act, ("actions", at), scenario)
    for at, wanted in enumerate(scenario.expectations):
        yield from _expectation(world, wanted, ("expectations", at), scenario)
    yield from _variations(scenario, topology)
    if not 0 < scenario.step_s <= scenario.length_s:
        remedy = "write a length above 0, and a step that fits in it"
        yield _wrong("step", ("step",), "no step fits in the length", remedy)
    elif scenario.step_s > STEP_MAX_S:
        remedy = "write a step of a minute at most"
        yield _wrong("step", ("step",), "the step is longer than a minute", remedy)
    if not scenario.expectations:
        message = "nothing is expected, so this drill cannot fail"
        yield warning("no-expectation", ("expectations",), message, "add `expectations:`", "")


class _World:
    """The names of a world, by what they are."""

    def __init__(self, topology: Topology) -> None:
        self._known: dict[str, tuple[str, ...]] = {
            "region": tuple(one.name for one in topology.regions),
            "service": tuple(one.name for one in topology.services),
            "provider": tuple(one.name for one in topology.providers),
        }
        endpoints = tuple(one.name for one in topology.endpoints)
        self._known["service or endpoint"] = (*self._known["service"], *endpoints)

    def check(self, noun: str, name: str, path: Path) -> Iterator[Finding]:
        """Yield a finding if nothing of this name is there."""
        if name not in self._known[noun]:
            yield Finding(
                rule=f"unknown-{noun.split(maxsplit=1)[0]}",
                path=path,
                message=f"there is no {noun} `{shorten(name)}` in this world",
                remedy=did_you_mean(name, self._known[noun], noun),
                value=shorten(name),
            )


def _wrong(rule: str, path: Path, message: str, remedy: str) -> Finding:
    return Finding(rule=rule, path=path, message=message, remedy=remedy)


def _noun(kind: FaultKind) -> str:
    if kind in _SERVICES:
        return "service"
    return {
        FaultKind.REGION: "region",
        FaultKind.ZONE: "region",
        FaultKind.PROVIDER: "provider",
        FaultKind.EMPTY_NAME: "service or endpoint",
        FaultKind.SERVFAIL: "service or endpoint",
    }.get(kind, "")


def _fault(world: _World, fault: Fault, path: Path, length_s: float) -> Iterator[Finding]:
    noun = _noun(fault.kind)
    here = (*path, "subject")
    if not fault.subject and fault.kind not in _NAMELESS:
        yield _wrong("missing", here, f"a `{fault.kind}` fault needs a subject", "add `subject:`")
    elif noun:
        yield from world.check(noun, fault.subject, here)
    elif fault.kind is FaultKind.EDGE:
        yield from _edge(world, fault.subject, here)
    elif fault.kind is FaultKind.CONTROL_PLANE and fault.subject not in {"", WHOLE, *PARTS}:
        message = f"the control plane has no part `{shorten(fault.subject)}`"
        known = (WHOLE, *PARTS)
        yield _wrong("unknown-part", here, message, did_you_mean(fault.subject, known, "part"))
    if fault.region:
        yield from world.check("region", fault.region, (*path, "region"))
    if fault.until_s is not None and fault.until_s <= fault.at_s:
        remedy = "write a later `until`, or its length as `for: 40m`"
        yield _wrong("order", (*path, "until"), "the fault ends before it begins", remedy)
    if not 0 <= fault.at_s < length_s:
        remedy = "begin it earlier, or make `length` longer"
        yield _wrong("order", (*path, "at"), "the fault does not begin within the drill", remedy)
    if fault.kind in _SHARES and not 0 <= fault.amount <= 1:
        yield _share(path, "amount")


def _share(path: Path, key: str) -> Finding:
    message = "a share lies between 0 and 1"
    return _wrong("share", (*path, key), message, "write it as in `0.4` or `40%`")


def _edge(world: _World, subject: str, path: Path) -> Iterator[Finding]:
    start, arrow, end = subject.partition(ARROW)
    if not arrow:
        yield _wrong("edge", path, "it is no road between services", "write `from>to`")
        return
    yield from world.check("service", start.strip(), path)
    yield from world.check("service or endpoint", end.strip(), path)


def _act(world: _World, act: Act, path: Path, scenario: Scenario) -> Iterator[Finding]:
    here = (*path, "subject")
    if act.kind in _OF_SERVICES:
        yield from world.check("service", act.subject, here)
    elif act.kind in _OF_REGIONS:
        yield from world.check("region", act.subject, here)
    elif act.kind is ActionKind.FLUSH:
        yield from world.check("service or endpoint", act.subject, here)
    elif act.kind is ActionKind.REPAIR:
        subjects = tuple(one.subject for one in scenario.faults)
        if act.subject not in subjects:
            message = f"no fault has the subject `{shorten(act.subject)}`"
            yield _wrong("repair", here, message, did_you_mean(act.subject, subjects, "fault"))
    if act.region:
        yield from world.check("region", act.region, (*path, "region"))
    if act.when_service:
        yield from world.check("service", act.when_service, (*path, "when", "service"))
        if not 0 < act.when_below <= 1:
            yield _share((*path, "when"), "below")
    if act.at_s is not None and not 0 <= act.at_s <= scenario.length_s:
        message = "the action does not fall within the drill"
        yield _wrong("order", (*path, "at"), message, "take it earlier, or make `length` longer")


def _expectation(
    world: _World, wanted: Expectation, path: Path, scenario: Scenario
) -> Iterator[Finding]:
    if wanted.service:
        yield from world.check("service", wanted.service, (*path, "service"))
    if wanted.region:
        yield from world.check("region", wanted.region, (*path, "region"))
    if wanted.kind in _SERVED and not 0 <= wanted.value <= 1:
        yield _share(path, "value")
    if wanted.kind is ExpectKind.WINDOW and not wanted.edge:
        message = "a window has two edges"
        yield _wrong("window", (*path, "edge"), message, "add `edge: begin` or `edge: end`")
    until_s = scenario.length_s if wanted.until_s is None else wanted.until_s
    if not 0 <= wanted.from_s < until_s <= scenario.length_s:
        message = "the time looked at does not lie within the drill"
        yield _wrong("order", (*path, "from"), message, "write `from` and `until` within `length`")


def _variations(scenario: Scenario, topology: Topology) -> Iterator[Finding]:
    case = Case(topology, scenario)
    for at, one in enumerate(scenario.variations):
        try:
            value_at(case, one.path)
        except NoSuchParameter as error:
            remedy = "write it as in the topology: `services.NAME.serving.rate`"
            yield _wrong("parameter", ("variations", at, "path"), str(error), remedy)
