"""Zone transfers out (RFC 5936): how real secondaries get the zone.

A transfer walks over a copy of the zone's dictionary, so it shows one moment; messages are made one at
a time, as fast as the connection takes them, and the event loop has its turn after each. IXFR is
answered with a whole transfer, which RFC 1995 section 4 allows, or with the SOA record alone where the
secondary is up to date.
"""

from collections.abc import Iterator

from outlast.drivers.nameserver import wire
from outlast.drivers.nameserver.gate import Transferring
from outlast.drivers.nameserver.wire import Malformed, Record, Type
from outlast.drivers.nameserver.zone import Nodes, RRset, Zone, serial_of

MESSAGE_TARGET = 16_000
"""RFC 5936 section 3.4: names compress well only in the first 16 KiB; also a fair slice of work."""


def transfer_messages(request: Transferring, data: bytes) -> Iterator[bytes]:
    """Yield the messages of a transfer, unsigned; each may be made only after the one before was sent."""
    zone, message = request.zone, request.message
    if _is_up_to_date(zone, message.authority, data):
        yield from _packed(request, _soa_record(zone.soa))
    else:
        yield from _packed(request, _records(zone.apex, zone.soa, dict(zone.nodes)))


def _is_up_to_date(zone: Zone, authority: tuple[Record, ...], data: bytes) -> bool:
    if len(authority) != 1 or authority[0].rtype != Type.SOA:
        return False
    try:
        rdata = wire.read_rdata(data, authority[0])
    except Malformed:
        return False
    return serial_of(RRset(Type.SOA, 0, (rdata,))) == zone.serial


def _soa_record(soa: RRset) -> Iterator[bytes]:
    yield wire.pack_record(b"\xc0\x0c", Type.SOA, soa.ttl_s, soa.rdatas[0])


def _records(apex: bytes, soa: RRset, nodes: Nodes) -> Iterator[bytes]:
    """Yield every record, the SOA record first and last (RFC 5936 section 2.2)."""
    yield from _soa_record(soa)
    for name, node in nodes.items():
        # The question stands at offset 12 of each message: names end in a pointer to the apex there.
        owner = name[: len(name) - len(apex)] + b"\xc0\x0c"
        for rrset in node:
            if rrset.rtype != Type.SOA:
                for rdata in rrset.rdatas:
                    yield wire.pack_record(owner, rrset.rtype, rrset.ttl_s, rdata)
    yield from _soa_record(soa)


def _packed(request: Transferring, records: Iterator[bytes]) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = 0
    for record in records:
        if parts and size + len(record) > MESSAGE_TARGET:
            yield _message(request, parts)
            parts, size = [], 0
        parts.append(record)
        size += len(record)
    yield _message(request, parts)


def _message(request: Transferring, parts: list[bytes]) -> bytes:
    message = request.message
    raw = message.question.raw if message.question else b""
    flags = wire.QR | wire.AA | message.flags & wire.RD
    return wire.pack_header(message.ident, flags, (1, len(parts), 0, 0)) + raw + b"".join(parts)
