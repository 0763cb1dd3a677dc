"""The provider for Amazon Route 53: each write is one change batch, fenced by its own deletions.

`ListResourceRecordSets` shows the newest version, PENDING changes included, and a batch that was accepted is
visible to the next call. So a reading here is as fresh as one at a primary name server. What the world
gets is a little older: a change is PENDING until every server of Route 53 has it, then INSYNC. A
write is reported once it is accepted, or, with `settle_s`, once it is INSYNC.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html

Two throttles, both settings: requests of the account (`request_rate`, `request_burst`), shared by all
parts of a process; and writes to one zone that may be under way at once, since Route 53 refuses what
comes while it works on the zone (`PriorRequestNotComplete`).

Nothing is ever sent twice, nothing is split. What a batch cannot hold is rejected before it is sent.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from outlast.drivers.providers.route53_client import Route53Client, Start, is_throttled
from outlast.drivers.providers.route53_records import (
    Route53Dialect,
    characters_of,
    key_of,
    records_of,
)
from outlast.drivers.providers.swap import (
    Batch,
    Key,
    Native,
    batch_of,
    names_at,
    names_in,
    observe,
)
from outlast.drivers.providers.throttle import Throttle, Throttles
from outlast.model import topology
from outlast.model.errors import ProviderError, Unreachable
from outlast.model.names import DnsName
from outlast.model.plan import Layout, Observation, Outcome, OutcomeKind, Transaction
from outlast.ports import Clock

RECORDS_MAX = 1000
"""`ResourceRecord` elements in one batch. Deletions and creations count alike."""

CHARACTERS_MAX = 32_000
"""Characters in all `Value` elements of one batch."""

READS_MAX = 5
"""How often a reading is tried while the fence moves in the middle of it."""

READ_WAIT_S = 60.0
"""How long a comparison waits for its turn; writes go first."""

POLL_S = 1.0
"""How often a change that is waited for is asked for."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that is ready to be sent to a zone."""

    zone_id: str
    batch: Batch


