"""A whole zone by AXFR (RFC 5936), fast enough for the first look at very many endpoints.

dnspython takes some five seconds for 100,000 names; the loop here reads only the types that Outlast
knows and remembers, message by message, what a compression pointer stands for.

Two traps. A transfer that breaks in the middle looks like a smaller zone, so nothing is handed out before
the closing SOA has come. And only some of its messages need be signed (RFC 8945 section 5.3.1), so
what lies between two signatures is not proven before the second one.
"""

import asyncio
import hmac
import struct
from socket import inet_ntoa

from outlast.drivers.providers.image import Piece, ZoneImage
from outlast.drivers.providers.reading import signature_fault
from outlast.drivers.providers.reply import (
    NOTAUTH,
    PLAIN,
    REFUSED,
    Malformed,
    label_text,
    parse,
    rcode_name,
    read_signature,
    value_of,
)
from outlast.drivers.providers.tsig import Key, Signature, signed_part, timers_of
from outlast.drivers.providers.wire import (
    CLASS_IN,
    RECORD_TYPES,
    TYPE_AXFR,
    TYPE_CODES,
    TYPE_SOA,
    pack_query,
)
from outlast.model.errors import Denied, ProviderError, Unreachable
from outlast.model.names import DnsName
from outlast.model.records import RecordType
from outlast.model.topology import Address

TIMEOUT_S = 60.0
"""For a whole transfer. A zone of a million names takes some ten seconds."""

UNSIGNED_MAX = 99
"""RFC 8945 section 5.3.1: at most so many messages between two signed ones."""

_HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHIH")
_A = TYPE_CODES[RecordType.A]
_TXT = TYPE_CODES[RecordType.TXT]


class ZoneReader:
    """The records of a transfer in progress.

    Attributes:
        complete: whether the closing SOA has come.
    """

    def __init__(self, zone: DnsName) -> None:
        self.complete = False
        self._zone = zone
        self._opened = False
        self._sets: dict[int, dict[str, Piece]] = {code: {} for code in RECORD_TYPES}

    def add(self, message: bytes) -> Signature | None:
        """Take over the answer section of one message; return its signature.

        Raises:
            Malformed: it is no message of a transfer.
        """
        try:
            return self._add(message)
        except (IndexError, struct.error):
            raise Malformed("it ends in the middle") from None

    def _add(self, message: bytes) -> Signature | None:
        _, _, questions, answers, authority, additional = _HEADER.unpack_from(message)
        names: dict[int, str] = {}
        at = _HEADER.size
        for _ in range(questions):
            _, at = _read_name(message, at, at, names)
            at += 4
        sets, size, unpack = self._sets, len(message), _RECORD.unpack_from
        for _ in range(answers):
            name, at = _read_name(message, at, at, names)
            code, rclass, ttl_s, length = unpack(message, at)
            start = at + 10
            at = start + length
            if code in sets and rclass == CLASS_IN and at <= size:
                value = _read_value(message, code, start, at)
                known = sets[code].setdefault(name, (ttl_s, value))
                if known[1] is not value:
                    sets[code][name] = _join(known, value)
            elif code == TYPE_SOA:
                self._count_soa(name)
            if not self._opened:
                raise Malformed("a transfer that does not begin with the zone's SOA")
        return read_signature(message, at, authority, additional)

    def _count_soa(self, name: str) -> None:
        if self.complete or name != self._zone:
            raise Malformed(f"an SOA record of {name} in the transfer of {self._zone}")
        self.complete = self._opened
        self._opened = True

    def image(self, server: Address) -> ZoneImage:
        """Return what has come in from a server."""
        return ZoneImage(self._zone, self._sets, server)


def _join(known: Piece, value: str) -> Piece:
    """Add a value to a set. Servers send a set in one piece, but need not."""
    ttl_s, before = known
    values = before if isinstance(before, tuple) else (before,)
    return (ttl_s, values) if value in values else (ttl_s, tuple(sorted((*values, value))))


def _read_value(message: bytes, code: int, start: int, end: int) -> str:
    if code == _A and end - start == 4:
        return inet_ntoa(message[start:end])
    if code == _TXT and end - start > 1 and message[start] == end - start - 1:
        text = message[start + 1 : end].decode("latin-1")
        if text.isascii() and text.isprintable() and "\\" not in text:
            return text
    return value_of(message, code, (start, end))


