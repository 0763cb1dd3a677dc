"""Ports: the few things that Outlast asks of the world, as small protocols.

`outlast.drivers` implements them for production, `outlast.sim` for virtual time. Whoever implements one
passes its contract suite in `tests/contract/`.
"""

from dataclasses import dataclass
from typing import Protocol

from outlast.model.health import Report
from outlast.model.names import Subject
from outlast.model.plan import Layout, Observation, Outcome, Transaction
from outlast.model.topology import HealthCheck
from outlast.model.units import Nanos


class Clock(Protocol):
    """Time and chance, the two things that decisions may only be handed."""

    def now_ns(self) -> Nanos:
        """Return the time in UTC; never less than an earlier answer of the same clock."""
        ...

    def nonce(self) -> str:
        """Return 16 fresh hex digits that nobody can guess or repeat."""
        ...


class Provider(Protocol):
    """A DNS that publishes endpoints.

    A provider must apply a transaction wholly or not at all, and only if every condition holds at that
    moment; it must never split one, and never send one again by itself.
    """

    async def read(self, layout: Layout) -> Observation:
        """Read epoch, fence and records of one endpoint from the server that takes the writes.

        Raises:
            Unreachable: no answer in time.
            Denied: the server refuses to answer us.
            ProviderError: an answer that is no proper one.
        """
        ...

    async def write(self, transaction: Transaction) -> Outcome:
        """Carry out one transaction. Never raises for what the server or the network does."""
        ...

    async def close(self) -> None:
        """Give up connections. Writes under way become unknown to whoever waits for them."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value and the store revision that last changed it."""

    key: str
    value: bytes
    revision: int


@dataclass(frozen=True, slots=True)
class Page:
    """Entries in key order, and the revision of the snapshot they all come from."""

    entries: tuple[Entry, ...]
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A compare-and-swap over any number of keys: all of it, or nothing.

    No key may stand twice among the requirements, nor twice among puts and deletes. The limits of
    keys, values and changes are `drivers.stores.limits`.

    Attributes:
        requires: keys with the revision they must have; 0 means that the key must not exist.
        puts: keys and their new values.
        deletes: keys to be removed; removing nothing is no error.
    """

    requires: tuple[tuple[str, int], ...] = ()
    puts: tuple[tuple[str, bytes], ...] = ()
    deletes: tuple[str, ...] = ()


class Store(Protocol):
    """Ordered keys and values with one growing revision. For progress only, never for safety.

    Keys are ordered by code point. Several stores, also in several processes, may be open on the same
    data. What was committed before a call begins is seen by it, whichever of them committed it.

    Every method raises `StoreError` if the store cannot be reached or used, `StoreCorrupt` if its data
    is damaged, and `StoreReplaced` if it is not the store it was before (deleted, exchanged, gone back
    in time): then close it, open it anew, and forget what was remembered of it.
    """

    async def get(self, key: str) -> Entry | None:
        """Return one entry."""
        ...

    async def scan(self, prefix: str, *, newer_than: int = 0, limit: int = 0) -> Page:
        """Return the entries whose key begins with a prefix, from one snapshot.

        The snapshot holds everything that was committed before the call, by anybody (a linearizable
        read, never one from a lagging replica): an enactor that found no fence in the DNS has nothing
        but this answer to tell the newest plan by.

        Args:
            newer_than: only entries changed after this revision. Deletions leave no entry.
            limit: at most so many, from the first key on; 0: all.

        Raises:
            StoreReplaced: the store's revision is below `newer_than`.
        """
        ...

    async def commit(self, change: Change) -> int | None:
        """Commit durably; return the new revision, or None if a required revision did not match.

        Everything that one change puts bears the revision returned, which is greater than every
        earlier one. A change that changes nothing (no puts, and nothing there to delete) returns
        the store's present revision.

        After a `StoreError`, or if the caller is cancelled, the outcome is unknown: it was committed
        wholly or not at all. Read before deciding anew.

        Raises:
            ValueError: a key stands twice in it.
        """
        ...

    async def wait(self, revision: int) -> int:
        """Return the store's revision as soon as it is greater than the one given.

        No wake-up is lost: whatever is committed after the page was read whose revision is given ends
        the wait, also if it was committed before the wait began.

        Raises:
            StoreReplaced: the store's revision is below the one given; waiting could last for ever.
        """
        ...

    async def close(self) -> None:
        """Release the store; those who wait get a `StoreError`. Committed data stays."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One thing to probe: a target's address with its check.

    Attributes:
        host: the IP address to connect to.
        server_name: Host header, TLS server name, or the name to ask a DNS server for.
    """

    subject: Subject
    host: str
    server_name: str
    check: HealthCheck


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A probe that says nothing of its target, since *we* could not look.

    No file handle, no local port, no route from here, a process that stood still: to report these as
    bad would let a sick monitor take healthy targets out. Whoever gets one emits no report for it.

    Attributes:
        at_ns: when the probe ended.
        reason: one line for people.
    """

    subject: Subject
    at_ns: Nanos
    reason: str


class Prober(Protocol):
    """Carries out one probe."""

    async def probe(self, assignment: Assignment) -> Report | Unjudged:
        """Probe once. Never raises for what the target does: a failure is a bad report."""
        ...
