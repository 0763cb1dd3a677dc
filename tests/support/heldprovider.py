"""A provider on the model DNS whose writes can be held back, refused or counted."""

import asyncio

from tests.support import modeldns

from outlast.model.plan import Layout, Observation, Outcome, OutcomeKind, Transaction
from outlast.model.units import Nanos


class HeldProvider:
    """One zone in memory.

    Attributes:
        zone: what stands in it.
        open: writes wait while it is not set, after they were sent and before they are applied.
        sent: every transaction that was sent, in order.
        reads: how often it was read.
    """

    def __init__(self) -> None:
        self.zone: modeldns.Zone = ()
        self.open = asyncio.Event()
        self.open.set()
        self.sent: list[Transaction] = []
        self.poison = ""
        self.reads = 0

    async def read(self, layout: Layout) -> Observation:
        """Read what stands there now."""
        self.reads += 1
        await asyncio.sleep(0)
        return modeldns.read(self.zone, layout, Nanos(1))

    async def write(self, transaction: Transaction) -> Outcome:
        """Apply a transaction once writes are let through."""
        self.sent.append(transaction)
        await self.open.wait()
        if self.poison and any(one.name.startswith(self.poison) for one in transaction.additions):
            return Outcome(kind=OutcomeKind.BUSY, detail="poisoned")
        self.zone, kind = modeldns.apply(self.zone, transaction)
        return Outcome(kind=kind)

    async def close(self) -> None:
        """Nothing to give up."""
