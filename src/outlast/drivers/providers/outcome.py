"""What a server's answer to an UPDATE means: one table, with what to do next.

An outcome says no more than is known. Only a signed NOERROR is "applied", only a signed YXRRSET and its
like are "refused". Answers that come unsigned although we signed are believed where they must be
unsigned (the server does not know the key) or where believing them costs nothing but a look by an
operator; an unsigned success is "unknown", and the fence is read back.
"""

from outlast.drivers.providers.reading import signature_fault
from outlast.drivers.providers.reply import (
    FORMERR,
    NOERROR,
    NOTAUTH,
    NOTIMP,
    NOTZONE,
    NXDOMAIN,
    NXRRSET,
    REFUSED,
    SERVFAIL,
    YXDOMAIN,
    YXRRSET,
    Reply,
)
from outlast.model.names import DnsName
from outlast.model.plan import Outcome, OutcomeKind

_UPDATE_RESPONSE = 0x8000 | 5 << 11
_RESPONSE_MASK = 0x8000 | 0xF << 11

_CONDITION_FAILED = {YXDOMAIN, YXRRSET, NXRRSET, NXDOMAIN}
"""RFC 2136 section 3.2: a prerequisite does not hold."""

_REMEDIES = {
    FORMERR: "the server cannot read the update; does it check prerequisites (RFC 2136)?",
    NOTIMP: "the server takes no updates; name the zone's primary, and see docs/providers.md",
    REFUSED: "may the key change these names (update-policy, acl, TSIG-ALLOW-DNSUPDATE)? "
    "PowerDNS refuses a wrong key, secret or clock with the same word",
    NOTAUTH: "the server is not primary for the zone; name the zone's primary",
    NOTZONE: "a name lies outside the zone; compare `zones` with what the server serves",
}


def outcome_of(reply: Reply, zone: DnsName, *, authentic: bool) -> Outcome:
    """Return what became of an UPDATE.

    Args:
        authentic: the reply is signed by our key, or no signature is asked for.
    """
    if reply.flags & _RESPONSE_MASK != _UPDATE_RESPONSE:
        return Outcome(kind=OutcomeKind.UNKNOWN, detail="the answer is not one to an update")
    if reply.signature is not None and reply.signature.error:
        what, remedy = signature_fault(reply.signature)
        return Outcome(kind=OutcomeKind.REJECTED, detail=f"{what}; {remedy}")
    name = reply.rcode_name
    if reply.rcode in _REMEDIES:
        if not authentic and reply.signature is not None:
            return Outcome(kind=OutcomeKind.UNKNOWN, detail=f"{name} with a wrong signature")
        unsigned = "" if authentic else " (unsigned answer)"
        return Outcome(
            kind=OutcomeKind.REJECTED,
            detail=f"{name} for {zone}{unsigned}: {_REMEDIES[reply.rcode]}",
        )
    if not authentic:
        kind = "an unsigned answer" if reply.signature is None else "a wrong signature"
        return Outcome(kind=OutcomeKind.UNKNOWN, detail=f"{name} with {kind}")
    if reply.rcode == NOERROR:
        return Outcome(kind=OutcomeKind.APPLIED)
    if reply.rcode in _CONDITION_FAILED:
        return Outcome(kind=OutcomeKind.REFUSED, detail=f"{name}: a condition does not hold")
    if reply.rcode == SERVFAIL:
        return Outcome(
            kind=OutcomeKind.BUSY,
            detail="SERVFAIL: nothing changed; see the server's log if it lasts",
        )
    return Outcome(kind=OutcomeKind.UNKNOWN, detail=f"{name} is no answer to an update")
