"""asyncio: an event loop whose look-ups are ours. Reaches every client that lets asyncio resolve.

    with asyncio.Runner(loop_factory=loop_factory(application.resolver)) as runner:
        runner.run(main())

That is httpx and aiohttp without their adapters, asyncpg, redis, psycopg. uvloop resolves in C and is not
reached by this; use the adapters there.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from outlast.client.adapters.process import shape, text_of
from outlast.client.resolver import Resolver


def loop_factory(resolver: Resolver) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return a factory for `asyncio.Runner`."""

    class OutlastLoop(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, host: Any, port: Any, **options: int) -> Any:
            host = text_of(host)
            if not isinstance(host, str) or not host or options.get("flags", 0):
                return await super().getaddrinfo(host, port, **options)
            if ":" in host or host.replace(".", "").isdigit() or not isinstance(port, int | None):
                return await super().getaddrinfo(host, port, **options)
            addresses = await resolver.lookup_async(host, options.get("family", 0))
            return shape(addresses, port or 0, options.get("type", 0), options.get("proto", 0))

    return OutlastLoop
