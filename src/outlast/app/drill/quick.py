"""The quick question: `--lose region:us-east-1`, in a topology, without a scenario file.

The words are those with which the audit names things, so that the command it prints works as it stands.
"""

from collections.abc import Iterator, Sequence

from outlast.config.finding import did_you_mean
from outlast.config.scenario import START
from outlast.drill.scenario import Expectation, ExpectKind, Fault, FaultKind, Scenario
from outlast.model.errors import ConfigError
from outlast.model.topology import Topology

CALM_S = 600.0
"""Rest before the fault, so that the figures show what was there before."""
AFTER_S = 3600.0
"""What is watched after it: caches, retries and queues outlive a fault."""
SERVED_MIN = 0.99
ZONES = 3
"""Where a region does not say."""
KINDS = (
    "region",
    "zone",
    "service",
    "endpoint",
    "name",
    "provider",
    "dns-zone",
    "target",
    "shared",
    "country",
    "control-plane",
    "store",
    "edge",
)


def question(topology: Topology, world: str, lost: Sequence[str], for_s: float) -> Scenario:
    """Return the scenario of a question.

    Args:
        world: how the topology was named.
        lost: things such as `region:us-east-1`; `zone:REGION`, `service:NAME@REGION`, `edge:FROM>TO`.
        for_s: for how long they are gone.

    Raises:
        ConfigError: there is no such thing.
    """
    faults = tuple(fault for text in lost for fault in faults_of(topology, text, for_s))
    wanted = Expectation(
        name="each essential service stays up", kind=ExpectKind.SERVED_MIN, value=SERVED_MIN
    )
    return Scenario(
        name="lose " + " ".join(lost),
        title=f"{', '.join(lost)} gone for {for_s / 60:g} min in {world}",
        world=world,
        start=START,
        length_s=CALM_S + for_s + AFTER_S,
        faults=faults,
        expectations=(wanted,) if any(one.essential for one in topology.services) else (),
    )


def faults_of(topology: Topology, text: str, for_s: float) -> Iterator[Fault]:
    """Yield what `--lose` means."""
    kind, colon, rest = text.partition(":")
    if kind not in KINDS or (not colon and kind not in {"control-plane", "store"}):
        known = ", ".join(f"{one}:NAME" for one in KINDS)
        raise ConfigError(f"`--lose {text}` names nothing", remedy=f"write one of {known}")
    name, _, region = rest.partition("@")
    for fault, subject, amount in _meant(topology, kind, name):
        yield Fault(
            kind=fault,
            subject=subject,
            region=_known(topology.regions, region, "region") if region else "",
            at_s=CALM_S,
            until_s=CALM_S + for_s,
            amount=amount,
        )


_ALONE = {
    "control-plane": FaultKind.CONTROL_PLANE,
    "store": FaultKind.STORE,
    "edge": FaultKind.EDGE,
    "country": FaultKind.COUNTRY,
}


def _meant(topology: Topology, kind: str, name: str) -> list[tuple[FaultKind, str, float]]:
    match kind:
        case "region":
            return [(FaultKind.REGION, _known(topology.regions, name, kind), 1.0)]
        case "zone":
            where = _known(topology.regions, name, "region")
            return [(FaultKind.ZONE, where, zone_ratio(topology, where))]
        case "service":
            return [(FaultKind.SERVICE, _known(topology.services, name, kind), 1.0)]
        case "endpoint" | "name":
            things = [*topology.services, *topology.endpoints]
            return [(FaultKind.EMPTY_NAME, _known(things, name, "endpoint"), 1.0)]
        case "provider":
            return [(FaultKind.PROVIDER, _known(topology.providers, name, kind), 1.0)]
        case "dns-zone":
            return [(FaultKind.PROVIDER, one, 1.0) for one in _serving(topology, name)]
        case "target":
            return _target(topology, name)
        case "shared":
            return [(FaultKind.REGION, one, 1.0) for one in _sharing(topology, name)]
    return [(_ALONE[kind], name or "dns", 1.0)]


def zone_ratio(topology: Topology, region: str) -> float:
    """Return the share of a region that one of its zones is; of three where their number is not known."""
    zones = next(one.zones for one in topology.regions if one.name == region)
    return 1 / (zones or ZONES)


def _known(things: Sequence[object], name: str, noun: str) -> str:
    names = [str(getattr(one, "name", "")) for one in things]
    if name not in names:
        raise ConfigError(f"there is no {noun} {name!r}", remedy=did_you_mean(name, names, noun))
    return name


def _serving(topology: Topology, zone: str) -> list[str]:
    found = [str(one.name) for one in topology.providers if zone in one.zones]
    if not found:
        raise ConfigError(f"no provider has the zone {zone!r}", remedy="name one of its zones")
    return found


def _target(topology: Topology, name: str) -> list[tuple[FaultKind, str, float]]:
    endpoint, _, target = name.partition("/")
    for one in topology.endpoints:
        for member in one.targets:
            if (one.name, member.name) == (endpoint, target):
                share = 1 / sum(other.region == member.region for other in one.targets)
                return [(FaultKind.ZONE, member.region, share)]
    raise ConfigError(f"there is no target {name!r}", remedy="write `target:ENDPOINT/TARGET`")


def _sharing(topology: Topology, word: str) -> list[str]:
    found = [str(one.name) for one in topology.regions if word in one.shares]
    if not found:
        raise ConfigError(f"no region shares {word!r}", remedy="name one of the regions' `shares`")
    return found
