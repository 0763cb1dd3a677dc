"""Dynamic update (RFC 2136): conditions, then changes, all or nothing.

`evaluate` is pure: it reads a zone through a view and returns either a refusal or the new nodes. The
order of the checks is the RFC's (sections 3.1 to 3.4), so the response code is the one that any other
server would give.

Two deviations, both on the side of all or nothing:

- RFC 2136 section 3.4.2.2 lets a server drop, silently, an address that is added beside a CNAME, or a
  CNAME beside an address, and still acknowledge the message. BIND and Knot do; then a fence moves to a
  plan that is not published. Here the whole message is refused.
- NS and SOA of the apex belong to the settings, and what this server has no answer for (delegations,
  wildcards, signatures) is refused, instead of being stored and answered wrongly.
"""

from dataclasses import dataclass

from outlast.drivers.nameserver import wire
from outlast.drivers.nameserver.wire import (
    ANY_CLASS,
    IN,
    NONE,
    Message,
    Rcode,
    Record,
    Type,
    is_below,
    name_to_text,
    read_rdata,
)
from outlast.drivers.nameserver.zone import Draft, Node, Nodes, RRset, View, find
from outlast.model.records import TTL_MAX_S

RRSET_RECORDS_MAX = 2000
RRSET_BYTES_MAX = 60_000
"""A record set must fit into one TCP answer of 65,535 bytes, else nobody could ever read it."""

_UNSUPPORTED = frozenset(
    {
        Type.NS,
        Type.SOA,
        Type.DNAME,
        Type.DS,
        Type.RRSIG,
        Type.NSEC,
        Type.DNSKEY,
        Type.NSEC3,
        Type.NSEC3PARAM,
    }
)
_APEX_TYPES = frozenset({Type.SOA, Type.NS})

_Open = dict[int, tuple[int, set[bytes]]]
"""A node under work: for each type, its TTL and data."""


class Refusal(Exception):
    """An update that is not carried out: the response code, and why, for people."""

    def __init__(self, rcode: Rcode, why: str) -> None:
        super().__init__(why)
        self.rcode = rcode
        self.why = why


@dataclass(frozen=True, slots=True)
class Update:
    """An update message in the terms of a zone: parsed and checked for form."""

    apex: bytes
    conditions: tuple[tuple[Record, bytes], ...]
    changes: tuple[tuple[Record, bytes], ...]


def _is_meta(rtype: int) -> bool:
    """Whether a type is none that a record can have (RFC 6895 section 3.1)."""
    return rtype in {0, Type.OPT} or 128 <= rtype <= 255


def decode(message: Message, data: bytes, apex: bytes) -> Update:
    """Check the form of an update of a zone, and that all of it lies in the zone.

    Raises:
        Refusal: FORMERR or NOTZONE.
        Malformed: a record's data is none of its type.
    """
    conditions = tuple((record, _read_condition(record, data, apex)) for record in message.answers)
    changes = tuple((record, _read_change(record, data, apex)) for record in message.authority)
    return Update(apex, conditions, changes)


def _check_form(record: Record, apex: bytes, *, ttl_free: bool, empty: bool) -> None:
    if not is_below(record.owner, apex):
        raise Refusal(Rcode.NOTZONE, f"{name_to_text(record.owner)} is not in the zone")
    if (record.ttl and not ttl_free) or (empty and record.data_at != record.data_end):
        raise Refusal(Rcode.FORMERR, "a TTL or data where RFC 2136 wants none")


def _read_condition(record: Record, data: bytes, apex: bytes) -> bytes:
    """Read a prerequisite (section 3.2)."""
    match record.rclass:
        case wire.ANY_CLASS | wire.NONE:
            _check_form(record, apex, ttl_free=False, empty=True)
            if _is_meta(record.rtype) and record.rtype != Type.ANY:
                raise Refusal(Rcode.FORMERR, "a condition on a type that no record has")
            return b""
        case wire.IN:
            _check_form(record, apex, ttl_free=False, empty=False)
            if _is_meta(record.rtype):
                raise Refusal(Rcode.FORMERR, "a condition on a type that no record has")
            return read_rdata(data, record)
        case _:
            raise Refusal(Rcode.FORMERR, f"class {record.rclass} in a condition")


def _read_change(record: Record, data: bytes, apex: bytes) -> bytes:
    """Read a change (section 3.4.1)."""
    meta = _is_meta(record.rtype)
    match record.rclass:
        case wire.IN:
            _check_form(record, apex, ttl_free=True, empty=False)
        case wire.NONE:
            _check_form(record, apex, ttl_free=False, empty=False)
        case wire.ANY_CLASS:
            _check_form(record, apex, ttl_free=False, empty=True)
            meta = meta and record.rtype != Type.ANY
        case _:
            raise Refusal(Rcode.FORMERR, f"class {record.rclass} in a change")
    if meta:
        raise Refusal(Rcode.FORMERR, "a change of a type that no record has")
    return read_rdata(data, record) if record.rclass in {IN, NONE} else b""


