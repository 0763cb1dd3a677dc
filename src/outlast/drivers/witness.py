"""Witness: asks every authoritative server of an endpoint what clients really get.

Writes go to one primary; what the world sees comes from its secondaries. A secondary that lags for a
moment is an ordinary day, so a difference counts only if it is still there when asked again at the next
sweep. What is found is told to people and never fed to the planner: a secondary that is behind proves
nothing about what is published at the primary.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from outlast.core.verify import compare
from outlast.drivers.facts import Event, Fact, Tell
from outlast.drivers.ledger import Ledger
from outlast.model.errors import ProviderError
from outlast.model.names import EndpointName, ProviderName
from outlast.model.plan import Drift, DriftKind, Layout, Observation, Plan
from outlast.model.topology import Address
from outlast.ports import Clock

Ask = Callable[[Address, Layout], Awaitable[Observation]]


class Witness:
    """Compares the secondaries of each provider with what was proved at its primary."""

    def __init__(
        self,
        role: str,
        servers: Mapping[ProviderName, Sequence[Address]],
        *,
        ask: Ask,
        ledger: Ledger,
        clock: Clock,
        tell: Tell,
    ) -> None:
        self._role = role
        self._servers = servers
        self._ask = ask
        self._ledger = ledger
        self._clock = clock
        self._tell = tell
        self._suspected: dict[tuple[EndpointName, Address], DriftKind] = {}
        self._told: dict[tuple[EndpointName, Address], DriftKind] = {}

    async def look(self, plan: Plan) -> None:
        """Ask the secondaries about one endpoint whose primary holds exactly this plan."""
        for server in self._servers.get(plan.layout.provider, ()):
            await self._compare(plan, server)

    def doubts(self, endpoint: EndpointName) -> bool:
        """Whether a secondary differed when it was last asked about an endpoint."""
        return any(name == endpoint for name, _ in (*self._suspected, *self._told))

    @property
    def disagreeing(self) -> int:
        """How many answers of how many secondaries are known to differ: one for each endpoint and server."""
        return len(self._told)

    async def _compare(self, plan: Plan, server: Address) -> None:
        key = (plan.endpoint, server)
        drift = await self._drift(plan, server)
        if drift is None:
            self._suspected.pop(key, None)
            if self._told.pop(key, None) is not None:
                await self._ledger.agree(plan.endpoint, str(server))
                detail = f"{server} agrees again"
                fact = Fact(
                    event=Event.VERIFIED, role=self._role, subject=plan.endpoint, detail=detail
                )
                self._tell(fact)
            return
        before = self._suspected.get(key)
        self._suspected[key] = drift.kind
        if before is not drift.kind or self._told.get(key) is drift.kind:
            return
        self._told[key] = drift.kind
        detail = f"{server}: {drift.kind}: {drift.message}"
        self._tell(Fact(event=Event.DRIFT, role=self._role, subject=plan.endpoint, detail=detail))
        await self._ledger.disagree(drift, str(server))

    async def _drift(self, plan: Plan, server: Address) -> Drift | None:
        try:
            found = compare(plan, await self._ask(server, plan.layout))
        except ProviderError as error:
            return Drift(
                endpoint=plan.endpoint,
                provider=plan.layout.provider,
                kind=DriftKind.UNREACHABLE,
                message=error.what,
                at_ns=self._clock.now_ns(),
            )
        return found if isinstance(found, Drift) else None
