"""What was found, and the cleaning of foreign words.

Names come from files that others wrote. They become words of a topology, and evidence becomes a comment in
one; neither may break out of its place, or a service called `# audit: ignore-file ...` would silence us.
"""

import re
from dataclasses import dataclass, field

from outlast.model.facts import NameServer, Role
from outlast.model.names import DnsName
from outlast.model.service import DependencyKind

WORD_LENGTH_MAX = 63
EVIDENCE_LENGTH_MAX = 160

_NO_WORD = re.compile(r"[^a-z0-9._-]+")
_NO_EVIDENCE = re.compile(r"[^\w ./:,()=-]")


def word(text: str) -> str:
    """Turn a foreign name into one of a topology; empty if nothing is left of it."""
    clean = _NO_WORD.sub("-", text.lower()).strip("._-")[:WORD_LENGTH_MAX]
    return clean.strip("._-")


def evidence(text: str) -> str:
    """Make a text harmless in a comment."""
    clean = _NO_EVIDENCE.sub("?", text).replace("audit:", "audit")
    return clean[:EVIDENCE_LENGTH_MAX]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRegion:
    """A place."""

    name: str
    evidence: str
    title: str = ""
    vendor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenService:
    """Something that runs.

    Attributes:
        essential: whether people use it at first hand, as far as the source shows.
    """

    name: str
    evidence: str
    regions: tuple[str, ...] = ()
    role: Role | None = None
    vendor: str = ""
    essential: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenNeed:
    """That one service needs another."""

    service: str
    needs: str
    kind: DependencyKind
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenZone:
    """A zone, as the DNS shows it; None: not seen."""

    name: DnsName
    evidence: str
    name_servers: tuple[NameServer, ...] = ()
    negative_ttl_s: int | None = None
    delegation_ttl_s: int | None = None
    ds_ttl_s: int | None = None
    signed: bool | None = None


@dataclass(slots=True)
class Found:
    """Everything that was found, in the order in which it was met.

    Attributes:
        notices: what has no place in a topology, but somebody should know.
    """

    regions: dict[str, SeenRegion] = field(default_factory=dict)
    services: dict[str, SeenService] = field(default_factory=dict)
    needs: dict[tuple[str, str], SeenNeed] = field(default_factory=dict)
    zones: dict[str, SeenZone] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def service(self, one: SeenService) -> None:
        """Add a service; the first evidence stays."""
        if one.name:
            self.services.setdefault(one.name, one)

    def need(self, one: SeenNeed) -> None:
        """Add a need; a harder one replaces a softer one."""
        if not one.service or not one.needs or one.service == one.needs:
            return
        known = self.needs.get((one.service, one.needs))
        if known is None or _HARDNESS[one.kind] > _HARDNESS[known.kind]:
            self.needs[one.service, one.needs] = one


_HARDNESS = {
    DependencyKind.SOFT: 0,
    DependencyKind.CONTROL: 1,
    DependencyKind.CACHED: 2,
    DependencyKind.STARTUP: 3,
    DependencyKind.HARD: 4,
}
