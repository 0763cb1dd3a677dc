"""Publishing a big plan on a server that takes dynamic updates: the steps of `core.tree`, in order.

Whatever is refused begins anew with a fresh reading; whatever stands already is not laid again, so that an
abandoned try costs what is missing and no more. Nothing is flipped that was not read back whole.
"""

import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from outlast.core import tree as trees
from outlast.core.tree import Tree
from outlast.model.errors import ProviderError, Unreachable
from outlast.model.fence import Fence, parse_fence
from outlast.model.names import DnsName, EnactorName
from outlast.model.plan import Layout, Observation, OutcomeKind, Transaction
from outlast.model.records import RecordSet
from outlast.model.units import Generation, Nanos
from outlast.ports import Clock, Provider

TRIES_MAX = 5
"""How often a refused piece is tried again with a fresh reading before the whole is given up."""


class Transferring(Provider, Protocol):
    """A provider that can also be read as a whole."""

    async def transfer(self, zone: DnsName) -> tuple[RecordSet, ...]:
        """Read every record of a zone."""
        ...


class TreePublisher:
    """Publishes and sweeps trees at one provider, as one enactor."""

    def __init__(
        self, provider: Transferring, layout: Layout, *, clock: Clock, enactor: EnactorName
    ) -> None:
        self._provider = provider
        self._layout = layout
        self._clock = clock
        self._enactor = enactor

    async def lay(self, tree: Tree) -> int:
        """Lay what is missing of a tree; return how many transactions that took.

        Raises:
            ProviderError: a piece was not taken.
        """
        standing = set(await self.standing(tree.generation))
        missing = [one for one in tree.leaves if one not in standing]
        found = await self._provider.read(self._layout)
        pieces = trees.chunks(missing)
        for piece in pieces:
            found = await self._send(found, partial(_lay, tree, piece))
        return len(pieces)

    async def standing(self, generation: Generation) -> tuple[RecordSet, ...]:
        """Read everything that stands below a tree's top, by transfer."""
        top = trees.top_of(self._layout.names[0], generation)
        whole = await self._whole()
        return tuple(one for one in whole if one.name == top or one.name.endswith(f".{top}"))

    async def _whole(self) -> tuple[RecordSet, ...]:
        """Read the zone; once more if a transfer breaks off: Knot ends one whose reader pauses 0.5 s."""
        for _ in range(TRIES_MAX - 1):
            with contextlib.suppress(Unreachable):
                return await self._provider.transfer(self._layout.zone)
        return await self._provider.transfer(self._layout.zone)

    async def flip(self, tree: Tree) -> Fence:
        """Verify a tree and turn root and fence to it, by one transaction.

        Raises:
            ProviderError: it is not laid whole, or the write was not taken.
        """
        if not trees.is_laid(tree, await self.standing(tree.generation)):
            raise ProviderError(
                f"generation {tree.generation} does not stand whole below {tree.top}",
                remedy="lay it again: what is missing is put there",
            )
        fence = Fence(
            generation=tree.generation,
            digest=tree.digest,
            nonce=self._clock.nonce(),
            writer=self._enactor,
        )
        found = await self._provider.read(self._layout)
        found = await self._send(found, lambda now: trees.flip(tree, now, fence))
        if parse_fence(found.fence) != fence:
            raise ProviderError(f"generation {tree.generation} was overtaken right after its flip")
        return fence

    async def sweep(
        self, doomed: Generation, before: Generation, *, live_since_ns: Nanos, ttl_max_s: int
    ) -> int:
        """Remove an old tree, if that is allowed now; return how many transactions it took; 0: it is not."""
        found = await self._provider.read(self._layout)
        if not trees.may_sweep(
            doomed, found, before, live_since_ns=live_since_ns, ttl_max_s=ttl_max_s
        ):
            return 0
        root, zone = self._layout.names[0], self._layout.zone
        pieces = trees.chunks(await self.standing(doomed))
        for piece in pieces:
            # Exactly the fence that allowed it: if it moves, the sweep ends and is judged anew.
            transaction = trees.sweep_chunk(root, doomed, piece, found, zone)
            outcome = await self._provider.write(transaction)
            if outcome.kind is not OutcomeKind.APPLIED:
                raise ProviderError(f"sweep of {doomed}: {outcome.kind}: {outcome.detail}")
        return len(pieces)

    async def _send(self, found: Observation, prepare: "Prepare") -> Observation:
        """Write, with a fresh reading where the last one was overtaken; return what to go on with."""
        for _ in range(TRIES_MAX):
            transaction = prepare(found)
            outcome = await self._provider.write(transaction)
            if outcome.kind is OutcomeKind.REJECTED:
                raise ProviderError(f"the server will not take it: {outcome.detail}")
            if outcome.kind is OutcomeKind.APPLIED and not _moves_fence(transaction, self._layout):
                return found
            found = await self._provider.read(self._layout)
            if outcome.kind is OutcomeKind.APPLIED or _ours(transaction, self._layout, found):
                return found
        raise ProviderError(f"not taken {TRIES_MAX} times: {outcome.kind}: {outcome.detail}")


class Prepare(Protocol):
    """Makes the write that fits what was read."""

    def __call__(self, found: Observation, /) -> Transaction:
        """Return the write."""
        ...


def _lay(tree: Tree, piece: Sequence[RecordSet], found: Observation) -> Transaction:
    return trees.lay_chunk(tree, piece, found)


def _moves_fence(transaction: Transaction, layout: Layout) -> bool:
    return any(one.name == layout.fence_at for one in transaction.additions)


def _ours(transaction: Transaction, layout: Layout, found: Observation) -> bool:
    """Whether a write whose answer was lost went through: its own fence stands."""
    fences = [one.values for one in transaction.additions if one.name == layout.fence_at]
    return bool(fences) and fences[0] == found.fence
