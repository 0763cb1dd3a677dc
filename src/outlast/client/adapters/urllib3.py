"""urllib3, and with it requests and botocore: connections that ask our resolver.

    pools = pool_manager(application.resolver)                 # urllib3
    session.mount("https://", adapter(application.resolver))   # requests, see adapters.requests

`HTTPConnectionPool.ConnectionCls` is urllib3's documented place for one's own connections. Theirs connect to
`_dns_host`, apart from `host`, which stays the name for certificates and headers: we set the first to an
address and leave the error mapping to urllib3.
"""

import socket
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from outlast.client.deadline import socket_s
from outlast.client.resolver import Resolver


def pool_classes(resolver: Resolver) -> dict[str, type[HTTPConnectionPool]]:
    """Return pool classes for `PoolManager.pool_classes_by_scheme`."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, resolver, super()._new_conn, tls=False)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, resolver, super()._new_conn, tls=True)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def pool_manager(resolver: Resolver, **options: Any) -> PoolManager:
    """Return a pool manager whose connections ask our resolver."""
    pools = PoolManager(**options)
    pools.pool_classes_by_scheme = pool_classes(resolver)
    return pools


def _connect(connection: Any, resolver: Resolver, connect: Any, *, tls: bool) -> socket.socket:
    name = connection._dns_host  # noqa: SLF001 - what urllib3 connects to, apart from `host`
    limit_s = connection.timeout if isinstance(connection.timeout, int | float) else None
    connection.timeout = socket_s(limit_s)
    if ":" in name or name.replace(".", "").isdigit():
        return connect()  # type: ignore[no-any-return]
    try:
        addresses = resolver.lookup(name)
    except socket.gaierror as error:
        raise NameResolutionError(name, connection, error) from error
    if not resolver.may_use(name, tls=tls):
        raise NameResolutionError(
            name, connection, socket.gaierror(socket.EAI_AGAIN, "remembered, not used without TLS")
        )
    fault: Exception | None = None
    for address in addresses:
        connection._dns_host = address  # noqa: SLF001
        try:
            made: socket.socket = connect()
        except (NewConnectionError, ConnectTimeoutError) as error:
            resolver.refused(name, address)
            fault = error
            continue
        finally:
            connection._dns_host = name  # noqa: SLF001
        resolver.connected(name, address)
        return made
    assert fault is not None
    raise fault
