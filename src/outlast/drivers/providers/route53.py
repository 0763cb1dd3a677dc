"""The provider for Amazon Route 53: each write is one change batch, fenced by its own deletions.

`ListResourceRecordSets` shows the newest version, PENDING changes included, and a batch that was accepted is
visible to the next call. So a reading here is as fresh as one at a primary name server. What the world
gets is a little older: a change is PENDING until every server of Route 53 has it, then INSYNC. A
write is reported once it is accepted, or, with `settle_s`, once it is INSYNC.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html

Route 53 refuses a write to a zone that it still works on (`PriorRequestNotComplete`), hence the limit of
writes under way (`writes_max`), and what the account asks beyond its rate (`Throttling`).
"""

from collections.abc import Sequence

from outlast.drivers.providers.cloud import Accepted, Cloud, Turn
from outlast.drivers.providers.route53_client import Route53Client, Start
from outlast.drivers.providers.route53_records import (
    Route53Dialect,
    characters_of,
    key_of,
    records_of,
)
from outlast.drivers.providers.swap import Batch, Key, Native
from outlast.drivers.providers.throttle import Throttles
from outlast.model import topology
from outlast.model.names import DnsName
from outlast.model.plan import Outcome
from outlast.ports import Clock

RECORDS_MAX = 1000
"""`ResourceRecord` elements in one batch. Deletions and creations count alike."""

CHARACTERS_MAX = 32_000
"""Characters in all `Value` elements of one batch."""


class Route53Service:
    """The requests, see `cloud.Service`."""

    lists = True

    def __init__(self, client: Route53Client) -> None:
        self._client = client

    async def find_zone(self, zone: DnsName) -> list[str]:
        """Return the ids of the zones of this name."""
        zones = await self._client.list_zones(f"{zone}.")
        return [zone_id for name, zone_id in zones if name == f"{zone}."]

    async def standing(
        self, zone_id: str, names: Sequence[DnsName], turn: Turn
    ) -> tuple[dict[Key, list[Native]], bool]:
        """Return all that stands at some names; of one moment if it took one page."""
        wanted = sorted(dict.fromkeys(names), key=order_of)
        found: dict[Key, list[Native]] = {}
        pages = 0
        start: Start = {"StartRecordName": f"{wanted[0]}."}
        while wanted:
            await turn()
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
        return found, pages == 1

    async def change(self, zone_id: str, batch: Batch) -> Accepted | Outcome:
        """Send one batch, once."""
        return await self._client.change(zone_id, batch)

    async def is_in_sync(self, zone_id: str, change_id: str) -> bool:
        """Whether a change is INSYNC; its id is one of the account's."""
        del zone_id
        return await self._client.is_in_sync(change_id)

    def excess(self, batch: Batch) -> str:
        """Say which limit of a batch is exceeded; empty: none."""
        natives = (*batch.deletions, *batch.creations)
        records = sum(records_of(one) for one in natives)
        characters = sum(characters_of(one) for one in natives)
        if records <= RECORDS_MAX and characters <= CHARACTERS_MAX:
            return ""
        return (
            f"the batch would have {records} records and {characters} characters, old and new "
            f"together; Route 53 takes {RECORDS_MAX} and {CHARACTERS_MAX}, and a fenced write is never "
            "split: publish fewer addresses at this endpoint"
        )


class Route53Provider:
    """A provider on Route 53, see `ports.Provider`."""

    def __init__(
        self, provider: topology.Provider, clock: Clock, *, throttles: Throttles | None = None
    ) -> None:
        api = self._api = provider.api
        self._provider = provider
        self._client = Route53Client(api, provider.timeout_s)
        self._cloud = Cloud(
            provider,
            Route53Service(self._client),
            Route53Dialect(api),
            clock=clock,
            throttle=(throttles or Throttles()).of(
                ("route53", api.endpoint, api.profile, api.role),
                api.request_rate,
                api.request_burst,
            ),
        )
        self.read = self._cloud.read
        self.write = self._cloud.write
        self.prepare = self._cloud.prepare
        self.send = self._cloud.send

    async def seal(self, zone: DnsName, keys: Sequence[Key], why: str) -> None:
        """Protect record sets from every change, ours included, until `unseal`.

        Not a fence, since it is changed by a request of its own; but while it stands, no clean-up, no
        console and no second controller can touch what it covers: a batch that tries is refused whole.

        Raises:
            Unreachable, Denied, ProviderError: nothing is sealed (it is all or nothing).
        """
        await self._client.protect(
            await self._cloud.zone_id(zone), [_text(one) for one in keys], why
        )

    async def unseal(self, zone: DnsName, keys: Sequence[Key]) -> None:
        """Lift protections, all or none; raises as `seal`."""
        await self._client.unprotect(await self._cloud.zone_id(zone), [_text(one) for one in keys])

    async def seals(self, zone: DnsName) -> tuple[tuple[str, str], ...]:
        """Return name and type of what is protected in a zone."""
        found = await self._client.list_protections(await self._cloud.zone_id(zone))
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
