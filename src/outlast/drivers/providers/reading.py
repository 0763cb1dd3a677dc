"""What is asked to see an endpoint as it stands in the DNS, and what counts as an answer.

The same questions go to the server that takes our writes (`rfc2136`, over TCP) and to the servers that
the world asks (`authority`, over UDP). An answer counts only if it is authoritative: a resolver in
between would show us its cache. "No such name" and "no such type" are both plain absence.
"""

from dataclasses import dataclass

from outlast.drivers.providers.reply import (
    NOERROR,
    NOTAUTH,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    Reply,
    record_sets_at,
)
from outlast.drivers.providers.tsig import BADKEY, BADSIG, BADTIME, Signature
from outlast.drivers.providers.wire import TYPE_CODES
from outlast.model.errors import Denied, ProviderError
from outlast.model.fence import epoch_name, next_name
from outlast.model.names import DnsName
from outlast.model.plan import Layout, Observation
from outlast.model.records import RecordSet, RecordType, sort_record_sets, weights_name
from outlast.model.topology import Address
from outlast.model.units import Nanos

_RESPONSE = 0x8000


@dataclass(frozen=True, slots=True)
class Question:
    """One name and type to ask for."""

    name: DnsName
    rtype: RecordType

    @property
    def code(self) -> int:
        """The type's number."""
        return TYPE_CODES[self.rtype]


def questions_of(layout: Layout) -> tuple[Question, ...]:
    """Return what must be asked to see an endpoint: first the fence, then the epoch, then the data."""
    fixed = [
        Question(layout.fence_at, RecordType.TXT),
        Question(epoch_name(layout.zone), RecordType.TXT),
    ]
    for name in layout.names:
        fixed.append(Question(name, RecordType.A))  # a CNAME at the name shows up here
        fixed.append(Question(name, RecordType.AAAA))
        fixed.append(Question(weights_name(name), RecordType.TXT))
    if layout.mirrors:
        fixed.append(Question(next_name(layout.fence_at), RecordType.TXT))
    return tuple(fixed)


def read_answer(reply: Reply, question: Question, server: Address) -> list[RecordSet]:
    """Return what an answer says to stand at the name asked for.

    Raises:
        Denied: the server refuses to answer us.
        ProviderError: it is no authoritative answer to this question.
        Malformed: a record that is none of its type.
    """
    where = f"{server} asked for {question.name} {question.rtype}"
    if not reply.flags & _RESPONSE or reply.question != (question.name, question.code):
        _check_rcode(reply, where)
        raise ProviderError(
            f"{where}: the answer is to something else",
            remedy="is it a DNS server, and is nothing on the way that rewrites answers?",
        )
    _check_rcode(reply, where)
    if reply.truncated:
        raise ProviderError(f"{where}: the answer is cut off, over TCP where none is")
    if not reply.authoritative:
        raise ProviderError(
            f"{where}: the answer is not authoritative",
            remedy="name the zone's primary as `server`, not a resolver; is the name delegated away?",
        )
    return record_sets_at(reply, question.name)


def _check_rcode(reply: Reply, where: str) -> None:
    if reply.rcode in (NOERROR, NXDOMAIN):
        return
    what = f"{where}: {reply.rcode_name}"
    if reply.rcode == REFUSED:
        raise Denied(what, remedy="is the zone served here, and may we ask? see its log")
    if reply.rcode == NOTAUTH:
        raise Denied(what, remedy="are key, secret and both clocks right? is the zone served here?")
    if reply.rcode == SERVFAIL:
        raise ProviderError(what, remedy="is the zone loaded? see the server's log")
    raise ProviderError(what)


def signature_fault(signature: Signature) -> tuple[str, str]:
    """Say what a server found wrong with our signature, and what to do about it."""
    name = signature.name
    if signature.error == BADTIME:
        clock_s = signature.server_clock_s
        skew = "" if clock_s is None else f" by {_skew(clock_s - signature.signed_at_s)}"
        return (
            f"BADTIME: the server's clock differs from ours{skew}",
            "set both clocks by NTP; they may differ by 300 s",
        )
    if signature.error == BADKEY:
        return f"BADKEY: the server knows no key {name}", "compare the key's name and algorithm"
    if signature.error == BADSIG:
        return f"BADSIG: the secret of key {name} differs", "copy the secret from the server again"
    return f"TSIG error {signature.error}", "see the server's log"


def _skew(seconds: int) -> str:
    return f"{abs(seconds)} s ({'ahead' if seconds > 0 else 'behind'})"


def observe(
    layout: Layout, answers: dict[Question, list[RecordSet]], server: Address, at_ns: Nanos
) -> Observation:
    """Put the answers together.

    Raises:
        ProviderError: a CNAME stands where fence or epoch should: BIND and Knot would acknowledge a
            write and silently drop its fence beside it, so nothing may be written.
    """
    guarded: list[tuple[str, ...]] = []
    for question in questions_of(layout)[:2]:
        sets = answers[question]
        if any(one.rtype is RecordType.CNAME for one in sets):
            raise ProviderError(
                f"{server}: a CNAME stands at {question.name}, which is Outlast's own",
                remedy=f"remove it: no fence can be written beside a CNAME of {question.name}",
            )
        guarded.append(next((one.values for one in sets if one.rtype is RecordType.TXT), ()))
    laid_at = next_name(layout.fence_at)
    found = {
        (one.name, one.rtype): one
        for question in questions_of(layout)[2:]
        for one in answers[question]
    }
    laid = found.pop((laid_at, RecordType.TXT), None)
    return Observation(
        endpoint=layout.endpoint,
        provider=layout.provider,
        epoch=guarded[1],
        fence=guarded[0],
        record_sets=sort_record_sets(list(found.values())),
        at_ns=at_ns,
        laid=laid.values if laid is not None else (),
    )
