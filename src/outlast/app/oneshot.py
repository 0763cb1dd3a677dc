"""One shot: an enactor that publishes what it is told and ends, for commands.

It is the same enactor as in `outlast up`, with the same machine and the same condition in every write; it
does not matter whether others run beside it.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from outlast.app.observing import Observations
from outlast.app.session import Session
from outlast.core.enact import Idle
from outlast.core.verify import compare
from outlast.drivers.enactor import Enactor
from outlast.drivers.facts import Tell
from outlast.drivers.mirrored import MirroredEnactor
from outlast.model.errors import ProviderError
from outlast.model.fence import Fence
from outlast.model.names import EnactorName, EndpointName
from outlast.model.plan import Drift, DriftKind, Layout, Observation, Plan, Proof
from outlast.model.shares import Share
from outlast.model.units import Nanos, seconds
from outlast.ports import Provider

TRIES_AT_ONCE = 32
RETRY_S = 0.05


def make_enactor(session: Session, name: EnactorName, tell: Tell) -> Enactor:
    """Make an enactor for a one-shot command."""
    world = session.world
    return MirroredEnactor(
        name,
        share=Share(peers=(name,)),
        settings=world.topology.settings,
        ledger=session.ledger,
        providers=session.providers,
        last_good=world.last_good(name),
        witness=world.witness(name, session.ledger, tell),
        clock=world.clock,
        tell=tell,
    )


class _SeenFirst:
    """A provider whose first answer for each endpoint is what was seen in a transfer shortly before.

    It saves the first reading of very many endpoints. Should it be out of date, the write that rests on
    it is refused, as any other's would be, and the second answer is fresh.
    """

    def __init__(self, provider: Provider, seen: Observations) -> None:
        self._provider = provider
        self._seen = seen
        self._used: set[EndpointName] = set()
        self.write = provider.write
        self.close = provider.close

    async def read(self, layout: Layout) -> Observation:
        """Read one endpoint."""
        name = layout.endpoint
        if name in self._used or self._seen.image(name) is None:
            return await self._provider.read(layout)
        self._used.add(name)
        return self._seen[name]


async def publish(
    session: Session,
    plans: Iterable[Plan],
    *,
    name: EnactorName,
    tell: Tell,
    timeout_s: float,
    seen: Observations | None = None,
) -> dict[EndpointName, Proof | Drift]:
    """Publish committed plans and return, for each, the proof or what stands in its way.

    Ends when every endpoint is proved or the time is over. What was written stays in either case.

    Args:
        seen: what was observed just before.
    """
    if seen is not None:
        firsts = {key: _SeenFirst(one, seen) for key, one in session.providers.items()}
        session = replace(session, providers=firsts)
    enactor = make_enactor(session, name, tell)
    slots = asyncio.Semaphore(TRIES_AT_ONCE)
    deadline_ns = session.world.clock.now_ns() + seconds(timeout_s)

    async def settle(plan: Plan) -> Proof | Drift:
        async with slots:
            while True:
                await enactor.drive(plan.layout)
                resting = isinstance(enactor.states[plan.endpoint].phase, Idle)
                fence = enactor.receipt(plan.endpoint)
                if resting and fence is not None and _names(fence, plan):
                    return _proof(session, plan, fence)  # it has just read that back
                found = await _look(session, plan)
                if isinstance(found, Proof) and resting:
                    return found
                if session.world.clock.now_ns() > deadline_ns:
                    return found
                await asyncio.sleep(RETRY_S)

    wanted = list(plans)
    found = await asyncio.gather(*(settle(one) for one in wanted))
    await asyncio.to_thread(enactor.flush)
    return {plan.endpoint: one for plan, one in zip(wanted, found, strict=True)}


async def _look(session: Session, plan: Plan) -> Proof | Drift:
    try:
        observation = await session.providers[plan.layout.provider].read(plan.layout)
    except ProviderError as error:
        return _unreachable(plan, session.world.clock.now_ns(), str(error))
    row = await session.ledger.row(plan.endpoint)
    newest = row.head.plan if row.head is not None else plan
    return compare(newest, observation)


def _names(fence: Fence, plan: Plan) -> bool:
    return (fence.generation, fence.digest) == (plan.generation, plan.digest)


def _proof(session: Session, plan: Plan, fence: Fence) -> Proof:
    return Proof(
        endpoint=plan.endpoint,
        provider=plan.layout.provider,
        fence=fence,
        at_ns=session.world.clock.now_ns(),
    )


def _unreachable(plan: Plan, at_ns: int, message: str) -> Drift:
    """Say that the provider could not be read."""
    return Drift(
        endpoint=plan.endpoint,
        provider=plan.layout.provider,
        kind=DriftKind.UNREACHABLE,
        message=message,
        at_ns=Nanos(at_ns),
    )
