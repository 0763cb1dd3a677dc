"""What the providers of clouds share: read, look, make a batch ready, send it once, wait for it.

The service behind it knows the requests (`Service`), its dialect knows how record sets are written. Two
throttles, both settings: requests of the account (`request_rate`, `request_burst`), shared by all parts of
a process, where writes go first; and writes to one zone that may be under way at once (`writes_max`).

Nothing is ever sent twice, nothing is split. What a batch cannot hold is rejected before it is sent.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from outlast.drivers.providers.swap import (
    Batch,
    Dialect,
    Key,
    Native,
    batch_of,
    names_at,
    names_in,
    observe,
)
from outlast.drivers.providers.throttle import Throttle
from outlast.model import topology
from outlast.model.errors import ProviderError, Unreachable
from outlast.model.fence import epoch_name
from outlast.model.names import DnsName
from outlast.model.plan import Layout, Observation, Outcome, OutcomeKind, Transaction
from outlast.ports import Clock

READS_MAX = 5
"""How often a reading is tried while the fence moves in the middle of it."""

READ_WAIT_S = 60.0
"""How long a comparison waits for its turn; writes go first."""

POLL_S = 1.0
"""How often a change that is waited for is asked for."""

THROTTLED = "we ask too often:"
"""Begins the detail of an outcome after which nobody here should send anything for a while."""

Turn = Callable[[], Awaitable[None]]
"""Waits until one more request may be sent; raises `Unreachable` if that is too late."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A change that the service took, and whether all its servers have it."""

    change_id: str
    in_sync: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that is ready to be sent to a zone."""

    zone_id: str
    batch: Batch


class Service(Protocol):
    """The requests of one cloud. Errors are those of `ports.Provider.read`.

    Attributes:
        lists: whether one request may answer for several names, so that `standing` may be of one moment.
    """

    lists: bool

    async def find_zone(self, zone: DnsName) -> list[str]:
        """Return the ids of the zones of this name."""
        ...

    async def standing(
        self, zone_id: str, names: Sequence[DnsName], turn: Turn
    ) -> tuple[dict[Key, list[Native]], bool]:
        """Return all that stands at some names, and whether all of it is of one moment."""
        ...

    async def change(self, zone_id: str, batch: Batch) -> Accepted | Outcome:
        """Send one batch, once."""
        ...

    async def is_in_sync(self, zone_id: str, change_id: str) -> bool:
        """Whether a change has reached every server."""
        ...

    def excess(self, batch: Batch) -> str:
        """Say which limit of a batch is exceeded; empty: none."""
        ...


class Cloud:
    """Reads and writes at one cloud, in the words of `ports.Provider`."""

    def __init__(
        self,
        provider: topology.Provider,
        service: Service,
        dialect: Dialect,
        *,
        clock: Clock,
        throttle: Throttle,
    ) -> None:
        self._provider = provider
        self._api = provider.api
        self._service = service
        self._dialect = dialect
        self._clock = clock
        self._throttle = throttle
        self._lanes: dict[DnsName, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(provider.api.writes_max)
        )
        self._zone_ids: dict[DnsName, str] = {}

    async def read(self, layout: Layout) -> Observation:
        """Read epoch, fence and records of one endpoint.

        Where the answers are not of one moment, fence and epoch are read before the records and after
        them; if they moved meanwhile, the reading is begun anew. After alone is not enough: addresses,
        then a whole publication, then its fence twice, would pass for what that fence names.
        """
        zone_id = await self.zone_id(layout.zone)
        names = names_at(layout)
        at_ns = self._clock.now_ns()
        if self._service.lists:
            standing, at_once = await self._service.standing(zone_id, names, self._later)
            if at_once:
                return observe(layout, standing, self._dialect, at_ns)
        marks = (layout.fence_at, epoch_name(layout.zone))
        rest = tuple(one for one in names if one not in marks)
        for _ in range(READS_MAX):
            at_ns = self._clock.now_ns()
            before, _ = await self._service.standing(zone_id, marks, self._later)
            records, _ = await self._service.standing(zone_id, rest, self._later)
            after, _ = await self._service.standing(zone_id, marks, self._later)
            if before == after:
                return observe(layout, {**records, **after}, self._dialect, at_ns)
        raise ProviderError(
            f"{self._provider.name}: the fence at {layout.fence_at} moves faster than it can be read",
            remedy="who writes there so often? the fence's text names the writer",
        )

    async def write(self, transaction: Transaction) -> Outcome:
        """Carry out one transaction, see `ports.Provider`: one batch, sent at most once."""
        lane = self._lanes[transaction.zone]
        try:
            async with asyncio.timeout(self._provider.timeout_s):
                await lane.acquire()
        except TimeoutError:
            detail = f"nothing was sent: {self._api.writes_max} writes to the zone are under way"
            return Outcome(kind=OutcomeKind.BUSY, detail=detail)
        try:
            prepared = await self.prepare(transaction)
            return prepared if isinstance(prepared, Outcome) else await self.send(prepared)
        finally:
            lane.release()

    async def prepare(self, transaction: Transaction) -> Prepared | Outcome:
        """Read what stands and make the batch of a transaction; nothing is changed yet.

        Between this and `send` anything may happen to the zone: the batch itself holds the conditions.
        """
        try:
            zone_id = await self.zone_id(transaction.zone)
            standing, _ = await self._service.standing(zone_id, names_in(transaction), self._now)
        except Unreachable as fault:
            return Outcome(kind=OutcomeKind.BUSY, detail=f"nothing was sent: {fault.what}")
        except ProviderError as fault:
            return Outcome(kind=OutcomeKind.REJECTED, detail=f"{fault.what}; {fault.remedy}")
        batch = batch_of(transaction, standing, self._dialect)
        if isinstance(batch, Outcome):
            return batch
        excess = self._service.excess(batch)
        if excess:
            return Outcome(kind=OutcomeKind.REJECTED, detail=excess)
        return Prepared(zone_id, batch)

    async def send(self, prepared: Prepared) -> Outcome:
        """Send a prepared batch, once."""
        if not await self._throttle.take(self._provider.timeout_s, urgent=True):
            return Outcome(kind=OutcomeKind.BUSY, detail="nothing was sent: our own throttle")
        accepted = await self._service.change(prepared.zone_id, prepared.batch)
        if isinstance(accepted, Outcome):
            if accepted.kind is OutcomeKind.BUSY and accepted.detail.startswith(THROTTLED):
                self._throttle.pause()
            return accepted
        in_sync = accepted.in_sync or await self._settle(prepared.zone_id, accepted.change_id)
        word = "INSYNC" if in_sync else "PENDING"
        return Outcome(kind=OutcomeKind.APPLIED, detail=f"change {accepted.change_id} {word}")

    async def _settle(self, zone_id: str, change_id: str) -> bool:
        """Wait as long as the settings say until a change is everywhere; whether it is."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._api.settle_s
        while (left_s := deadline_s - loop.time()) > 0:
            await asyncio.sleep(min(POLL_S, left_s))
            try:
                turn = await self._throttle.take(left_s, urgent=False)
                if turn and await self._service.is_in_sync(zone_id, change_id):
                    return True
            except ProviderError:
                continue  # The write is accepted whatever the answer to this question is.
        return False

    async def _now(self) -> None:
        await self._turn(self._provider.timeout_s, urgent=True)

    async def _later(self) -> None:
        await self._turn(READ_WAIT_S, urgent=False)

    async def _turn(self, timeout_s: float, *, urgent: bool) -> None:
        if not await self._throttle.take(timeout_s, urgent=urgent):
            raise Unreachable(
                f"{self._provider.name}: the API allows no more requests now",
                remedy="raise `api.request_rate` if the vendor allows more, or `verify_interval_s`",
            )

    async def zone_id(self, zone: DnsName) -> str:
        """Return a zone's id, from the settings or looked up once.

        Raises:
            ProviderError: there is no such zone, or there are several.
        """
        if self._api.zone_id:
            return self._api.zone_id
        if zone not in self._zone_ids:
            await self._now()
            ids = await self._service.find_zone(zone)
            if len(ids) != 1:
                count = "no zone" if not ids else f"{len(ids)} zones ({', '.join(ids)})"
                raise ProviderError(
                    f"{self._provider.name}: the account has {count} {zone}",
                    remedy="name the right one as `api.zone_id`, and the right account's `api.role`",
                )
            self._zone_ids[zone] = ids[0]
        return self._zone_ids[zone]
