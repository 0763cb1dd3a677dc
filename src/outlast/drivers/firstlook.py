"""First look: what stands in the DNS at the names of an endpoint that has no plan yet.

Before it was seen, no first plan is made: there may be a publication to adopt, or records of somebody else.
"""

import asyncio
from collections.abc import Callable, Mapping

from outlast.core.loop import State
from outlast.core.messages import Observed
from outlast.core.plan import layout_of
from outlast.drivers.facts import Event, Fact, Tell
from outlast.model.errors import ProviderError
from outlast.model.names import EndpointName, ProviderName
from outlast.model.units import NO_GENERATION
from outlast.ports import Clock, Provider

READS_AT_ONCE = 64
"""Endpoints read at the same time."""

RETRY_S = 0.5


class FirstLook:
    """Reads endpoints without a plan until their provider answers.

    Args:
        states: where the planner stands with each endpoint.
        hear: is told what was seen.
    """

    def __init__(
        self,
        providers: Mapping[ProviderName, Provider],
        clock: Clock,
        *,
        states: Callable[[], Mapping[EndpointName, State]],
        hear: Callable[[EndpointName, Observed], None],
        role: str,
        tell: Tell,
    ) -> None:
        self._providers = providers
        self._clock = clock
        self._states = states
        self._hear = hear
        self._role = role
        self._tell = tell
        self._reads: dict[EndpointName, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(READS_AT_ONCE)
        self._lost: set[ProviderName] = set()

    def look(self, name: EndpointName) -> None:
        """Begin to read an endpoint, if it needs that."""
        state = self._states()[name]
        known = state.endpoint is None or state.head is not None or state.observed
        if known or name in self._reads:
            return
        task = asyncio.create_task(self._read(name))
        self._reads[name] = task
        task.add_done_callback(lambda _: self._reads.pop(name, None))

    async def _read(self, name: EndpointName) -> None:
        while True:
            state = self._states()[name]
            if state.endpoint is None or state.provider is None or state.head is not None:
                return
            try:
                async with self._slots:
                    layout = layout_of(state.endpoint, state.provider)
                    observation = await self._providers[state.provider.name].read(layout)
            except ProviderError as error:
                self._lose(state.provider.name, error.what)
                await asyncio.sleep(RETRY_S)
                continue
            self._find(state.provider.name)
            at_ns = self._clock.now_ns()
            self._hear(name, Observed(observation=observation, seen=NO_GENERATION, at_ns=at_ns))
            return

    def _lose(self, provider: ProviderName, why: str) -> None:
        """Tell that a provider cannot be read, once, not once for each of its endpoints."""
        if provider not in self._lost:
            fact = Fact(event=Event.PROVIDER_LOST, role=self._role, subject=provider, detail=why)
            self._tell(fact)
        self._lost.add(provider)

    def _find(self, provider: ProviderName) -> None:
        if provider in self._lost:
            self._tell(Fact(event=Event.PROVIDER_BACK, role=self._role, subject=provider))
        self._lost.discard(provider)
