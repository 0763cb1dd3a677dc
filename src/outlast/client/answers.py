"""Last-known-good addresses: what a name answered, and what to hand out when it answers nothing.

On 20 October 2025 the record of a big database's regional name was emptied. The machines behind it were
well; nobody could find them. No serve-stale setting of six resolvers helps there, for an empty answer and
NXDOMAIN are *successful* refreshes (RFC 8767, section 4): they replace the good answer. Here they do not:

- only a non-empty address answer is an answer. Empty, NXDOMAIN, SERVFAIL, silence are failures, and no
  failure ever evicts an answer before `max_age_s`;
- a fresh non-empty answer wins at once. The opposite trap is a wrong address that never goes away;
- failures are held for `negative_s` only, much shorter than answers, so that healing is seen at once;
- for a name whose policy says `gone_is_true`, an empty answer or NXDOMAIN is believed;
- stale addresses come in the order of last success, those that just failed last.

Pure: `at_s` is any monotonic clock; addresses are text.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

DAY_S = 86400.0
"""RFC 8767, section 5, suggests one to three days as the useful age of stale data."""

BAD_FOR_S = 30.0
"""How long an address that did not connect is tried last."""


class Miss(StrEnum):
    """Why a look-up gave no address."""

    EMPTY = "empty"
    GONE = "nxdomain"
    SERVFAIL = "servfail"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePolicy:
    """How one name is treated.

    Attributes:
        max_age_s: for how long after it was last confirmed an answer may be handed out.
        fresh_s: for how long after a look-up no other is made. `getaddrinfo` tells no TTL, so keep it small.
        negative_s: for how long after a failure the name is not asked for again; below `fresh_s`.
        gone_is_true: whether an empty answer or NXDOMAIN means what it says.
        without_tls: whether a stale address may be used where no certificate checks who is there.
    """

    max_age_s: float = DAY_S
    fresh_s: float = 5.0
    negative_s: float = 1.0
    gone_is_true: bool = False
    without_tls: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.negative_s <= self.fresh_s <= self.max_age_s:
            raise ValueError(
                "a name's policy needs 0 < negative_s <= fresh_s <= max_age_s, not "
                f"{self.negative_s:g}, {self.fresh_s:g}, {self.max_age_s:g}"
            )


@dataclass(slots=True)
class Entry:
    """What is known of one name and family.

    Attributes:
        addresses: the last good answer, in its order.
        confirmed_s: when it was given.
        miss: why the last look-up failed; None: it did not.
        asked_s: when the last look-up ended.
        connected_s: for each address when it last connected.
        refused_s: for each address when it last did not.
    """

    addresses: tuple[str, ...] = ()
    confirmed_s: float = float("-inf")
    miss: Miss | None = None
    asked_s: float = float("-inf")
    connected_s: dict[str, float] = field(default_factory=dict)
    refused_s: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """What can be handed out without asking.

    Attributes:
        addresses: may be empty.
        fresh: whether there is no need to ask.
        miss: why the name did not answer, if it did not.
        age_s: since the answer was last confirmed.
    """

    addresses: tuple[str, ...]
    fresh: bool
    miss: Miss | None
    age_s: float


class Answers:
    """The answers of many names. Keys are anything hashable; the resolver uses (name, family)."""

    __slots__ = ("_policies", "entries", "policy")

    def __init__(self, policy: NamePolicy, policies: dict[str, NamePolicy] | None = None) -> None:
        self.policy = policy
        self._policies = policies or {}
        self.entries: dict[tuple[str, int], Entry] = {}

    def policy_of(self, name: str) -> NamePolicy:
        """Return the policy of a name."""
        return self._policies.get(name, self.policy)

    def learn(self, key: tuple[str, int], addresses: Iterable[str], at_s: float) -> bool:
        """Take a non-empty answer; return whether it differs from the one before."""
        entry = self.entries.setdefault(key, Entry())
        new = tuple(dict.fromkeys(addresses))
        changed = new != entry.addresses
        entry.addresses, entry.confirmed_s, entry.asked_s, entry.miss = new, at_s, at_s, None
        for known in (entry.connected_s, entry.refused_s):
            for address in [one for one in known if one not in new]:
                del known[address]
        return changed

    def missed(self, key: tuple[str, int], miss: Miss, at_s: float) -> None:
        """Take a failed look-up. It evicts nothing, unless the policy believes it."""
        entry = self.entries.setdefault(key, Entry())
        entry.miss, entry.asked_s = miss, at_s
        if self.policy_of(key[0]).gone_is_true and miss in {Miss.EMPTY, Miss.GONE}:
            entry.addresses = ()

    def look(self, key: tuple[str, int], at_s: float) -> Held:
        """Return what is known of a name."""
        entry = self.entries.get(key)
        if entry is None:
            return Held((), fresh=False, miss=None, age_s=0.0)
        policy = self.policy_of(key[0])
        age_s = at_s - entry.confirmed_s
        held_s = policy.fresh_s if entry.miss is None else policy.negative_s
        fresh = at_s - entry.asked_s < held_s
        addresses = entry.addresses if age_s <= policy.max_age_s else ()
        if entry.miss is not None or entry.refused_s:
            addresses = _ordered(entry, addresses, at_s)
        return Held(addresses, fresh, entry.miss, age_s)

    def connected(self, key: tuple[str, int], address: str, at_s: float) -> None:
        """An address took a connection."""
        entry = self.entries.get(key)
        if entry is not None and address in entry.addresses:
            entry.connected_s[address] = at_s
            entry.refused_s.pop(address, None)

    def refused(self, key: tuple[str, int], address: str, at_s: float) -> None:
        """An address took no connection, or its certificate was not the name's: tried last for a while."""
        entry = self.entries.get(key)
        if entry is not None and address in entry.addresses:
            entry.refused_s[address] = at_s

    def forget(self, name: str) -> None:
        """Drop everything about a name: the answer to a removal that was meant."""
        for key in [one for one in self.entries if one[0] == name]:
            del self.entries[key]

    def expire(self) -> None:
        """Ask for every name again at its next look-up; forget nothing."""
        for entry in self.entries.values():
            entry.asked_s = float("-inf")


def _ordered(entry: Entry, addresses: tuple[str, ...], at_s: float) -> tuple[str, ...]:
    def rank(address: str) -> tuple[bool, float]:
        bad = at_s - entry.refused_s.get(address, float("-inf")) < BAD_FOR_S
        return bad, -entry.connected_s.get(address, float("-inf"))

    return tuple(sorted(addresses, key=rank))
