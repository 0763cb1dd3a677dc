"""The faults that can be rehearsed, and which of them make sense for a dependency."""

from dataclasses import dataclass
from enum import StrEnum

from outlast.client.dependency import Dependency


class Fault(StrEnum):
    """What goes wrong. The first four happen in the DNS, the next five to connections, then HTTP and TLS."""

    WIPE = "wipe"
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"
    SILENT = "silent"
    BLACKHOLE = "blackhole"
    REFUSE = "refuse"
    RESET = "reset"
    LATENCY = "latency"
    DRIP = "drip"
    ERROR_5XX = "5xx"
    THROTTLE = "429"
    CREDENTIALS = "credentials"
    CERTIFICATE = "certificate"


DNS_FAULTS = frozenset({Fault.WIPE, Fault.NXDOMAIN, Fault.SERVFAIL, Fault.SILENT})
HTTP_FAULTS = frozenset({Fault.ERROR_5XX, Fault.THROTTLE, Fault.CREDENTIALS})


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One rehearsal: a dependency, or all of a region or provider, and a fault.

    Attributes:
        target: the dependency's name, `region NAME` or `provider NAME`.
        scope: `home`: its first host; `all`: all its hosts; a region or provider is always `all`.
        fault: what goes wrong.
    """

    target: str
    scope: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.target}{' everywhere' if self.scope == 'all' else ''}: {self.fault}"

    @property
    def slug(self) -> str:
        """A form without blanks, for the names of tests."""
        return f"{self.target.replace(' ', '-')}-{self.scope}-{self.fault}"


def host_of(host: str) -> tuple[str, int | None]:
    """Split `host` or `host:port`."""
    name, _, port = host.rpartition(":")
    return (name.lower(), int(port)) if name and port.isdigit() else (host.lower(), None)


def is_address(name: str) -> bool:
    """Whether a host is an address and thus has no name to wipe."""
    return ":" in name or name.replace(".", "").isdigit()


def faults_of(one: Dependency) -> list[Fault]:
    """Return the faults that make sense for a dependency."""
    if not one.hosts:
        return []
    named = not is_address(host_of(one.hosts[0])[0])
    return [
        fault
        for fault in Fault
        if (named or fault not in DNS_FAULTS)
        and (one.protocol != "tcp" or fault not in HTTP_FAULTS)
        and (one.protocol == "https" or fault is not Fault.CERTIFICATE)
    ]


def cells_of(dependencies: list[Dependency]) -> list[Cell]:
    """Return all rehearsals of an application."""
    cells: list[Cell] = []
    for one in dependencies:
        scopes = ["home", "all"] if len(one.hosts) > 1 else ["home"]
        cells.extend(Cell(one.name, scope, fault) for scope in scopes for fault in faults_of(one))
    # The loss of a region where nothing is at home is not felt, so it could never be met.
    regions = dict.fromkeys(region for one in dependencies for region in one.regions[:1])
    cells.extend(Cell(f"region {region}", "all", Fault.WIPE) for region in regions)
    providers = dict.fromkeys(one.provider for one in dependencies if one.provider)
    cells.extend(Cell(f"provider {provider}", "all", Fault.REFUSE) for provider in providers)
    return cells


def hosts_of(cell: Cell, dependencies: list[Dependency]) -> list[str]:
    """Return the hosts that a rehearsal strikes."""
    kind, _, name = cell.target.partition(" ")
    if kind == "region":
        return [
            host
            for one in dependencies
            for host, region in zip(one.hosts, one.regions, strict=False)
            if region == name
        ]
    if kind == "provider":
        return [host for one in dependencies if one.provider == name for host in one.hosts]
    hosts = next(one.hosts for one in dependencies if one.name == cell.target)
    return list(hosts if cell.scope == "all" else hosts[:1])
