"""The fence: the TXT record that makes every write conditional, and the epoch beside it.

Beside each endpoint stands one TXT record, the *fence*. It names the plan that is published there.
Each write says "the fence is still X" and moves it to Y in the same transaction as the data, so the
server itself refuses a write that was prepared against anything but the present. No lock, lease,
clock or store takes part.

One hole remains: where the fence is gone, the condition can only be "no fence there", and a stalled
enactor that saw such an absence long ago could bring an old plan back after a second wipe. Hence the
*epoch*, one TXT record a zone. Every write names the epoch it saw in its condition, and every write
that is not conditional on a well-formed fence of ours (the first publication, a heal after a wipe or
after tampering) also moves the epoch on. So an absence can be used once: the first heal consumes it,
and each older write that relies on it is refused for good. An epoch is never created together with
data, so that no write at all is possible in a zone whose epoch its writer has not seen; and each new
epoch carries a fresh nonce, so that a wiped one never comes back as the same value.

Both values are lower case and one string below 255 bytes, since PowerDNS compares TXT values without
regard to case and YADIFA trips over more.
"""

import re
from dataclasses import dataclass

from outlast.model.names import DnsName
from outlast.model.units import Generation

FENCE_TTL_S = 0
"""Nobody should cache a fence: a resolver that did would show an operator the past."""

RESCUER = "rescue"
"""The writer's name in a fence that `outlast rescue` wrote."""

_FENCE = re.compile(
    r"outlast1 g=(?P<generation>[1-9][0-9]{0,17}) d=(?P<digest>[0-9a-f]{32}) "
    r"n=(?P<nonce>[0-9a-f]{16}) w=(?P<writer>[a-z0-9][a-z0-9._-]{0,62})"
    r"(?: s=(?P<signature>[a-z2-7]{103}))?\Z"
)
_EPOCH = re.compile(r"outlast-epoch1 e=(?P<number>[1-9][0-9]{0,17}) n=(?P<nonce>[0-9a-f]{16})\Z")


@dataclass(frozen=True, slots=True)
class Fence:
    """A well-formed fence.

    Attributes:
        generation: number of the plan that is published here, from 1.
        digest: digest of that plan's record sets (`records.digest_of`).
        nonce: 16 hex digits, drawn anew for each write and never reused: after a time-out it tells
            a writer whether its own write went through.
        writer: the enactor that wrote it, for people.
        signature: the planner's Ed25519 signature of `signed_text`, 103 digits of lower-case base32 without
            padding (RFC 4648): the longest fence then has exactly the 255 bytes of one string. Empty: none.
    """

    generation: Generation
    digest: str
    nonce: str
    writer: str
    signature: str = ""

    def __str__(self) -> str:
        plain = f"outlast1 g={self.generation} d={self.digest} n={self.nonce} w={self.writer}"
        return f"{plain} s={self.signature}" if self.signature else plain


@dataclass(frozen=True, slots=True)
class Epoch:
    """A zone's epoch: how often an absence was healed in it, and a nonce that is never reused."""

    number: int
    nonce: str

    def __str__(self) -> str:
        return f"outlast-epoch1 e={self.number} n={self.nonce}"


def parse_fence(values: tuple[str, ...]) -> Fence | None:
    """Read the values at a fence's name: a fence if exactly one well-formed value stands there.

    Two values, an altered one or a foreign one are no fence; they are found at the same name, and a
    heal replaces exactly them.
    """
    if len(values) != 1:
        return None
    found = _FENCE.match(values[0])
    if found is None:
        return None
    return Fence(
        generation=Generation(int(found["generation"])),
        digest=found["digest"],
        nonce=found["nonce"],
        writer=found["writer"],
        signature=found["signature"] or "",
    )


def parse_epoch(values: tuple[str, ...]) -> Epoch | None:
    """Read the values at a zone's epoch name; anything but one well-formed value is none."""
    if len(values) != 1:
        return None
    found = _EPOCH.match(values[0])
    return Epoch(int(found["number"]), found["nonce"]) if found else None


def signed_text(fence_at: DnsName, generation: Generation, digest: str) -> bytes:
    """Return what a planner signs: which content, under which number, at which place.

    The place is part of it, or a plan of one name could be shown at another; nonce and writer are not,
    since enactors draw them and hold no key.
    """
    return f"outlast plan 1\n{fence_at}\n{generation}\n{digest}\n".encode()


@dataclass(frozen=True, slots=True)
class Mark:
    """What is laid ready beside a fence: the plan that is to be published next, at all providers at once."""

    generation: Generation
    digest: str

    def __str__(self) -> str:
        return f"outlast-next1 g={self.generation} d={self.digest}"


def next_name(fence_at: DnsName) -> DnsName:
    """Return where the mark of what comes next stands, given the fence's name."""
    return DnsName(f"_next.{fence_at}")


def key_name(zone: DnsName) -> DnsName:
    """Return where the public key of a zone's plans may be published."""
    return DnsName(f"_outlast-key.{zone}")


def fence_name(name: DnsName) -> DnsName:
    """Return where the fence of an endpoint stands, given the endpoint's first name."""
    return DnsName(f"_outlast.{name}")


def epoch_name(zone: DnsName) -> DnsName:
    """Return where the epoch of a zone stands."""
    return DnsName(f"_outlast-epoch.{zone}")
