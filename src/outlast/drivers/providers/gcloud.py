"""The provider for Google Cloud DNS: each write is one change, fenced by its own deletions.

A change of `changes.create` is atomic; its deletions must match what stands there to the last value and TTL,
its additions must not be there yet, else the whole is refused (412, 409, or 404 for a deletion of what is
gone). The calls on single record sets (`resourceRecordSets.create`, `patch`, `delete`) are unconditional
and never used.

    https://cloud.google.com/dns/docs/reference/v1/changes
    https://cloud.google.com/dns/docs/error-messages
    https://cloud.google.com/dns/quotas

A change is `pending`, then `done`, which means that it was sent to the name servers. Weights become a
routing policy `wrr`, one item an address; a client then gets one address an answer.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from outlast.drivers.providers.cloud import THROTTLED, Accepted, Cloud, Turn
from outlast.drivers.providers.gcloud_client import Answer, GcloudClient
from outlast.drivers.providers.quoting import quote, unquote
from outlast.drivers.providers.swap import ADDRESS_TYPES, Batch, Key, Native
from outlast.drivers.providers.throttle import Throttles
from outlast.model import topology
from outlast.model.errors import Denied, ProviderError, Unreachable
from outlast.model.names import DnsName
from outlast.model.plan import Outcome, OutcomeKind
from outlast.model.records import RecordSet, RecordType
from outlast.ports import Clock

SETS_MAX = 1000
"""Additions in one change, and as many deletions."""

BYTES_MAX = 100_000
"""Record data in one change."""

VALUES_MAX = 100
"""Records in one set."""

_THROTTLED = {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"}
_NOT_NOW = {429, 503}


class GcloudDialect:
    """Google's way to write record sets, see `swap.Dialect`."""

    def read(self, key: Key, natives: Sequence[Native]) -> RecordSet:
        """Return all values, whatever the routing, and the TTL."""
        name, rtype = key
        values = [value for native in natives for value in _values_of(native)]
        if rtype is RecordType.TXT:
            values = [unquote(value, base=10) for value in values]
        return RecordSet.of(name, rtype, min(int(one["ttl"]) for one in natives), values)

    def write(self, record_set: RecordSet, weights: Mapping[str, int]) -> tuple[Native, ...]:
        """Return one set; its addresses in a routing policy where their weights differ."""
        values = list(record_set.values)
        native: dict[str, Any] = {
            "name": f"{record_set.name}.",
            "type": str(record_set.rtype),
            "ttl": record_set.ttl_s,
        }
        shares = [weights.get(value, 1) if weights else 1 for value in values]
        if record_set.rtype in ADDRESS_TYPES and len(set(shares)) > 1:
            items = [
                {"weight": float(share), "rrdatas": [value]}
                for value, share in zip(values, shares, strict=True)
            ]
            return (native | {"routingPolicy": {"wrr": {"items": items}}},)
        if record_set.rtype is RecordType.TXT:
            values = [quote(value, base=10) for value in values]
        elif record_set.rtype is RecordType.CNAME:
            values = [f"{value}." for value in values]
        return (native | {"rrdatas": values},)

    def routing(self, natives: Sequence[Native]) -> tuple[str, ...]:
        """Return how each set is chosen, as one text."""
        return tuple(sorted(_routing_of(one) for one in natives))


def _values_of(native: Native) -> list[str]:
    """The values of a set, or of all items of its routing policy."""
    found = list(native.get("rrdatas", ()))
    for policy in ("wrr", "geo"):
        for item in native.get("routingPolicy", {}).get(policy, {}).get("items", ()):
            found += item.get("rrdatas", ())
    return found


def _routing_of(native: Native) -> str:
    policy = native.get("routingPolicy")
    if not policy:
        return ",".join(sorted(native.get("rrdatas", ())))
    if set(policy) - {"kind"} != {"wrr"}:
        return f"{','.join(sorted(_values_of(native)))} {json.dumps(policy, sort_keys=True)[:200]}"
    items = policy["wrr"]["items"]
    return " ".join(
        sorted(
            f"{','.join(one.get('rrdatas', ()))} Weight={float(one['weight']):g}" for one in items
        )
    )


