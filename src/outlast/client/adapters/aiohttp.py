"""aiohttp (and aiobotocore): a resolver for its connector.

    session = aiohttp.ClientSession(connector=connector(application.resolver))

aiohttp's own cache is switched off, since it would keep a healed name's old address for ten seconds and an
expired one never. aiohttp tries the addresses in the order given and checks certificates against the name.
"""

import socket
from typing import Any

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from outlast.client.resolver import Resolver


class OutlastResolver(AbstractResolver):
    """The resolver's answers in aiohttp's words."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host."""
        addresses = await self._resolver.lookup_async(host, int(family))
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Keep the resolver: it belongs to the application."""


def connector(resolver: Resolver, **options: Any) -> TCPConnector:
    """Return a connector that asks our resolver."""
    return TCPConnector(resolver=OutlastResolver(resolver), use_dns_cache=False, **options)
