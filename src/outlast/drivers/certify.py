"""Certify: a DNS is not believed to have a fence, it is seen to have one.

Each check is a small story at a scratch name of the real target: a write is made ready against the fence
as it stands (`hold`), somebody else moves on, then the first one is let go and must be refused, with
nothing changed. At a cloud "made ready" means that the batch is complete and lies unsent, since our own
look beforehand would otherwise save a service that does not look itself.

The race is the check that finds what no single story can: two servers over one database at an isolation
that lets both win. It needs every server that takes updates; who knows of one more names it.

Nothing but the scratch names is touched, and they are removed at the end under the same conditions.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from outlast.model.certificate import Certificate, Check, Weight
from outlast.model.errors import ProviderError
from outlast.model.fence import FENCE_TTL_S, fence_name
from outlast.model.names import DnsName, EndpointName, ProviderName
from outlast.model.plan import (
    Absent,
    Condition,
    Held,
    Layout,
    Observation,
    Outcome,
    OutcomeKind,
    Transaction,
)
from outlast.model.records import RecordSet, RecordType
from outlast.ports import Clock, Provider

BUSY_TRIES = 40
BUSY_WAIT_S = 0.25
TTL_S = 5

Shot = Callable[[], Awaitable[Outcome]]
"""A write that is ready; calling it lets it go."""


class Candidate(Provider, Protocol):
    """A provider that can be certified."""

    async def version(self) -> str:
        """Name the software and its version as it tells it; empty: it does not.

        Raises:
            ProviderError: it cannot be asked.
        """
        ...


@runtime_checkable
class Preparing(Protocol):
    """A provider that looks before it writes, and can be stopped in between."""

    async def prepare(self, transaction: Transaction) -> Any:
        """Make a write ready; an `Outcome` where that ends it already."""
        ...

    async def send(self, prepared: Any) -> Outcome:
        """Let it go."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried.

    Attributes:
        place: kind and address, all writable servers of it, for the certificate.
        writers: one for each server that takes writes, the provider's own first.
        rounds, crowd: of the race: generations, and writers in each.
    """

    provider: ProviderName
    place: str
    zone: DnsName
    writers: Sequence[Candidate]
    clock: Clock
    rounds: int = 40
    crowd: int = 8


@dataclass(frozen=True, slots=True)
class Bench:
    """A scratch endpoint of one check's own, empty at first."""

    trial: Trial
    layout: Layout

    @property
    def main(self) -> Candidate:
        """The provider's own server."""
        return self.trial.writers[0]

    def move(
        self, old: tuple[str, ...], new: tuple[str, ...], address: str, *more: RecordSet
    ) -> Transaction:
        """A fenced swap: from what stands at the fence to something else, with one address."""
        at, name = self.layout.fence_at, self.layout.names[0]
        condition: Condition = Absent(name=at, rtype=RecordType.TXT)
        if old:
            condition = Held(name=at, rtype=RecordType.TXT, values=tuple(sorted(old)))
        return Transaction(
            zone=self.layout.zone,
            conditions=(condition,),
            deletions=((name, RecordType.A), (at, RecordType.TXT)),
            additions=(
                RecordSet.of(name, RecordType.A, TTL_S, [address]),
                RecordSet.of(at, RecordType.TXT, FENCE_TTL_S, list(new)),
                *more,
            ),
        )

    async def hold(self, transaction: Transaction, writer: int = 0) -> Shot:
        """Make a write ready, so that nothing but the server itself can still stop it."""
        provider = self.trial.writers[writer % len(self.trial.writers)]
        if not isinstance(provider, Preparing):
            return lambda: provider.write(transaction)
        prepared = await provider.prepare(transaction)
        if isinstance(prepared, Outcome):
            return _already(prepared)
        return lambda: provider.send(prepared)

    async def fire(self, shot: Shot) -> Outcome:
        """Let a write go, again while the server is busy: that changed nothing."""
        outcome = await shot()
        for _ in range(BUSY_TRIES):
            if outcome.kind is not OutcomeKind.BUSY:
                break
            await asyncio.sleep(BUSY_WAIT_S)
            outcome = await shot()
        return outcome

    async def do(self, transaction: Transaction) -> None:
        """Carry out a write that must succeed.

        Raises:
            ProviderError: it did not; nothing can be learned here.
        """
        outcome = await self.fire(lambda: self.main.write(transaction))
        if outcome.kind is not OutcomeKind.APPLIED:
            raise ProviderError(
                f"{self.trial.provider}: a plain write to the scratch name {self.layout.names[0]} was "
                f"{outcome.kind}: {outcome.detail}",
                remedy="may the key change names below the zone? a certificate needs scratch names",
            )

    async def look(self) -> Observation:
        """Read the scratch endpoint."""
        return await self.main.read(self.layout)

    async def is_refused(self, shot: Shot, before: Observation) -> str:
        """Let a write go that must be refused; return what was wrong, empty: nothing."""
        outcome = await self.fire(shot)
        after = await self.look()
        changed = (after.fence, after.record_sets) != (before.fence, before.record_sets)
        if outcome.kind is OutcomeKind.APPLIED:
            return "it was applied"
        return f"it was {outcome.kind}, yet something changed" if changed else ""