def _read_name(message: bytes, at: int, limit: int, names: dict[int, str]) -> tuple[str, int]:
    """Read a name with the help of the names read before in the same message.

    Args:
        limit: pointers must point before this offset, the beginning of the name; see `reply`.
    """
    size = message[at]
    if 0 < size <= 0x3F and message[at + size + 1] >= 0xC0:
        # Nearly every name of a large zone: one label, then a pointer to a name read before.
        end = at + size + 1
        rest = names.get((message[end] & 0x3F) << 8 | message[end + 1], "")
        label = message[at + 1 : end]
        if rest and not label.translate(None, PLAIN):
            name = names[at] = f"{label.decode('ascii').lower()}.{rest}"
            return name, end + 2
    if size >= 0xC0:
        target = (size & 0x3F) << 8 | message[at + 1]
        known = names.get(target)
        if known is None:
            if target >= limit:
                raise Malformed("a compression pointer that does not point back")
            known, _ = _read_name(message, target, target, names)
        return known, at + 2
    if not size:
        return "", at + 1
    if size > 0x3F:
        raise Malformed("a label of an unknown kind")
    text = label_text(message[at + 1 : at + 1 + size])
    rest, end = _read_name(message, at + 1 + size, limit, names)
    name = f"{text}.{rest}" if rest else text
    names[at] = name
    return name, end


class _Verifier:
    """Checks the signatures of a transfer's messages, each bound to all before it."""

    def __init__(self, key: Key, request_mac: bytes) -> None:
        self._key = key
        self._request_mac = request_mac
        self._mac: hmac.HMAC | None = None
        self._unsigned = 0

    @property
    def settled(self) -> bool:
        """Whether everything so far is proven."""
        return self._mac is not None and not self._unsigned

    def check(self, message: bytes, signature: Signature | None) -> bool:
        """Take the next message; return whether nothing is wrong so far."""
        if self._mac is None:
            good = signature is not None and self._key.verifies(
                message, signature, self._request_mac
            )
        elif signature is None:
            self._mac.update(message)
            self._unsigned += 1
            return self._unsigned <= UNSIGNED_MAX
        else:
            self._mac.update(signed_part(message, signature) + timers_of(signature))
            good = hmac.compare_digest(self._mac.digest(), signature.mac)
        if good and signature is not None:
            self._mac = self._key.new_mac(signature.mac)
            self._unsigned = 0
        return good


async def transfer(
    server: Address, zone: DnsName, key: Key | None, *, at_s: int, timeout_s: float = TIMEOUT_S
) -> ZoneImage:
    """Fetch a zone's records of the types that Outlast knows.

    Args:
        at_s: the time, for the signature.

    Raises:
        Unreachable: no connection, or it broke, or the time ran out.
        Denied: the server will not hand the zone to us.
        ProviderError: what came is no transfer of the zone, or is not signed as it should be.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _transfer(server, zone, key, at_s)
    except TimeoutError:
        raise Unreachable(f"{server}: transfer of {zone} took over {timeout_s:g} s") from None
    except (OSError, EOFError) as error:
        raise Unreachable(f"{server}: transfer of {zone} broke: {error}") from None
    except Malformed as fault:
        raise ProviderError(f"{server}: no transfer of {zone}: {fault}") from None


async def _transfer(server: Address, zone: DnsName, key: Key | None, at_s: int) -> ZoneImage:
    request = pack_query(zone, TYPE_AXFR, at_s & 0xFFFF)
    verifier = None
    if key is not None:
        request, request_mac = key.sign(request, at_s)
        verifier = _Verifier(key, request_mac)
    reader, writer = await asyncio.open_connection(server.host, server.port)
    found = ZoneReader(zone)
    try:
        writer.write(len(request).to_bytes(2, "big") + request)
        while not found.complete:
            length = int.from_bytes(await reader.readexactly(2), "big")
            message = await reader.readexactly(length)
            _check_rcode(message, server, zone)
            signature = found.add(message)
            if verifier is not None and not verifier.check(message, signature):
                raise ProviderError(f"{server}: transfer of {zone}: a signature is wrong")
            await asyncio.sleep(0)  # a large zone must not hold up the probes of others
    finally:
        writer.transport.abort()
    if verifier is not None and not verifier.settled:
        raise ProviderError(f"{server}: transfer of {zone}: its end is not signed")
    return found.image(server)


def _check_rcode(message: bytes, server: Address, zone: DnsName) -> None:
    if len(message) < _HEADER.size or not message[2] & 0x80:
        raise Malformed("no answer")
    rcode = message[3] & 0xF
    if not rcode:
        return
    signature = parse(message).signature
    if signature is not None and signature.error:
        what, remedy = signature_fault(signature)
        raise Denied(f"{server}: transfer of {zone}: {what}", remedy=remedy)
    what = f"{server}: transfer of {zone}: {rcode_name(rcode)}"
    if rcode in (REFUSED, NOTAUTH):
        raise Denied(what, remedy="may the key transfer the zone (allow-transfer, acl)?")
    raise ProviderError(what)
