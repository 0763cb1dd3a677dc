"""What was found in somebody else's files: records that can move in, and what must stay where it is.

Staying is no loss. Whatever does not move in stands in the DNS as before, untouched by Outlast, which
writes nothing beside the names of its endpoints (S6). So a source is never refused for what it holds: it
is read as far as it goes, and the rest is told, each with its place.
"""

from dataclasses import dataclass, field

from outlast.model.names import DnsName
from outlast.model.records import Family


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands. Line 0: the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """Something that does not move in.

    Attributes:
        what: name and type, or the part of a record.
        why: one line.
        remedy: what to do for it to move in, or nothing.
        whole: whether a record stays as it is; else only a trait of one that moves in is lost.
    """

    place: Place
    what: str
    why: str
    remedy: str = ""
    whole: bool = True

    def __str__(self) -> str:
        told = f"{self.place}: {self.what}: {self.why}"
        return f"{told}\n  -> {self.remedy}" if self.remedy else told


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenAddress:
    """One address at one name.

    Attributes:
        region: where the source says it stands, as a word; empty: it does not say.
        label: what the source calls it; empty: it does not.
        tier: 0: first choice; 1: only if that is gone, and so on.
    """

    zone: DnsName
    name: DnsName
    family: Family
    address: str
    ttl_s: int
    place: Place
    region: str = ""
    label: str = ""
    weight: int = 1
    tier: int = 0


@dataclass(slots=True)
class Seen:
    """All that one source held.

    Attributes:
        zones: in the order in which they were met.
        cuts: names below which another zone begins: addresses there are glue, and not this zone's.
        servers: hosts of name servers.
        mixed: names of which a part is answered in a way that Outlast does not know: all of it stays.
        checks: how the source probes a name, as the text of a `check:`.
    """

    zones: list[DnsName] = field(default_factory=list)
    addresses: list[SeenAddress] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    cuts: set[str] = field(default_factory=set)
    servers: set[str] = field(default_factory=set)
    mixed: set[str] = field(default_factory=set)
    checks: dict[DnsName, str] = field(default_factory=dict)

    def serve(self, zone: DnsName, name: str, server: str) -> None:
        """Note an NS record: a name server, and a delegation where it is not at the zone's apex."""
        self.servers.add(server.rstrip(".").lower())
        if name != zone:
            self.cuts.add(name)

    def stay(self, place: Place, what: str, why: str, remedy: str = "") -> None:
        """Note a record that stays."""
        self.stays.append(Stay(place=place, what=what, why=why, remedy=remedy))

    def lose(self, place: Place, what: str, why: str, remedy: str = "") -> None:
        """Note a trait that a record loses when it moves in."""
        stay = Stay(place=place, what=what, why=why, remedy=remedy, whole=False)
        self.stays.append(stay)
