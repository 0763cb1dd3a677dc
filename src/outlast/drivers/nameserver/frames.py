"""Frames: how zones lie on disk. Pure packing, no files.

A frame is `OLJ1`, length, CRC-32, payload. Its payload is a sequence number and a map of zones to
changed nodes, each whole, so applying a frame twice does no harm. One group of updates is one frame:
while it is written its pages may reach the disk in any order, so a half-written frame is told apart
from a damaged one by what follows it. Nothing follows the frame that was being written when the power
went; it was never acknowledged and is dropped. A bad frame *before* a good one is damage.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping

from outlast.drivers.nameserver.zone import Node, Nodes, RRset

MAGIC = b"OLJ1"
_HEAD = struct.Struct("!4sII")
_SEQUENCE = struct.Struct("!QH")
_RRSET = struct.Struct("!HIH")


class Damaged(Exception):
    """Bytes that are no whole frame, from an offset on.

    Attributes:
        offset: where the damage begins.
        torn: whether it is the file's end alone: nothing whole follows.
    """

    def __init__(self, offset: int, *, torn: bool) -> None:
        super().__init__(offset)
        self.offset = offset
        self.torn = torn


def pack_frame(sequence: int, changes: Mapping[bytes, Mapping[bytes, Node]]) -> bytes:
    """Pack changes to zones, given by apex."""
    parts = [_SEQUENCE.pack(sequence, len(changes))]
    for apex, nodes in changes.items():
        parts.append(bytes((len(apex),)) + apex + len(nodes).to_bytes(4, "big"))
        for name, node in nodes.items():
            parts.append(bytes((len(name),)) + name)
            parts.append(_pack_node(node))
    payload = b"".join(parts)
    return _HEAD.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


def _pack_node(node: Node) -> bytes:
    parts = [bytes((len(node),))]
    for rrset in node:
        parts.append(_RRSET.pack(rrset.rtype, rrset.ttl_s, len(rrset.rdatas)))
        parts.extend(len(rdata).to_bytes(2, "big") + rdata for rdata in rrset.rdatas)
    return b"".join(parts)


def unpack_payload(payload: bytes) -> tuple[int, dict[bytes, Nodes]]:
    """Return a frame's sequence number and changes."""
    sequence, zone_count = _SEQUENCE.unpack_from(payload)
    at = _SEQUENCE.size
    changes: dict[bytes, Nodes] = {}
    for _ in range(zone_count):
        apex = payload[at + 1 : at + 1 + payload[at]]
        at += 1 + len(apex)
        count = int.from_bytes(payload[at : at + 4], "big")
        at += 4
        nodes = changes.setdefault(apex, {})
        for _ in range(count):
            name = payload[at + 1 : at + 1 + payload[at]]
            nodes[name], at = _unpack_node(payload, at + 1 + len(name))
    return sequence, changes


def _unpack_node(payload: bytes, at: int) -> tuple[Node, int]:
    count = payload[at]
    at += 1
    node: list[RRset] = []
    for _ in range(count):
        rtype, ttl_s, records = _RRSET.unpack_from(payload, at)
        at += _RRSET.size
        rdatas: list[bytes] = []
        for _ in range(records):
            size = int.from_bytes(payload[at : at + 2], "big")
            rdatas.append(payload[at + 2 : at + 2 + size])
            at += 2 + size
        node.append(RRset(rtype, ttl_s, tuple(rdatas)))
    return tuple(node), at


def _payload_at(data: bytes, at: int) -> bytes | None:
    if len(data) - at < _HEAD.size:
        return None
    magic, length, crc = _HEAD.unpack_from(data, at)
    payload = data[at + _HEAD.size : at + _HEAD.size + length]
    if magic != MAGIC or len(payload) != length or zlib.crc32(payload) != crc:
        return None
    return payload


def read_frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each frame's end and payload.

    Raises:
        Damaged: where a frame is none; `torn` says whether everything behind it is lost as well.
    """
    at = 0
    while at < len(data):
        payload = _payload_at(data, at)
        if payload is None:
            raise Damaged(at, torn=not _any_frame_behind(data, at + 1))
        at += _HEAD.size + len(payload)
        yield at, payload


def _any_frame_behind(data: bytes, at: int) -> bool:
    while (at := data.find(MAGIC, at)) >= 0:
        if _payload_at(data, at) is not None:
            return True
        at += 1
    return False