class GcloudService:
    """The requests, see `cloud.Service`."""

    lists = False

    def __init__(self, client: GcloudClient, project: str) -> None:
        self._client = client
        self._zones = f"/projects/{project}/managedZones"

    async def find_zone(self, zone: DnsName) -> list[str]:
        """Return the names of the managed zones of this DNS name."""
        found = await self._read(self._zones, {"dnsName": f"{zone}."})
        return [str(one["name"]) for one in found.get("managedZones", ())]

    async def standing(
        self, zone_id: str, names: Sequence[DnsName], turn: Turn
    ) -> tuple[dict[Key, list[Native]], bool]:
        """Return all that stands at some names, each asked for alone: not of one moment."""
        found: dict[Key, list[Native]] = {}

        async def look(name: DnsName) -> None:
            query = {"name": f"{name}."}
            while True:
                await turn()
                answer = await self._read(f"{self._zones}/{zone_id}/rrsets", query)
                for native in answer.get("rrsets", ()):
                    key = _key_of(native)
                    if key is not None:
                        found.setdefault(key, []).append(_without_kind(native))
                if "nextPageToken" not in answer:
                    return
                query = {**query, "pageToken": answer["nextPageToken"]}

        wanted = list(dict.fromkeys(names))
        await asyncio.gather(*(look(name) for name in wanted))
        return found, len(wanted) == 1

    async def change(self, zone_id: str, batch: Batch) -> Accepted | Outcome:
        """Send one change, once."""
        body = {"deletions": list(batch.deletions), "additions": list(batch.creations)}
        try:
            answer = await self._client.post(f"{self._zones}/{zone_id}/changes", body)
        except Unreachable as fault:
            return Outcome(kind=OutcomeKind.BUSY, detail=f"nothing was sent: {fault.what}")
        if answer is None:
            return Outcome(kind=OutcomeKind.UNKNOWN, detail="no answer from the API")
        if answer.status == 200:
            return Accepted(str(answer.content["id"]), answer.content["status"] == "done")
        return _refusal(answer)

    async def is_in_sync(self, zone_id: str, change_id: str) -> bool:
        """Whether a change was sent to every name server."""
        found = await self._read(f"{self._zones}/{zone_id}/changes/{change_id}", {})
        return bool(found["status"] == "done")

    async def _read(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        answer = await self._client.get(path, query)
        if answer.status == 200:
            return answer.content
        what = f"Google Cloud DNS: {answer.status} {answer.reason}: {answer.message}"
        if answer.status in _NOT_NOW or answer.reason in _THROTTLED:
            raise Unreachable(what)
        if answer.status in {401, 403}:
            raise Denied(what, remedy="which rights the account needs stands in docs/providers.md")
        raise ProviderError(
            what, remedy="compare `zones` and `api.project` with the project's zones"
        )

    def excess(self, batch: Batch) -> str:
        """Say which limit of a change is exceeded; empty: none."""
        natives = (*batch.deletions, *batch.creations)
        values = [_values_of(one) for one in natives]
        octets = sum(len(value) for one in values for value in one)
        most = max((len(one) for one in values), default=0)
        sets = max(len(batch.deletions), len(batch.creations))
        if sets <= SETS_MAX and octets <= BYTES_MAX and most <= VALUES_MAX:
            return ""
        return (
            f"the change would have {sets} record sets, {octets} bytes, and {most} records in one set; "
            f"Google Cloud DNS takes {SETS_MAX}, {BYTES_MAX} and {VALUES_MAX}, and a fenced write is "
            "never split: publish fewer addresses at this endpoint"
        )


def _key_of(native: Native) -> Key | None:
    try:
        return DnsName(native["name"].rstrip(".").lower()), RecordType(native["type"])
    except ValueError:
        return None


def _without_kind(native: Native) -> Native:
    return {key: value for key, value in native.items() if key not in {"kind", "signatureRrdatas"}}


def _refusal(answer: Answer) -> Outcome:
    """Return what an error document says of a write: a change is all or nothing."""
    detail = f"{answer.status} {answer.reason}: {answer.message}"
    if answer.status in {409, 412} or (answer.status == 404 and "deletions" in answer.message):
        return Outcome(kind=OutcomeKind.REFUSED, detail=detail)
    if answer.status == 429 or answer.reason in _THROTTLED:
        return Outcome(kind=OutcomeKind.BUSY, detail=f"{THROTTLED} {detail}")
    if answer.status >= 500:
        return Outcome(kind=OutcomeKind.UNKNOWN, detail=detail)
    return Outcome(kind=OutcomeKind.REJECTED, detail=detail)


class GcloudProvider:
    """A provider on Google Cloud DNS, see `ports.Provider`.

    Args:
        token: returns a valid access token; called in a thread, before each request.
    """

    def __init__(
        self,
        provider: topology.Provider,
        clock: Clock,
        token: Callable[[], str],
        *,
        throttles: Throttles | None = None,
    ) -> None:
        api = self._api = provider.api
        self._provider = provider
        self._client = GcloudClient(api.endpoint, provider.timeout_s, token)
        self._cloud = Cloud(
            provider,
            GcloudService(self._client, api.project),
            GcloudDialect(),
            clock=clock,
            throttle=(throttles or Throttles()).of(
                ("gcloud", api.endpoint, api.project), api.request_rate, api.request_burst
            ),
        )
        self.read = self._cloud.read
        self.write = self._cloud.write
        self.prepare = self._cloud.prepare
        self.send = self._cloud.send

    async def describe(self) -> str:
        """Name kind and API in one line."""
        where = self._api.endpoint or "Google Cloud DNS"
        return f"{self._provider.name}: {self._provider.kind} at {where}, API v1"

    async def version(self) -> str:
        """Name the API; the service tells no version of its own."""
        return "API v1"

    async def close(self) -> None:
        """Give up. Writes under way become unknown to whoever waits for them."""
        self._client.close()
