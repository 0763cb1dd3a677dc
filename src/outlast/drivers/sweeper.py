"""Sweeper: carries the commands of `core.sweep` out, and keeps the list of trees that stand in the DNS.

    tree/<endpoint>/<label>       a tree that stands, or may stand: its names, its TTL, whether it was live

A tree is written down before its first record is laid, so that none is ever forgotten, and struck out when
nothing of it stands any more. The list is for progress only: a store that lost it leaves records behind where
nobody looks, one that went back in time names trees that are gone already. What may be swept is decided by
the fence in the DNS, and each piece names it.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import msgspec

from outlast.core import sweep
from outlast.core.messages import Read, ReadFailed, ReadProvider, Write, Wrote
from outlast.core.sweep import Laid, Looked, Swept
from outlast.core.tree import label_of
from outlast.drivers import entries
from outlast.drivers.facts import Event, Fact, Tell
from outlast.drivers.ledger import Ledger
from outlast.model.errors import ProviderError, StoreError
from outlast.model.fence import Fence
from outlast.model.names import EndpointName
from outlast.model.plan import Plan
from outlast.ports import Change, Clock, Provider, Store

_LAID = msgspec.json.Decoder(Laid)


def _prefix(endpoint: EndpointName) -> str:
    return f"tree/{endpoint}/"


async def trees_of(store: Store, endpoint: EndpointName) -> tuple[Laid, ...]:
    """Return the trees of an endpoint that may stand in the DNS, oldest first."""
    page = await store.scan(_prefix(endpoint))
    return _sorted(entries.decode(_LAID, entry) for entry in page.entries)


async def all_trees(store: Store) -> dict[EndpointName, tuple[Laid, ...]]:
    """Return the trees of every endpoint that has some, oldest first."""
    found: dict[EndpointName, list[Laid]] = {}
    for entry in (await store.scan("tree/")).entries:
        one = entries.decode(_LAID, entry)
        found.setdefault(one.layout.endpoint, []).append(one)
    return {name: _sorted(trees) for name, trees in found.items()}


def _sorted(trees: Iterable[Laid]) -> tuple[Laid, ...]:
    return tuple(sorted(trees, key=lambda one: (one.generation, one.top)))


async def strike_out(store: Store, *trees: Laid) -> None:
    """Forget trees of which nothing stands any more."""
    for one in trees:
        key = _prefix(one.layout.endpoint) + one.top
        await store.commit(Change(deletes=(key,)))


class Sweeper:
    """Takes away the old trees of the endpoints that one enactor looks after."""

    def __init__(self, role: str, ledger: Ledger, clock: Clock, tell: Tell) -> None:
        self._role = role
        self._ledger = ledger
        self._clock = clock
        self._tell = tell
        self._states: dict[EndpointName, sweep.State] = {}
        self._noted: set[tuple[EndpointName, str, bool]] = set()
        self._with_trees: set[EndpointName] | None = None
        self._tasks: dict[EndpointName, asyncio.Task[None]] = {}

    async def note(self, plan: Plan, *, live: bool) -> None:
        """Write a tree down, before it is laid or once it was seen to be live.

        Raises:
            StoreError: the store does not take it; then nothing must be laid.
        """
        laid = Laid.of(plan)
        if (plan.endpoint, laid.top, live) in self._noted:
            return
        key = _prefix(plan.endpoint) + laid.top
        value = entries.encode(replace(laid, was_live=live))
        requires = () if live else ((key, 0),)  # what was live once stays so
        await self._ledger.store.commit(Change(requires=requires, puts=((key, value),)))
        self._noted.add((plan.endpoint, laid.top, live))
        if self._with_trees is not None:
            self._with_trees.add(plan.endpoint)

    async def look(self, plan: Plan, fence: Fence, provider: Provider, *, agreed: bool) -> None:
        """Begin to take an old tree away, if one may go now; the endpoint shows exactly this plan.

        Raises:
            StoreError: it cannot be told which trees there are.
        """
        endpoint = plan.endpoint
        if plan.layout.tree:
            await self.note(plan, live=True)
        if self._with_trees is None:
            page = await self._ledger.store.scan("tree/")
            self._with_trees = {EndpointName(it.key.split("/", 2)[1]) for it in page.entries}
        if endpoint in self._tasks or endpoint not in self._with_trees:
            return
        looked = Looked(
            fence=fence,
            top=label_of(plan),
            trees=await trees_of(self._ledger.store, endpoint),
            ttl_s=max(one.ttl_s for one in plan.record_sets),
            agreed=agreed,
            at_ns=self._clock.now_ns(),
        )
        state, commands = sweep.step(self._states.get(endpoint, sweep.State()), looked)
        self._states[endpoint] = state
        if commands:
            task = asyncio.create_task(self._drive(endpoint, provider, commands))
            self._tasks[endpoint] = task
            task.add_done_callback(lambda _: self._tasks.pop(endpoint, None))

    async def close(self) -> None:
        """Stop; a tree that is half gone is gone on with by whoever looks next."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drive(
        self, endpoint: EndpointName, provider: Provider, commands: tuple[sweep.Command, ...]
    ) -> None:
        """Carry commands out until nothing is left to do, beside the other work on the endpoint."""
        count = 0
        while commands:
            event: Read | ReadFailed | Wrote
            match commands[0]:
                case Swept(tree=tree):
                    await self._strike_out(endpoint, tree, count)
                    return
                case ReadProvider(layout=layout):
                    try:
                        seen = await provider.read(layout)
                        event = Read(observation=seen, at_ns=self._clock.now_ns())
                    except ProviderError as error:
                        event = ReadFailed(detail=error.what, at_ns=self._clock.now_ns())
                case Write(transaction=transaction):
                    count += 1
                    outcome = await provider.write(transaction)
                    event = Wrote(outcome=outcome, at_ns=self._clock.now_ns())
            self._states[endpoint], commands = sweep.step(self._states[endpoint], event)

    async def _strike_out(self, endpoint: EndpointName, tree: Laid, count: int) -> None:
        detail = f"tree {tree.top} is swept, in {count} transactions"
        try:
            await strike_out(self._ledger.store, tree)
            await self._ledger.note("swept", detail, endpoint=endpoint)
        except StoreError:
            return  # it is found empty, and struck out, at the next look
        self._tell(Fact(event=Event.RETIRED, role=self._role, subject=endpoint, detail=detail))
