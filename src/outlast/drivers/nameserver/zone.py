"""What a zone holds: nodes, each the record sets of one name, and drafts of changes to them.

A node is an immutable tuple, so a copy of the dictionary is a consistent picture of the zone: a
transfer or a snapshot walks over one while updates go on. A change is a mapping from names to whole
new nodes; applying it costs what changed, not what the zone holds.

An *empty non-terminal* is a name without records that has names below it: it exists (RFC 8020), so
asking for it yields NODATA. `_below` counts, for each such name, how many names hang under it.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from outlast.drivers.nameserver.wire import Type, parent_of


@dataclass(frozen=True, slots=True)
class RRset:
    """All records of one name and type: distinct data in wire form, sorted."""

    rtype: int
    ttl_s: int
    rdatas: tuple[bytes, ...]


Node = tuple[RRset, ...]
"""The record sets of one name, by type. The empty tuple: nothing stands there."""

Nodes = dict[bytes, Node]


def find(node: Node, rtype: int) -> RRset | None:
    """Return a node's record set of a type."""
    for one in node:
        if one.rtype == rtype:
            return one
    return None


def with_rrset(node: Node, rrset: RRset) -> Node:
    """Return a node with a record set put in the place of the one of its type; without data: removed."""
    rest = [one for one in node if one.rtype != rrset.rtype]
    if rrset.rdatas:
        rest.append(rrset)
    return tuple(sorted(rest, key=lambda one: one.rtype))


class View(Protocol):
    """A zone, or a draft over one."""

    def node(self, name: bytes) -> Node:
        """Return what stands at a name."""
        ...


class Draft:
    """Changes that are not yet true, over a zone or over another draft."""

    __slots__ = ("_base", "changed")

    def __init__(self, base: View) -> None:
        self._base = base
        self.changed: Nodes = {}

    def node(self, name: bytes) -> Node:
        """Return what would stand at a name."""
        found = self.changed.get(name)
        return self._base.node(name) if found is None else found

    def put(self, name: bytes, node: Node) -> None:
        """Change a name; changing it back leaves no change."""
        if node == self._base.node(name):
            self.changed.pop(name, None)
        else:
            self.changed[name] = node


class Zone:
    """One zone's content, as it is answered."""

    __slots__ = ("_below", "apex", "nodes")

    def __init__(self, apex: bytes, nodes: Mapping[bytes, Node]) -> None:
        self.apex = apex
        self.nodes: Nodes = {}
        self._below: dict[bytes, int] = {}
        self.apply(nodes)

    def node(self, name: bytes) -> Node:
        """Return what stands at a name."""
        return self.nodes.get(name, ())

    def exists(self, name: bytes) -> bool:
        """Whether a name has records, or names below it."""
        return name in self.nodes or name in self._below

    @property
    def soa(self) -> RRset:
        """The SOA record set of the apex, which every zone has."""
        return self.nodes[self.apex][_soa_at(self.nodes[self.apex])]

    @property
    def serial(self) -> int:
        """The serial number of the content."""
        return serial_of(self.soa)

    def apply(self, changes: Mapping[bytes, Node]) -> None:
        """Make changes true."""
        for name, node in changes.items():
            had = name in self.nodes
            if node:
                self.nodes[name] = node
                if not had:
                    self._count(name, 1)
            elif had:
                del self.nodes[name]
                self._count(name, -1)

    def _count(self, name: bytes, step: int) -> None:
        while len(name) > len(self.apex):
            name = parent_of(name)
            count = self._below.get(name, 0) + step
            if count:
                self._below[name] = count
            else:
                del self._below[name]


def _soa_at(node: Node) -> int:
    for at, one in enumerate(node):
        if one.rtype == Type.SOA:
            return at
    raise LookupError("a zone without SOA")


def serial_of(soa: RRset) -> int:
    """Read the serial number of a SOA record set: 20 bytes of numbers stand behind the two names."""
    return int(struct.unpack_from("!I", soa.rdatas[0], len(soa.rdatas[0]) - 20)[0])


def with_serial(soa: RRset, serial: int) -> RRset:
    """Return a SOA record set with another serial number."""
    rdata = soa.rdatas[0]
    return RRset(soa.rtype, soa.ttl_s, (rdata[:-20] + struct.pack("!I", serial) + rdata[-16:],))


def next_serial(serial: int) -> int:
    """Return the serial number after this one (RFC 1982); zero is skipped, some servers dislike it."""
    return (serial + 1) & 0xFFFFFFFF or 1