def _already(outcome: Outcome) -> Shot:
    async def shot() -> Outcome:
        return outcome

    return shot


def token(number: int, nonce: str) -> str:
    """A text such as fences are: lower case, one string."""
    return f"outlast-certify1 g={number} n={nonce}"


async def certify(trial: Trial, checks: Sequence["Story"]) -> Certificate:
    """Run all checks, one after the other, and clean up.

    Raises:
        ProviderError: nothing could be tried: not reachable, no rights, no such zone.
    """
    version = await trial.writers[0].version()
    run = trial.clock.nonce()[:8]
    done: list[Check] = []
    for number, story in enumerate(checks):
        name = DnsName(f"outlast-certify-{run}-{number}.{trial.zone}")
        layout = Layout(
            endpoint=EndpointName(f"certify-{run}-{number}"),
            provider=trial.provider,
            zone=trial.zone,
            fence_at=fence_name(name),
            names=(name,),
        )
        bench = Bench(trial, layout)
        try:
            fault, evidence = await story.tell(bench)
        except ProviderError as error:
            if not done:  # nothing works here at all: no rights, no zone, no server
                raise
            fault, evidence = f"it could not be tried: {error.what}", ""
        finally:
            left = "" if await _clean(bench) else f"left behind: {name}"
        evidence = "; ".join(one for one in (evidence, left) if one)
        done.append(
            Check(
                name=story.name,
                meaning=story.meaning,
                weight=story.weight,
                fault=fault,
                evidence=evidence,
            )
        )
    return Certificate(
        provider=trial.provider,
        place=trial.place,
        version=version,
        zone=trial.zone,
        checks=tuple(done),
        at_ns=trial.clock.now_ns(),
    )


async def _clean(bench: Bench) -> bool:
    """Remove what a check left, as found; whether that was possible."""
    for _ in range(BUSY_TRIES):
        found = await bench.look()
        if not found.fence and not found.record_sets:
            return True
        at = bench.layout.fence_at
        condition: Condition = Absent(name=at, rtype=RecordType.TXT)
        if found.fence:
            condition = Held(name=at, rtype=RecordType.TXT, values=tuple(sorted(found.fence)))
        gone = ((at, RecordType.TXT), *((one.name, one.rtype) for one in found.record_sets))
        removal = Transaction(
            zone=bench.layout.zone, conditions=(condition,), deletions=gone, additions=()
        )
        if (await bench.main.write(removal)).kind is OutcomeKind.BUSY:
            await asyncio.sleep(BUSY_WAIT_S)
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One check: what must be, and the trial of it, which returns a fault and evidence."""

    name: str
    meaning: str
    weight: Weight
    tell: Callable[[Bench], Awaitable[tuple[str, str]]]


async def race(bench: Bench) -> tuple[str, str]:
    """Let a crowd loose on one fence, round after round; each generation has one winner at most."""
    trial, nonce = bench.trial, bench.trial.clock.nonce()
    fence: tuple[str, ...] = (token(0, nonce),)
    await bench.do(bench.move((), fence, "192.0.2.1"))
    twice = torn = 0
    kinds: Counter[OutcomeKind] = Counter()
    for number in range(1, trial.rounds + 1):
        values = [token(number, f"{nonce}{each:02x}") for each in range(trial.crowd)]
        moves = [
            bench.move(fence, (value,), f"198.51.100.{each + 1}")
            for each, value in enumerate(values)
        ]
        shots = [await bench.hold(move, each) for each, move in enumerate(moves)]
        outcomes = await asyncio.gather(*(shot() for shot in shots))
        kinds.update(one.kind for one in outcomes)
        winners = [each for each, one in enumerate(outcomes) if one.kind is OutcomeKind.APPLIED]
        found = await bench.look()
        twice += len(winners) > 1 or len(found.fence) > 1
        addresses = [value for one in found.record_sets for value in one.values]
        stands = [each for each, value in enumerate(values) if found.fence == (value,)]
        torn += bool(stands) and addresses != [f"198.51.100.{stands[0] + 1}"]
        fence = found.fence
        if not fence:
            return "the fence was lost in the race", ""
    servers = len(trial.writers)
    evidence = (
        f"{trial.rounds} generations, {trial.crowd} writers each, {servers} "
        f"server{'s' if servers > 1 else ''}: {kinds[OutcomeKind.APPLIED]} applied, "
        f"{twice} generations won twice, {torn} torn"
    )
    return ("several writers won one generation" if twice or torn else ""), evidence
