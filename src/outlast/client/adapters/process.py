"""The last resort: `socket.getaddrinfo` of the whole process is replaced, and put back.

    with install(application.resolver):
        ...

Reaches whatever resolves in Python: requests, urllib3, httpx, boto3, redis, psycopg, asyncpg. It does not
reach aiodns, pycurl, grpc and uvloop. It cannot know whether a connection will be checked by TLS, so stale
addresses are given only to names whose policy says `without_tls`. Prefer an adapter.
"""

import socket
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from outlast.client.resolver import Resolver


class Installed:
    """A replaced `socket.getaddrinfo`. `remove()`, or the end of the `with`, puts the old one back."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._before = socket.getaddrinfo
        self._ours = self._getaddrinfo
        socket.getaddrinfo = self._ours

    def remove(self) -> None:
        """Put back what was there before.

        Raises:
            RuntimeError: somebody else has replaced it since; undo theirs first.
        """
        if socket.getaddrinfo == self._before:
            return
        if socket.getaddrinfo != self._ours:
            raise RuntimeError("socket.getaddrinfo was replaced again since; put that back first")
        socket.getaddrinfo = self._before

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.remove()

    def _getaddrinfo(self, host: Any, port: Any, *rest: int, **options: int) -> list[Any]:
        family, kind, proto, flags = wanted(rest, options)
        host = text_of(host)
        plain = isinstance(host, str) and host and not flags and isinstance(port, int | None)
        if not plain or ":" in host or host.replace(".", "").isdigit():
            return self._before(host, port, family, kind, proto, flags)
        addresses = self._resolver.lookup(host, family)
        if not self._resolver.may_use(host, tls=False):
            raise socket.gaierror(socket.EAI_AGAIN, f"{host}: remembered, not used without TLS")
        return shape(addresses, port or 0, kind, proto)


def install(resolver: Resolver) -> Installed:
    """Replace the process's look-ups by a resolver's. Its own look-up stays the system's."""
    before = socket.getaddrinfo
    resolver.look_up_with(
        lambda name, family: [
            str(one[4][0]) for one in before(name, None, family, socket.SOCK_STREAM)
        ]
    )
    return Installed(resolver)


def wanted(rest: Sequence[int], options: Mapping[str, int]) -> tuple[int, int, int, int]:
    """Return family, type, proto and flags of a call of `getaddrinfo`, however they were given."""
    names = ("family", "type", "proto", "flags")
    given = {**dict(zip(names, rest, strict=False)), **options}
    return tuple(given.get(name, 0) for name in names)  # type: ignore[return-value]


def text_of(host: Any) -> Any:
    """Return a host as text; anyio, and httpx with it, hands names over as bytes."""
    return host.decode("ascii", "replace") if isinstance(host, bytes) else host


def shape(addresses: Sequence[str], port: int, kind: int, proto: int) -> list[Any]:
    """Put addresses into the form of `getaddrinfo`."""
    kinds = [kind] if kind else [socket.SOCK_STREAM, socket.SOCK_DGRAM]
    protos = {socket.SOCK_STREAM: socket.IPPROTO_TCP, socket.SOCK_DGRAM: socket.IPPROTO_UDP}
    return [
        (socket.AF_INET6, one, proto or protos.get(one, 0), "", (address, port, 0, 0))
        if ":" in address
        else (socket.AF_INET, one, proto or protos.get(one, 0), "", (address, port))
        for address in addresses
        for one in map(socket.SocketKind, kinds)
    ]