def evaluate(update: Update, view: View) -> Nodes:
    """Return what an update makes of a zone: the nodes that change; none: it is true already.

    Raises:
        Refusal: a condition does not hold, or a change cannot be made.
    """
    _check_conditions(update.conditions, view)
    # Sets while the work goes on: a message can add 3,000 records to one name, one at a time.
    open_nodes: dict[bytes, _Open] = {}
    for record, rdata in update.changes:
        node = open_nodes.get(record.owner)
        if node is None:
            node = {one.rtype: (one.ttl_s, set(one.rdatas)) for one in view.node(record.owner)}
            open_nodes[record.owner] = node
        _change(record, rdata, node, at_apex=record.owner == update.apex)
    draft = Draft(view)
    for name, node in open_nodes.items():
        draft.put(name, _closed(name, node))
    return draft.changed


def _check_conditions(conditions: tuple[tuple[Record, bytes], ...], view: View) -> None:
    wanted: dict[tuple[bytes, int], set[bytes]] = {}
    for record, rdata in conditions:
        if record.rclass == IN:
            wanted.setdefault((record.owner, record.rtype), set()).add(rdata)
        else:
            _check_presence(record, view.node(record.owner))
    for (owner, rtype), rdatas in wanted.items():
        found = find(view.node(owner), rtype)
        # The whole set, not a part of it: a second fence beside the expected one is not the expected one.
        if found is None or set(found.rdatas) != rdatas:
            raise Refusal(Rcode.NXRRSET, f"{name_to_text(owner)} does not hold the values named")


def _check_presence(record: Record, node: Node) -> None:
    any_type = record.rtype == Type.ANY
    there = bool(node) if any_type else find(node, record.rtype) is not None
    if record.rclass == ANY_CLASS and not there:
        code = Rcode.NXDOMAIN if any_type else Rcode.NXRRSET
        raise Refusal(code, f"{name_to_text(record.owner)} is not there")
    if record.rclass == NONE and there:
        code = Rcode.YXDOMAIN if any_type else Rcode.YXRRSET
        raise Refusal(code, f"{name_to_text(record.owner)} is there")


def _change(record: Record, rdata: bytes, node: _Open, *, at_apex: bool) -> None:
    if record.rclass == IN:
        _add(record, rdata, node)
    elif at_apex and record.rtype in _APEX_TYPES:
        pass  # section 3.4.2.3: a zone without SOA or NS would be none
    elif record.rclass == NONE:
        if record.rtype in node:
            node[record.rtype][1].discard(rdata)
            if not node[record.rtype][1]:
                del node[record.rtype]
    elif record.rtype == Type.ANY:
        for rtype in [one for one in node if not (at_apex and one in _APEX_TYPES)]:
            del node[rtype]
    else:
        node.pop(record.rtype, None)


def _add(record: Record, rdata: bytes, node: _Open) -> None:
    name = name_to_text(record.owner)
    if record.rtype in _UNSUPPORTED or record.owner[:2] == b"\x01*":
        raise Refusal(Rcode.REFUSED, f"{name}: type {record.rtype} there is not for updates")
    if record.ttl > TTL_MAX_S:
        raise Refusal(Rcode.FORMERR, f"{name}: TTL {record.ttl} s")
    if any((rtype == Type.CNAME) != (record.rtype == Type.CNAME) for rtype in node):
        raise Refusal(Rcode.REFUSED, f"{name}: a CNAME and other records exclude each other")
    # One CNAME a name: another one takes its place (section 3.4.2.2).
    fresh = record.rtype == Type.CNAME or record.rtype not in node
    rdatas = set() if fresh else node[record.rtype][1]
    rdatas.add(rdata)
    # One TTL for the whole set (RFC 2181 section 5.2): the newest one.
    node[record.rtype] = (record.ttl, rdatas)


def _closed(name: bytes, node: _Open) -> Node:
    for _, rdatas in node.values():
        if len(rdatas) > RRSET_RECORDS_MAX or sum(map(len, rdatas)) > RRSET_BYTES_MAX:
            raise Refusal(Rcode.REFUSED, f"{name_to_text(name)}: more than one answer can hold")
    return tuple(
        RRset(rtype, ttl, tuple(sorted(rdatas))) for rtype, (ttl, rdatas) in sorted(node.items())
    )