class Route53Provider:
    """A provider on Route 53, see `ports.Provider`."""

    def __init__(
        self, provider: topology.Provider, clock: Clock, *, throttles: Throttles | None = None
    ) -> None:
        api = provider.api
        self._provider = provider
        self._api = api
        self._clock = clock
        self._dialect = Route53Dialect(api)
        self._client = Route53Client(api, provider.timeout_s)
        self._throttle: Throttle = (throttles or Throttles()).of(
            ("route53", api.endpoint, api.profile, api.role), api.request_rate, api.request_burst
        )
        self._lanes: dict[DnsName, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(api.writes_max)
        )
        self._zone_ids: dict[DnsName, str] = {}

    async def read(self, layout: Layout) -> Observation:
        """Read epoch, fence and records of one endpoint, see `ports.Provider`.

        A page of the list is of one moment. Where several were needed, the fence is read again at the
        end; if it moved meanwhile, the reading is begun anew.
        """
        zone_id = await self._zone_id(layout.zone)
        names = names_at(layout)
        for _ in range(READS_MAX):
            at_ns = self._clock.now_ns()
            standing, pages = await self._standing(zone_id, names, urgent=False)
            seen = observe(layout, standing, self._dialect, at_ns)
            if pages == 1:
                return seen
            again, _ = await self._standing(zone_id, (layout.fence_at,), urgent=False)
            if observe(layout, again, self._dialect, at_ns).fence == seen.fence:
                return seen
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
            zone_id = await self._zone_id(transaction.zone)
            standing, _ = await self._standing(zone_id, names_in(transaction), urgent=True)
        except Unreachable as fault:
            return Outcome(kind=OutcomeKind.BUSY, detail=f"nothing was sent: {fault.what}")
        except ProviderError as fault:
            return Outcome(kind=OutcomeKind.REJECTED, detail=f"{fault.what}; {fault.remedy}")
        batch = batch_of(transaction, standing, self._dialect)
        if isinstance(batch, Outcome):
            return batch
        excess = _excess(batch)
        if excess:
            return Outcome(kind=OutcomeKind.REJECTED, detail=excess)
        return Prepared(zone_id, batch)

    async def send(self, prepared: Prepared) -> Outcome:
        """Send a prepared batch, once."""
        if not await self._throttle.take(self._provider.timeout_s, urgent=True):
            return Outcome(kind=OutcomeKind.BUSY, detail="nothing was sent: our own throttle")
        accepted = await self._client.change(prepared.zone_id, prepared.batch)
        if isinstance(accepted, Outcome):
            if is_throttled(accepted):
                self._throttle.pause()
            return accepted
        in_sync = accepted.in_sync or await self._settle(accepted.change_id)
        word = "INSYNC" if in_sync else "PENDING"
        return Outcome(kind=OutcomeKind.APPLIED, detail=f"change {accepted.change_id} {word}")

    async def _settle(self, change_id: str) -> bool:
        """Wait as long as the settings say until a change is everywhere; whether it is."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._api.settle_s
        while (left_s := deadline_s - loop.time()) > 0:
            await asyncio.sleep(min(POLL_S, left_s))
            try:
                turn = await self._throttle.take(left_s, urgent=False)
                if turn and await self._client.is_in_sync(change_id):
                    return True
            except ProviderError:
                continue  # The write is accepted whatever the answer to this question is.
        return False

    async def _standing(
        self, zone_id: str, names: Sequence[DnsName], *, urgent: bool
    ) -> tuple[dict[Key, list[Native]], int]:
        """Return all that stands at some names, and how many pages it took."""
        wanted = sorted(dict.fromkeys(names), key=order_of)
        found: dict[Key, list[Native]] = {}
        pages = 0
        start: Start = {"StartRecordName": f"{wanted[0]}."}
        while wanted:
            await self._turn(urgent=urgent)
            natives, following = await self._client.list_records(zone_id, start)
            pages += 1
            for native in natives:
                key = key_of(native)
                if key is not None and key[0] in wanted:
                    found.setdefault(key, []).append(native)
            if following is None:
                break
            limit = order_of(following["StartRecordName"])
            # The name at which the next page begins may have had its first sets on this one.
            wanted = [one for one in wanted if order_of(one) >= limit]
            goes_on = bool(wanted) and order_of(wanted[0]) == limit
            start = following if goes_on or not wanted else {"StartRecordName": f"{wanted[0]}."}
        return found, pages

    async def _turn(self, *, urgent: bool) -> None:
        timeout_s = self._provider.timeout_s if urgent else READ_WAIT_S
        if not await self._throttle.take(timeout_s, urgent=urgent):
            raise Unreachable(
                f"{self._provider.name}: the API allows no more requests now",
                remedy="raise `api.request_rate` if the vendor allows more, or `verify_interval_s`",
            )

    async def _zone_id(self, zone: DnsName) -> str:
        """Return a zone's id, from the settings or looked up once.

        Raises:
            ProviderError: there is no such zone, or there are several.
        """
        if self._api.zone_id:
            return self._api.zone_id
        if zone not in self._zone_ids:
            await self._turn(urgent=True)
            zones = await self._client.list_zones(f"{zone}.")
            ids = [zone_id for name, zone_id in zones if name == f"{zone}."]
            if len(ids) != 1:
                count = "no zone" if not ids else f"{len(ids)} zones ({', '.join(ids)})"
                raise ProviderError(
                    f"{self._provider.name}: the account has {count} {zone}",
                    remedy="name the right one as `api.zone_id`, and the right account's `api.role`",
                )
            self._zone_ids[zone] = ids[0]
        return self._zone_ids[zone]

    async def seal(self, zone: DnsName, keys: Sequence[Key], why: str) -> None:
        """Protect record sets from every change, ours included, until `unseal`.

        Not a fence, since it is changed by a request of its own; but while it stands, no clean-up, no
        console and no second controller can touch what it covers: a batch that tries is refused whole.

        Raises:
            Unreachable, Denied, ProviderError: nothing is sealed (it is all or nothing).
        """
        await self._client.protect(await self._zone_id(zone), [_text(one) for one in keys], why)

    async def unseal(self, zone: DnsName, keys: Sequence[Key]) -> None:
        """Lift protections, all or none; raises as `seal`."""
        await self._client.unprotect(await self._zone_id(zone), [_text(one) for one in keys])

    async def seals(self, zone: DnsName) -> tuple[tuple[str, str], ...]:
        """Return name and type of what is protected in a zone."""
        found = await self._client.list_protections(await self._zone_id(zone))
        return tuple((name.rstrip("."), rtype) for name, rtype in found)

    async def describe(self) -> str:
        """Name kind and API in one line."""
        where = self._api.endpoint or "Route 53"
        return f"{self._provider.name}: {self._provider.kind} at {where}, API 2013-04-01"

    async def version(self) -> str:
        """Name the API; the service tells no version of its own."""
        return "API 2013-04-01"

    async def close(self) -> None:
        """Give up. Writes under way become unknown to whoever waits for them."""
        self._client.close()


def order_of(name: str) -> str:
    """Return what the API sorts a name by: its labels, last one first, each with a dot behind it."""
    return "".join(f"{label}." for label in reversed(name.rstrip(".").split(".")))


def _text(key: Key) -> tuple[str, str]:
    return f"{key[0]}.", str(key[1])


def _excess(batch: Batch) -> str:
    """Say which limit of a batch is exceeded; empty: none."""
    natives = (*batch.deletions, *batch.creations)
    records = sum(records_of(one) for one in natives)
    characters = sum(characters_of(one) for one in natives)
    if records <= RECORDS_MAX and characters <= CHARACTERS_MAX:
        return ""
    return (
        f"the batch would have {records} records and {characters} characters, old and new together; "
        f"Route 53 takes {RECORDS_MAX} and {CHARACTERS_MAX}, and a fenced write is never split: "
        "publish fewer addresses at this endpoint"
    )
