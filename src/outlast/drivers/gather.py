"""Gather: writes that spend a zone's epoch are sent together, since they exclude each other.

First publications and heals of one zone all name its epoch in their condition and move it on. Sent one
by one, the first would win and all others would start again: n endpoints cost n * n tries. So they wait
for each other here, at most one message per zone under way, and each message carries as many as fit.

A refused message is refused whole. Then the next ones are half as large, down to single writes, so that
one endpoint that cannot be written does not hold the others back; success doubles the size again.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from outlast.core.transact import merge, spends_epoch
from outlast.model.fence import epoch_name
from outlast.model.names import DnsName
from outlast.model.plan import Condition, Outcome, OutcomeKind, Transaction
from outlast.ports import Provider

MERGED_MAX = 128
"""Endpoints in one message; some 100 bytes each keep it far below the 65,535 of a DNS message."""

MERGED_BYTES_MAX = 40_000
"""Rough size of one message; the real one is smaller by name compression, larger by its signature."""


@dataclass(slots=True)
class _Lane:
    """One zone's waiting writes."""

    waiting: list[tuple[Transaction, asyncio.Future[Outcome]]] = field(default_factory=list)
    sending: asyncio.Task[None] | None = None
    width: int = MERGED_MAX


class GatheringProvider:
    """A provider that merges writes that spend the same epoch; everything else passes through."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._lanes: dict[DnsName, _Lane] = defaultdict(_Lane)
        self.read = provider.read

    async def write(self, transaction: Transaction) -> Outcome:
        """Carry out one transaction, perhaps together with others: still all of it or nothing."""
        if not spends_epoch(transaction) or len(transaction.conditions) < 2:
            return await self._provider.write(transaction)
        lane = self._lanes[transaction.zone]
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        lane.waiting.append((transaction, future))
        if lane.sending is None:
            lane.sending = asyncio.create_task(self._drain(lane))
        return await future

    async def close(self) -> None:
        """Give up connections."""
        for lane in self._lanes.values():
            if lane.sending is not None:
                lane.sending.cancel()
        await self._provider.close()

    async def _drain(self, lane: _Lane) -> None:
        await asyncio.sleep(0)  # let those that are ready in this very moment join
        try:
            while lane.waiting:
                batch = _take(lane)
                outcome = await self._provider.write(merge(tuple(one for one, _ in batch)))
                if outcome.kind is OutcomeKind.APPLIED:
                    lane.width = min(MERGED_MAX, lane.width * 2)
                elif len(batch) > 1:
                    lane.width = max(1, len(batch) // 2)
                for _, future in batch:
                    if not future.done():
                        future.set_result(outcome)
        finally:
            lane.sending = None
            for _, future in lane.waiting:
                if not future.done():
                    future.set_result(Outcome(kind=OutcomeKind.BUSY, detail="not sent: closing"))
            lane.waiting.clear()


def _take(lane: _Lane) -> list[tuple[Transaction, asyncio.Future[Outcome]]]:
    """Take the longest-waiting write and those after it that name the same epoch and still fit."""
    first = lane.waiting[0][0]
    batch: list[tuple[Transaction, asyncio.Future[Outcome]]] = []
    rest: list[tuple[Transaction, asyncio.Future[Outcome]]] = []
    total = 0
    for one in lane.waiting:
        size = _size(one[0])
        fits = not batch or (len(batch) < lane.width and total + size <= MERGED_BYTES_MAX)
        if fits and _epoch(one[0]) == _epoch(first):
            batch.append(one)
            total += size
        else:
            rest.append(one)
    lane.waiting[:] = rest
    return batch


def _epoch(transaction: Transaction) -> Condition | None:
    at = epoch_name(transaction.zone)
    return next((one for one in transaction.conditions if one.name == at), None)


def _size(transaction: Transaction) -> int:
    return 200 + sum(
        len(one.name) + sum(20 + len(value) for value in one.values)
        for one in transaction.additions
    )
