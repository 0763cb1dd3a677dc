"""Cleaner: carries the commands of `core.retire` out. It touches the store and never the DNS."""

from outlast.core import retire
from outlast.drivers.entries import EndpointRow
from outlast.drivers.facts import Event, Fact, Tell
from outlast.drivers.ledger import Ledger
from outlast.model.fence import parse_fence
from outlast.model.names import EndpointName

JOURNAL_KEPT = 500
"""Notes kept for each endpoint."""


class Cleaner:
    """Retires old plans, and old notes with them.

    After a start it knows nothing, and looks into an endpoint's archive when it first hears of it: 100,000
    archives at once would be a start of minutes.
    """

    def __init__(self, ledger: Ledger, *, kept: int, role: str, tell: Tell) -> None:
        self._ledger = ledger
        self._kept = kept
        self._role = role
        self._tell = tell
        self._states: dict[EndpointName, retire.State] = {}

    def forget(self) -> None:
        """Forget what the store said."""
        self._states.clear()

    async def take(self, row: EndpointRow) -> None:
        """Take in what was stored and what was seen live, as far as a row says."""
        for event in _events(row):
            await self._step(row.endpoint, event)

    async def _step(self, name: EndpointName, event: retire.Stored | retire.SeenLive) -> None:
        state = self._states.get(name)
        if state is None:
            state = retire.State(stored=tuple(await self._ledger.generations(name)))
        self._states[name], commands = retire.step(state, event, kept=self._kept)
        for command in commands:
            if await self._ledger.delete_plans(name, command):
                await self._ledger.prune_journal(name, kept=JOURNAL_KEPT)
                detail = f"{len(command.generations)} plans older than the live one's predecessor"
                self._tell(Fact(event=Event.RETIRED, role=self._role, subject=name, detail=detail))


def _events(row: EndpointRow) -> list[retire.Stored | retire.SeenLive]:
    events: list[retire.Stored | retire.SeenLive] = []
    if row.head is not None:
        events.append(retire.Stored(generation=row.head.plan.generation))
    if row.receipt is not None:
        live = row.receipt.fence.generation
        events.append(retire.SeenLive(provider=row.receipt.provider, generation=live))
    observation = row.found.observation if row.found is not None else None
    fence = parse_fence(observation.fence) if observation is not None else None
    if observation is not None and fence is not None:
        events.append(retire.SeenLive(provider=observation.provider, generation=fence.generation))
    return events
