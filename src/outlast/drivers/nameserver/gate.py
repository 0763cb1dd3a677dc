"""The gate: every packet's way in. It reads, checks the signature, and says what is to be done.

Whatever the bytes, the result is one of: nothing; one answer; an update for the writer; a transfer.
Nothing here raises for what a client sent.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from outlast.drivers.nameserver import wire
from outlast.drivers.nameserver.answer import Content, Responder, header_only
from outlast.drivers.nameserver.settings import Counters, Fact, FactHook, FactKind
from outlast.drivers.nameserver.tsig import Keyring, Signature, TsigError
from outlast.drivers.nameserver.update import Refusal, Update, decode
from outlast.drivers.nameserver.wire import Malformed, Message, Opcode, Rcode, Type
from outlast.drivers.nameserver.zone import Zone

WallClock = Callable[[], float]
"""Seconds since 1970, for signatures."""


@dataclass(frozen=True, slots=True)
class Updating:
    """An authenticated update of one of our zones."""

    update: Update
    message: Message
    signature: Signature


@dataclass(frozen=True, slots=True)
class Transferring:
    """A permitted transfer of a zone."""

    zone: Zone
    message: Message
    signature: Signature | None


Passed = bytes | Updating | Transferring | None


class Gate:
    """Decides what becomes of packets."""

    def __init__(
        self,
        zones: Mapping[bytes, Zone],
        responder: Responder,
        keyring: Keyring,
        *,
        counters: Counters,
        transfer_hosts: frozenset[str],
        on_fact: FactHook,
        wall_clock: WallClock = time.time,
    ) -> None:
        self._zones = zones
        self._responder = responder
        self._keyring = keyring
        self._counters = counters
        self._transfer_hosts = transfer_hosts
        self._on_fact = on_fact
        self._wall_clock = wall_clock

    def now_s(self) -> int:
        """Return the time as signatures count it."""
        return int(self._wall_clock())

    def enter(self, data: bytes, host: str, *, udp: bool) -> Passed:
        """Take in one packet from a host."""
        if len(data) < wire.HEADER_LENGTH or data[2] & 0x80:
            self._counters.ignored += 1
            return None
        try:
            message = wire.parse(data)
            return self._enter(message, data, host, udp=udp)
        except Malformed:
            self._counters.answered(Rcode.FORMERR)
            return header_only(data, Rcode.FORMERR)

    def reply(
        self,
        message: Message,
        rcode: Rcode,
        signature: Signature | None,
        *,
        udp: bool,
        flags: int = 0,
    ) -> bytes:
        """Make an answer that is a response code and no more, signed if the request was."""
        content = Content(rcode, flags)
        whole = self._responder.fit(message, content, udp=udp, signature=signature)
        return whole if signature is None else signature.sign(whole, self.now_s())

    def _enter(self, message: Message, data: bytes, host: str, *, udp: bool) -> Passed:
        signature = None
        if message.tsig is not None:
            signature = self._keyring.verify(data, message.tsig, self.now_s())
            if signature.error is not TsigError.NONE:
                detail = f"{host}: {signature.error.name}"
                self._on_fact(Fact(FactKind.SIGNATURE_REFUSED, detail))
                return self.reply(message, Rcode.NOTAUTH, signature, udp=udp)
        match message.opcode:
            case Opcode.QUERY:
                return self._query(message, data, host, signature, udp=udp)
            case Opcode.UPDATE:
                return self._update(message, data, host, signature, udp=udp)
            case Opcode.NOTIFY:
                # We are the primary of every zone here; nobody can have news for us.
                return self.reply(message, Rcode.REFUSED, signature, udp=udp)
            case _:
                return self.reply(message, Rcode.NOTIMP, signature, udp=udp)

    def _query(
        self, message: Message, data: bytes, host: str, signature: Signature | None, *, udp: bool
    ) -> Passed:
        question = message.question
        if question is not None and question.rtype in {Type.AXFR, Type.IXFR}:
            return self._transfer(message, host, signature, udp=udp)
        whole = self._responder.answer(message, data, udp=udp, signature=signature)
        return whole if signature is None else signature.sign(whole, self.now_s())

    def _transfer(
        self, message: Message, host: str, signature: Signature | None, *, udp: bool
    ) -> Passed:
        question = message.question
        zone = self._zones.get(question.name) if question else None
        if question is None or zone is None or question.rclass != wire.IN:
            return self.reply(message, Rcode.NOTAUTH, signature, udp=udp)
        if signature is None and host not in self._transfer_hosts:
            detail = f"{wire.name_to_text(zone.apex)} to {host}: neither a secondary nor signed"
            self._on_fact(Fact(FactKind.TRANSFER_REFUSED, detail))
            return self.reply(message, Rcode.REFUSED, signature, udp=udp)
        if not udp:
            return Transferring(zone, message, signature)
        if question.rtype == Type.AXFR:  # RFC 5936 section 4.2
            return self.reply(message, Rcode.FORMERR, signature, udp=udp)
        return self._newest(zone, message, signature)

    def _newest(self, zone: Zone, message: Message, signature: Signature | None) -> bytes:
        """Answer IXFR over UDP with the SOA record alone: "ask again over TCP" (RFC 1995 section 4)."""
        soa = zone.soa
        record = wire.pack_record(zone.apex, Type.SOA, soa.ttl_s, soa.rdatas[0])
        content = Content(Rcode.NOERROR, wire.AA, record, 1)
        whole = self._responder.fit(message, content, udp=True, signature=signature)
        return whole if signature is None else signature.sign(whole, self.now_s())

    def _update(
        self, message: Message, data: bytes, host: str, signature: Signature | None, *, udp: bool
    ) -> Passed:
        try:
            return self._decode_update(message, data, signature, udp=udp)
        except Malformed:
            refusal = Refusal(Rcode.FORMERR, "a record that is none of its type")
        except Refusal as known:
            refusal = known
        self._counters.updates_refused += 1
        detail = f"from {host}: {refusal.rcode.name}: {refusal.why}"
        self._on_fact(Fact(FactKind.UPDATE_REFUSED, detail))
        return self.reply(message, refusal.rcode, signature, udp=udp)

    def _decode_update(
        self, message: Message, data: bytes, signature: Signature | None, *, udp: bool
    ) -> Updating:
        if signature is None:
            raise Refusal(Rcode.REFUSED, "not signed")
        if udp:
            # A packet of a sender that gave up long ago can still wait in a socket or on the way.
            raise Refusal(Rcode.REFUSED, "updates are taken over TCP only")
        section = message.question
        if section is None or section.rtype != Type.SOA:
            raise Refusal(Rcode.FORMERR, "the zone section must name one zone, type SOA")
        if section.rclass != wire.IN or section.name not in self._zones:
            raise Refusal(Rcode.NOTAUTH, f"{wire.name_to_text(section.name)} is no zone of ours")
        update = decode(message, data, section.name)
        for record, _ in (*update.conditions, *update.changes):
            closest = self._responder.zone_for(record.owner)
            if closest is None or closest.apex != section.name:
                raise Refusal(Rcode.NOTZONE, "a name lies in another of our zones")
        return Updating(update, message, signature)
