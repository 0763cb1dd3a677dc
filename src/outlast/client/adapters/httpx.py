"""httpx: a transport that connects to addresses of our resolver and checks certificates against the name.

    client = httpx.Client(transport=OutlastTransport(application.resolver))

The URL's host becomes an address, the Host header stays, and the documented extension `sni_hostname` keeps
the name for TLS. Where an address does not connect, the next one is tried: nothing was sent yet, so that is
safe for every method. The time-out is clamped to what the caller's deadline leaves.
"""

from collections.abc import Sequence
from typing import Any

import httpx

from outlast.client.deadline import socket_s
from outlast.client.resolver import Resolver

_PHASES = ("connect", "read", "write", "pool")


class OutlastTransport(httpx.BaseTransport):
    """A transport for `httpx.Client`."""

    def __init__(self, resolver: Resolver, transport: httpx.BaseTransport | None = None) -> None:
        self._resolver = resolver
        self._transport = transport or httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the best address that connects."""
        name = request.url.host
        try:
            addresses = () if _is_address(name) else self._resolver.lookup(name)
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        fault: httpx.HTTPError | None = None
        for address in _usable(self._resolver, request, addresses):
            sent = _towards(request, address)
            try:
                response = self._transport.handle_request(sent)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                self._resolver.refused(name, address)
                fault = error
                continue
            self._resolver.connected(name, address)
            return response
        if fault is not None:
            fault.request = request
            raise fault
        return self._transport.handle_request(_towards(request, ""))

    def close(self) -> None:
        """Close the transport below."""
        self._transport.close()


class AsyncOutlastTransport(httpx.AsyncBaseTransport):
    """A transport for `httpx.AsyncClient`."""

    def __init__(
        self, resolver: Resolver, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._resolver = resolver
        self._transport = transport or httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the best address that connects."""
        name = request.url.host
        try:
            addresses = () if _is_address(name) else await self._resolver.lookup_async(name)
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        fault: httpx.HTTPError | None = None
        for address in _usable(self._resolver, request, addresses):
            sent = _towards(request, address)
            try:
                response = await self._transport.handle_async_request(sent)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                self._resolver.refused(name, address)
                fault = error
                continue
            self._resolver.connected(name, address)
            return response
        if fault is not None:
            fault.request = request
            raise fault
        return await self._transport.handle_async_request(_towards(request, ""))

    async def aclose(self) -> None:
        """Close the transport below."""
        await self._transport.aclose()


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _usable(resolver: Resolver, request: httpx.Request, addresses: Sequence[str]) -> Sequence[str]:
    name = request.url.host
    if addresses and not resolver.may_use(name, tls=request.url.scheme == "https"):
        raise httpx.ConnectError(
            f"{name} does not answer; its remembered address is not used without TLS"
            " (NamePolicy.without_tls)",
            request=request,
        )
    return addresses


def _towards(request: httpx.Request, address: str) -> httpx.Request:
    extensions: dict[str, Any] = dict(request.extensions)
    url = request.url
    if address:
        extensions.setdefault("sni_hostname", url.host)
        url = url.copy_with(host=address)
    limits = extensions.get("timeout") or {}
    extensions["timeout"] = {phase: socket_s(limits.get(phase)) for phase in _PHASES}
    return httpx.Request(
        request.method, url, headers=request.headers, stream=request.stream, extensions=extensions
    )
