"""Answers to questions: what stands in which section, and how much of it fits.

`Responder.answer` knows the rules; `Responder.hot` is a dictionary in front of it. Its keys are whole
packets without their id, its values finished answers without theirs, so a repeated question costs one
lookup and one concatenation. Only positive answers of one name go in, since those are changed by an
update of that name alone: a change forgets exactly the entries of its names, whatever the zone's size.
Negative answers carry the SOA record, whose serial changes with every update; they are made anew.
Nor do questions in mixed case (0x20) or with EDNS options (cookies) go in: each would be a new key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from outlast.drivers.nameserver import wire
from outlast.drivers.nameserver.choice import Choice, Random, Table, choose
from outlast.drivers.nameserver.settings import Counters, NameServerSettings
from outlast.drivers.nameserver.tsig import Signature
from outlast.drivers.nameserver.weights import WEIGHTS_LABEL, weights_of
from outlast.drivers.nameserver.wire import Message, Opcode, Question, Rcode, Type
from outlast.drivers.nameserver.zone import RRset, Zone, find

CHAIN_MAX = 8
"""CNAME records followed in one answer; a resolver goes on by itself from there."""

HOT_BYTES_MAX = 4096
POINTER_TO_QUESTION = b"\xc0\x0c"

_VERSION_NAMES = frozenset({b"\x07version\x04bind\0", b"\x07version\x06server\0"})


@dataclass(frozen=True, slots=True)
class Drawn:
    """A finished answer but for the choice in its middle."""

    head: bytes
    choice: Choice
    tail: bytes

    def draw(self, random: Random) -> bytes:
        """Return an answer without its id."""
        return self.head + self.choice.draw(random) + self.tail


Hot = bytes | tuple[bytes, ...] | Drawn
"""A finished answer; several that are equally likely; or one with a choice to be made."""


@dataclass(frozen=True, slots=True)
class Content:
    """What an answer says, before it is fitted into a message."""

    rcode: int
    flags: int = 0
    answer: bytes = b""
    answer_count: int = 0
    authority: bytes = b""
    authority_count: int = 0
    choice: Choice | None = None


class Responder:
    """Answers questions from a set of zones."""

    def __init__(
        self,
        zones: Mapping[bytes, Zone],
        settings: NameServerSettings,
        counters: Counters,
        random: Random,
    ) -> None:
        self._zones = zones
        self._settings = settings
        self._counters = counters
        self.random = random
        self.hot: dict[bytes, Hot] = {}
        self._hot_keys: dict[bytes, list[bytes]] = {}
        self._choices: dict[bytes, dict[int, Choice]] = {}

    def zone_for(self, name: bytes) -> Zone | None:
        """Return the most specific zone that holds a name."""
        while True:
            found = self._zones.get(name)
            if found is not None or name == b"\0":
                return found
            name = wire.parent_of(name)

    def forget(self, names: Iterable[bytes]) -> None:
        """Drop everything prepared for names that have changed."""
        for name in names:
            self._forget(name)
            if name.startswith(WEIGHTS_LABEL):
                self._forget(wire.parent_of(name))

    def _forget(self, name: bytes) -> None:
        self._choices.pop(name, None)
        for key in self._hot_keys.pop(name, ()):
            self.hot.pop(key, None)

    def answer(
        self, message: Message, data: bytes, *, udp: bool, signature: Signature | None = None
    ) -> bytes:
        """Answer a well-formed question. The answer is not signed yet, but leaves room for that."""
        question, edns = message.question, message.edns
        if edns is not None and edns.version:
            return self.fit(message, Content(Rcode.BADVERS), udp=udp, signature=signature)
        if question is None or message.answers or message.authority:
            return self.fit(message, Content(Rcode.FORMERR), udp=udp, signature=signature)
        content = self._content(question)
        whole = self.fit(message, content, udp=udp, signature=signature)
        if udp and content.choice is not None and signature is None:
            self._remember(message, data, content, whole)
        return whole

    def fit(
        self, message: Message, content: Content, *, udp: bool, signature: Signature | None = None
    ) -> bytes:
        """Put an answer into a message; what is too long goes out empty, with the TC bit."""
        self._counters.answered(content.rcode)
        room = wire.MESSAGE_MAX
        if udp:
            theirs = message.edns.payload if message.edns else wire.PAYLOAD_MIN
            room = max(wire.PAYLOAD_MIN, min(theirs, self._settings.payload))
        if signature is not None:
            room -= signature.length
        body = content.answer
        if content.choice is not None:
            body = content.choice.draw(self.random)
        head, tail = self._frame(message, content)
        whole = head + body + tail
        if len(whole) <= room:
            return whole
        self._counters.truncated += 1
        empty = Content(content.rcode, content.flags | wire.TC)
        return b"".join(self._frame(message, empty))

    def _frame(self, message: Message, content: Content) -> tuple[bytes, bytes]:
        """Return what stands before and behind the answer section."""
        flags = wire.QR | message.flags & (wire.OPCODE_MASK | wire.RD)
        flags |= content.flags | content.rcode & 15
        opt = b""
        if message.edns is not None:
            dnssec_ok = message.edns.dnssec_ok
            opt = wire.pack_edns(self._settings.payload, content.rcode, dnssec_ok=dnssec_ok)
        raw = message.question.raw if message.question else b""
        count = content.choice.count if content.choice is not None else content.answer_count
        counts = (bool(raw), count, content.authority_count, bool(opt))
        return wire.pack_header(message.ident, flags, counts) + raw, content.authority + opt

    def _content(self, question: Question) -> Content:
        if question.rclass == wire.CH and question.name in _VERSION_NAMES:
            record = POINTER_TO_QUESTION + b"\0\x10\0\x03\0\0\0\0\0\x08\x07outlast"
            return Content(Rcode.NOERROR, wire.AA, record, 1)
        zone = self.zone_for(question.name) if question.rclass == wire.IN else None
        if zone is None:
            return Content(Rcode.REFUSED)
        if question.rtype in {0, Type.OPT} or 128 <= question.rtype < Type.ANY:
            return Content(Rcode.NOTIMP)
        return self._look_up(question, zone)

    def _look_up(self, question: Question, zone: Zone) -> Content:
        name = question.name
        node = zone.node(name)
        if question.rtype == Type.ANY and node:
            # RFC 8482 section 4.1: one record set is answer enough.
            return self._positive(zone, name, node[0])
        found = find(node, question.rtype)
        if found is not None:
            return self._positive(zone, name, found)
        alias = find(node, Type.CNAME)
        if alias is not None:
            return self._follow(question, zone, alias)
        rcode = Rcode.NOERROR if zone.exists(name) else Rcode.NXDOMAIN
        authority = _negative_soa(zone, question)
        return Content(rcode, wire.AA, authority=authority, authority_count=1)

    def _positive(self, zone: Zone, name: bytes, rrset: RRset) -> Content:
        if rrset.rtype == Type.SOA:
            record = wire.pack_record(POINTER_TO_QUESTION, Type.SOA, rrset.ttl_s, rrset.rdatas[0])
            return Content(Rcode.NOERROR, wire.AA, record, 1)
        return Content(Rcode.NOERROR, wire.AA, choice=self._choice(zone, name, rrset))

    def _choice(self, zone: Zone, name: bytes, rrset: RRset) -> Choice:
        of_name = self._choices.get(name)
        if of_name is None:
            if len(self._choices) >= self._settings.limits.hot_answers_max:
                self._choices.clear()
            of_name = self._choices[name] = {}
        found = of_name.get(rrset.rtype)
        if found is None:
            found = of_name[rrset.rtype] = self._choose(zone, name, rrset, POINTER_TO_QUESTION)
        return found

    def _choose(self, zone: Zone, name: bytes, rrset: RRset, owner: bytes) -> Choice:
        records = tuple(
            wire.pack_record(owner, rrset.rtype, rrset.ttl_s, rdata) for rdata in rrset.rdatas
        )
        if rrset.rtype not in {Type.A, Type.AAAA}:
            return choose(records, (), 0)
        return choose(records, weights_of(zone, name, rrset), self._settings.answers_max)

    def _follow(self, question: Question, zone: Zone, alias: RRset) -> Content:
        """Follow aliases as far as our own zones go (RFC 1034 section 4.3.2; RFC 6604 for the code)."""
        owner, parts, seen = POINTER_TO_QUESTION, list[bytes](), {question.name}
        while True:
            target = alias.rdatas[0]
            parts.append(wire.pack_record(owner, Type.CNAME, alias.ttl_s, target))
            owner = target
            beyond = self.zone_for(target)
            stops = target in seen or len(parts) >= CHAIN_MAX or question.rtype == Type.ANY
            if beyond is None or stops:
                return _chain(Rcode.NOERROR, parts)
            seen.add(target)
            zone = beyond
            found = find(zone.node(target), question.rtype)
            if found is not None:
                choice = self._choose(zone, target, found, target)
                parts.append(choice.draw(self.random))
                return _chain(Rcode.NOERROR, parts, len(parts) - 1 + choice.count)
            further = find(zone.node(target), Type.CNAME)
            if further is None:
                rcode = Rcode.NOERROR if zone.exists(target) else Rcode.NXDOMAIN
                return _chain(rcode, parts, authority=_negative_soa(zone, None))
            alias = further

    def _remember(self, message: Message, data: bytes, content: Content, whole: bytes) -> None:
        question, edns = message.question, message.edns
        if question is None or question.raw[:-4] != question.name:
            return
        options = edns is not None and not edns.bare
        if options or len(message.additional) != (edns is not None):
            return
        if len(self.hot) >= self._settings.limits.hot_answers_max:
            self.hot.clear()
            self._hot_keys.clear()
        key = data[2:]
        self.hot[key] = self._finished(message, content, whole)
        self._hot_keys.setdefault(question.name, []).append(key)

    def _finished(self, message: Message, content: Content, whole: bytes) -> Hot:
        choice = content.choice
        if choice is None or whole[2] & wire.TC >> 8:
            return whole[2:]
        head, tail = self._frame(message, content)
        if isinstance(choice, Table) and not choice.cumulated:
            bodies = tuple(head[2:] + body + tail for body in choice.bodies)
            if sum(map(len, bodies)) <= HOT_BYTES_MAX:
                return bodies if len(bodies) > 1 else bodies[0]
        return Drawn(head[2:], choice, tail)


def _chain(rcode: Rcode, parts: list[bytes], count: int = 0, *, authority: bytes = b"") -> Content:
    answer = b"".join(parts)
    return Content(rcode, wire.AA, answer, count or len(parts), authority, bool(authority))


def _negative_soa(zone: Zone, question: Question | None) -> bytes:
    """Pack the SOA record of a negative answer, with the TTL of RFC 2308 section 5."""
    soa = zone.soa
    minimum = int.from_bytes(soa.rdatas[0][-4:], "big")
    owner = zone.apex
    if question is not None:
        offset = wire.HEADER_LENGTH + len(question.name) - len(zone.apex)
        owner = (0xC000 | offset).to_bytes(2, "big")
    return wire.pack_record(owner, Type.SOA, min(soa.ttl_s, minimum), soa.rdatas[0])


def header_only(data: bytes, rcode: Rcode) -> bytes:
    """Answer a packet that could not be read with its header alone."""
    ident, flags = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
    flags = wire.QR | flags & (wire.OPCODE_MASK | wire.RD) | rcode
    return wire.pack_header(ident, flags, (0, 0, 0, 0))


def truncated(data: bytes) -> bytes | None:
    """Answer a question with nothing but the TC bit, without looking it up; None: it is no question."""
    try:
        message = wire.parse(data)
    except wire.Malformed:
        return None
    if message.question is None or message.opcode != Opcode.QUERY:
        return None
    flags = wire.QR | wire.TC | message.flags & wire.RD
    return wire.pack_header(message.ident, flags, (1, 0, 0, 0)) + message.question.raw
