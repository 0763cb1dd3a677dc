"""What one run leaves behind: answers, faults, the foreign hand's acts, and every plan that there was.

Everything the judgement needs is in here, and nothing else: `checks.py` reads a history and never looks
at a running system, so a history can be written down, judged again, and made up by a test.

Times are the machine's monotonic clock in nanoseconds, which all processes of a machine share.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from outlast.model.records import RecordSet

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the authoritative server said of one endpoint, as one sample saw it.

    Attributes:
        fence: the values at the fence's name, asked before the records.
        fence_after: the same, asked after them. Fences are never written twice with one nonce, so
            records between two equal fences belong to that fence.
        records: what stands at the endpoint's names.
        fault: why there is no answer (`no answer`, `SERVFAIL`); empty: there is one.
    """

    fence: tuple[str, ...] = ()
    fence_after: tuple[str, ...] = ()
    records: tuple[RecordSet, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Samples in a row that all got the same answer.

    Attributes:
        subject: the endpoint, or `NEIGHBOUR` for the records beside ours.
        first_ns: when the first sample began; first_end_ns: when its last answer came.
        last_ns, last_end_ns: the same of the last sample.
        count: how many samples.
    """

    subject: str
    first_ns: int
    first_end_ns: int
    last_ns: int
    last_end_ns: int
    count: int
    answer: Answer


NEIGHBOUR = "-"
"""Stands for the records that are not Outlast's."""


def at_side(subject: str, side: str) -> str:
    """Return what one of several providers shows of a subject; the subject itself if there is one only."""
    return f"{subject}@{side}" if side else subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, as it was done.

    Attributes:
        kind: its name in the catalogue.
        target: whom it hit.
        began_ns, ended_ns: when it began, and when everything it did was undone.
        detail: one line: what was caught, how long it lasted.
        done: whether it could be done at all; a fault that could not does not count.
    """

    number: int
    kind: str
    target: str
    began_ns: int
    ended_ns: int
    detail: str = ""
    done: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What the foreign hand did to one endpoint.

    Attributes:
        began_ns: before its update was sent; ended_ns: when it was acknowledged.
        values: the values that it put at the fence's name.
        taken: whether the server acknowledged it; if not, it may still be carried out later.
    """

    kind: str
    endpoint: str
    began_ns: int
    ended_ns: int
    values: tuple[str, ...] = ()
    taken: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """One plan that was found in a store: who asked for it, and whether the guard let it pass."""

    endpoint: str
    generation: int
    digest: str
    origin: str
    allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLook:
    """The plans that one look into the store in use found.

    Attributes:
        since_ns: since when this store is the one in use; at_ns: when it was asked.
        took_ns: how long it took to answer. What was superseded meanwhile may have been cleaned up.
        plans: endpoint, generation and digest of each plan that can be fetched.
    """

    since_ns: int
    at_ns: int
    plans: tuple[tuple[str, int, str], ...]
    took_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An endpoint as the checker must know it.

    Attributes:
        names: its names with record types that must answer.
        floor: addresses that each of them must have.
    """

    endpoint: str
    names: tuple[str, ...]
    floor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A liveness promise that was put to the test after the faults had stopped.

    Attributes:
        rule: `L1` or `L3`.
        took_s: how long it took, or how long was waited in vain.
        kept: whether it came true within the bound.
    """

    rule: str
    subject: str
    took_s: float
    bound_s: float
    kept: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All of one run.

    With several providers each endpoint stands here once for each, as a subject of its own (`at_side`):
    every rule holds for each provider by itself.

    Attributes:
        sides: the providers, if there are several.
        zone_before, zone_after: every record of the zone that is not Outlast's, by transfer.
    """

    server: str
    seed: int
    command: str
    began_ns: int
    ended_ns: int
    faults_end_ns: int
    endpoints: tuple[Named, ...]
    runs: tuple[Run, ...]
    faults: tuple[Fault, ...] = ()
    acts: tuple[Act, ...] = ()
    plans: tuple[Archived, ...] = ()
    looks: tuple[StoreLook, ...] = ()
    promises: tuple[Promise, ...] = ()
    zone_before: tuple[str, ...] = ()
    zone_after: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    software: str = ""
    sides: tuple[str, ...] = ()


@dataclass(slots=True)
class Recorder:
    """Collects what happens while it happens."""

    faults: list[Fault] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    plans: dict[tuple[str, int, str, bool], Archived] = field(default_factory=dict)
    looks: list[StoreLook] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def looked(self, plans: Iterable[Archived], *, since_ns: int, at_ns: int) -> None:
        """Take down what a look into the store found that was begun at a time and ends now."""
        found = tuple((one.endpoint, one.generation, one.digest) for one in plans)
        took_ns = time.monotonic_ns() - at_ns
        self.looks.append(StoreLook(since_ns=since_ns, at_ns=at_ns, plans=found, took_ns=took_ns))


def plans_at(plans: Iterable[Archived], sides: tuple[str, ...]) -> tuple[Archived, ...]:
    """Return the plans as those of each provider: one store is there for all of them."""
    return tuple(
        replace(one, endpoint=at_side(one.endpoint, side))
        for one in plans
        for side in sides or ("",)
    )


def looks_at(looks: Iterable[StoreLook], sides: tuple[str, ...]) -> tuple[StoreLook, ...]:
    """Return looks into the store with the plans as those of each provider."""
    return tuple(
        replace(
            look,
            plans=tuple(
                (at_side(endpoint, side), generation, digest)
                for endpoint, generation, digest in look.plans
                for side in sides or ("",)
            ),
        )
        for look in looks
    )


_HISTORY = msgspec.json.Decoder(History)


def save(history: History, path: Path) -> None:
    """Write a history down."""
    path.write_bytes(msgspec.json.encode(history))


def load(path: Path) -> History:
    """Read a history."""
    return _HISTORY.decode(path.read_bytes())
