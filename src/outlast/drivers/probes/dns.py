"""DNS probes: does a name server there know the name?

A query for the A records of `server_name` over UDP, and once more over TCP if the answer is truncated.
Good is an answer to this very question with NOERROR and at least one record in its answer section,
authoritative or not: the target may be a resolver. NOERROR with nothing in it is bad, whether a referral
or "no such data", since that is how a name server looks whose name was wiped.

The socket is connected, so the kernel lets in only datagrams from the address and port that were asked.
A datagram that answers another question, or bears another id, is passed over: it may be forged, and to
end the probe on it would let anyone who can send us a packet mark a target bad.
"""

import struct

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from outlast.drivers.probes.judgement import Judgement, bad
from outlast.drivers.probes.wire import OwnFault, Wire
from outlast.ports import Assignment

_HEADER_BYTES = 12


async def check(assignment: Assignment, *, deadline: float, message_id: int) -> Judgement:
    """Ask once; see the module for what is good.

    Args:
        message_id: 16 bits that nobody can guess.

    Raises:
        OSError: something that the target did.
        OwnFault: we could not look.
    """
    try:
        query = dns.message.make_query(
            assignment.server_name, dns.rdatatype.A, id=message_id, use_edns=False
        )
    except dns.exception.DNSException as error:
        raise OwnFault(f"{assignment.server_name!r} is no DNS name") from error
    answer = await _ask_udp(assignment, query, deadline)
    if isinstance(answer, dns.message.Message) and answer.flags & dns.flags.TC:
        answer = await _ask_tcp(assignment, query, deadline)
    if isinstance(answer, Judgement):
        return answer
    if answer.rcode() is not dns.rcode.NOERROR:
        return bad(f"DNS {dns.rcode.to_text(answer.rcode())}")
    if not answer.answer:
        return bad(f"DNS NOERROR without a record of {assignment.server_name}")
    return Judgement(good=True, detail="DNS NOERROR")


async def _ask_udp(
    assignment: Assignment, query: dns.message.Message, deadline: float
) -> dns.message.Message | Judgement:
    wire = Wire(assignment.host, deadline=deadline, udp=True)
    try:
        await wire.connect(assignment.host, assignment.check.port)
        await wire.send(query.to_wire())
        while True:
            answer = _parse(await wire.receive(), query)
            if answer is not None:
                return answer
    finally:
        wire.abort()


async def _ask_tcp(
    assignment: Assignment, query: dns.message.Message, deadline: float
) -> dns.message.Message | Judgement:
    wire = Wire(assignment.host, deadline=deadline)
    try:
        await wire.connect(assignment.host, assignment.check.port)
        message = query.to_wire()
        await wire.send(struct.pack("!H", len(message)) + message)
        received = b""
        while len(received) < 2 or len(received) < 2 + int.from_bytes(received[:2]):
            data = await wire.receive()
            if not data:
                return bad("DNS over TCP: closed in the middle of an answer")
            received += data
    finally:
        wire.abort()
    answer = _parse(received[2 : 2 + int.from_bytes(received[:2])], query)
    return answer or bad("DNS over TCP: an answer to another question")


def _parse(message: bytes, query: dns.message.Message) -> dns.message.Message | Judgement | None:
    """Return the answer; None if it is none to our query; a judgement if nobody can read it."""
    if len(message) < _HEADER_BYTES or int.from_bytes(message[:2]) != query.id:
        return None
    try:
        answer = dns.message.from_wire(message, ignore_trailing=True)
    except dns.exception.DNSException as error:
        return bad(f"DNS: an answer that cannot be read ({type(error).__name__})")
    return answer if query.is_response(answer) else None
