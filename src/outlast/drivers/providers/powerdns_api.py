"""The HTTP API of PowerDNS, as far as Lua records need it: lay one set, look at it, remove it.

Dynamic updates cannot carry Lua records, and the API knows no conditions. So it is used for one thing
only: names of our own that nobody points to yet, or any more.

https://doc.powerdns.com/authoritative/http-api/zone.html
"""

import asyncio
import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from outlast.model.errors import ConfigError, Denied, ProviderError, Unreachable
from outlast.model.names import DnsName

BASE = "/api/v1/servers/localhost/zones"


class PowerDnsApi:
    """Requests to one server's API. `key` returns its key, and is called for each request."""

    def __init__(self, endpoint: str, timeout_s: float, key: Callable[[], str]) -> None:
        self._parts = urlsplit(endpoint)
        self._timeout_s = timeout_s
        self._key = key

    async def lay(self, zone: DnsName, name: str, ttl_s: int, contents: Sequence[str]) -> None:
        """Put Lua records at a name.

        Raises:
            Unreachable, Denied, ProviderError: whether they stand there is not known.
        """
        records = [{"content": one, "disabled": False} for one in contents]
        await self._patch(zone, name, {"changetype": "REPLACE", "ttl": ttl_s, "records": records})

    async def remove(self, zone: DnsName, name: str) -> None:
        """Remove the Lua records at a name; raises as `lay`."""
        await self._patch(zone, name, {"changetype": "DELETE"})

    async def look(self, zone: DnsName, name: str) -> tuple[str, ...]:
        """Return the Lua records at a name, sorted; raises as `lay`."""
        query = f"rrset_name={quote(name)}.&rrset_type=LUA"
        answer = await self._ask("GET", f"{BASE}/{zone}.?{query}", None)
        sets = [one for one in answer.get("rrsets", ()) if one["type"] == "LUA"]
        mine = [one for one in sets if one["name"].lower() == f"{name}."]
        return tuple(sorted(record["content"] for one in mine for record in one["records"]))

    async def _patch(self, zone: DnsName, name: str, change: Mapping[str, Any]) -> None:
        body = {"rrsets": [{"name": f"{name}.", "type": "LUA", **change}]}
        await self._ask("PATCH", f"{BASE}/{zone}.", body)

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        return await asyncio.to_thread(self._exchange, method, path, body)

    def _exchange(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        where = f"the API of PowerDNS at {self._parts.netloc}"
        try:
            headers = {"X-API-Key": self._key(), "Content-Type": "application/json"}
        except ConfigError as fault:
            raise Denied(fault.what, remedy=fault.remedy) from None
        host, port = self._parts.hostname or "", self._parts.port
        kind = http.client.HTTPSConnection
        connection: http.client.HTTPConnection = kind(host, port, timeout=self._timeout_s)
        if self._parts.scheme == "http":
            connection = http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        try:
            text = json.dumps(body).encode() if body is not None else None
            connection.request(method, f"{self._parts.path}{path}", text, headers)
            response = connection.getresponse()
            status, content = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{where}: {error}") from None
        finally:
            connection.close()
        if status in {401, 403}:
            raise Denied(f"{where} refuses our key", remedy="compare `token` with its `api-key`")
        if status not in {200, 204}:
            what = f"{where}: {status} {content[:200].decode(errors='replace')}"
            raise ProviderError(what, remedy="is the zone served there, and `api=yes`?")
        return json.loads(content) if content else {}
