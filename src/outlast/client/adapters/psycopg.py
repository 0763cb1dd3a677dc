"""psycopg: `hostaddr` beside `host`, as libpq documents it. TLS goes on checking `host`.

psycopg.connect(**parameters("host=db.example.net dbname=shop sslmode=verify-full", application.resolver))
"""

import socket
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from outlast.client.deadline import socket_s
from outlast.client.resolver import Resolver

CHECKED = {"verify-full"}
"""libpq's `sslmode` that checks the name. `require` encrypts, and does not look whom it talks to."""


def parameters(conninfo: str, resolver: Resolver, **options: Any) -> dict[str, Any]:
    """Return connection parameters with addresses, several of them as libpq tries them in order.

    Raises:
        socket.gaierror: no answer, fresh or remembered, that may be used.
    """
    given = conninfo_to_dict(conninfo, **options)
    hosts = str(given.get("host", "")).split(",")
    ports = str(given.get("port", "")).split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    names: list[tuple[str, str, str]] = []
    for host, port in zip(hosts, ports, strict=True):
        if not host or host.startswith("/") or ":" in host or host.replace(".", "").isdigit():
            names.append((host, "", port))
            continue
        addresses = resolver.lookup(host)
        if not resolver.may_use(host, tls=given.get("sslmode") in CHECKED):
            raise socket.gaierror(
                socket.EAI_AGAIN, f"{host}: remembered, not used without verify-full"
            )
        names.extend((host, address, port) for address in addresses)
    given["host"] = ",".join(one[0] for one in names)
    given["hostaddr"] = ",".join(one[1] for one in names)
    given["port"] = ",".join(one[2] for one in names)
    limit_s = socket_s(float(given["connect_timeout"] or 0) if "connect_timeout" in given else None)
    if limit_s is not None:
        given["connect_timeout"] = max(2, int(limit_s))  # libpq takes whole seconds, 2 at least
    return given
