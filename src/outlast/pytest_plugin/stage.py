"""The stage: between Python's sockets and the world, while a test with the `outage` fixture runs.

Two functions are replaced: `socket.getaddrinfo`, which asyncio's loops use too, and `socket.socket.connect`
with its sibling. So any client that resolves and connects in Python meets the fault: httpx, requests,
urllib3, aiohttp, botocore, redis, asyncpg. Errors have the true chain inside, since they come from a real
`gaierror` or a real socket; the exceptions of socket-blocking plugins skip the application's `except`.
Not reached: uvloop, c-ares, libpq and others that do it in C.

Names on the stage resolve to an address of their own out of 127.77.0.0/16, by which `connect` knows them
again and goes where the name's route or fault says.
"""

import contextlib
import socket
import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from outlast.client.adapters.process import shape, text_of, wanted
from outlast.pytest_plugin import servers
from outlast.pytest_plugin.certificates import Authority
from outlast.pytest_plugin.faults import DNS_FAULTS, Fault, host_of, is_address

Route = tuple[str, int]

SILENT_S = 10.0
"""How long a silent DNS keeps `getaddrinfo`: glibc's default of two tries of five seconds."""

LATENCY_S = 3.0
DRIP_BYTES_PER_S = 200.0

_NUMBERS = {
    Fault.WIPE: (socket.EAI_NODATA, "No address associated with hostname"),
    Fault.NXDOMAIN: (socket.EAI_NONAME, "Name or service not known"),
    Fault.SERVFAIL: (socket.EAI_AGAIN, "Temporary failure in name resolution"),
    Fault.SILENT: (socket.EAI_AGAIN, "Temporary failure in name resolution"),
}

_ANSWERS = {
    Fault.ERROR_5XX: ("503 Service Unavailable", "", "the dependency is down"),
    Fault.THROTTLE: ("429 Too Many Requests", "Retry-After: 1\r\n", "slow down"),
    Fault.CREDENTIALS: ("403 Forbidden", "", '{"__type": "ExpiredTokenException"}'),
}


class Stage:
    """Faults by host name, and how often each was met.

    Attributes:
        met: look-ups and connections that a fault was done to, by host name.
    """

    def __init__(self, routes: Mapping[str, Route], folder: Path) -> None:
        self._routes = {host_of(host): route for host, route in routes.items()}
        self._routed = {name for name, _ in self._routes}
        self._folder = folder
        self._authority: Authority | None = None
        self._faults: dict[str, Fault] = {}
        self._tls: set[str] = set()
        self._props: dict[str, Any] = {}
        self._aliases: dict[str, str] = {}
        self._open: dict[str, weakref.WeakSet[socket.socket]] = {}
        self._over = threading.Event()
        self.met: Counter[str] = Counter()
        self._getaddrinfo = socket.getaddrinfo
        self._connect = socket.socket.connect
        self._connect_ex = socket.socket.connect_ex

    @contextlib.contextmanager
    def up(self) -> Iterator["Stage"]:
        """Replace the functions, and put them back."""
        stage = self

        def connect(self: socket.socket, address: Any) -> None:
            stage._connect(self, stage._towards(self, address))

        def connect_ex(self: socket.socket, address: Any) -> int:
            return stage._connect_ex(self, stage._towards(self, address))

        with contextlib.ExitStack() as stack:
            stack.callback(self._put_back)
            socket.getaddrinfo = self._resolve
            socket.socket.connect = connect  # type: ignore[assignment]
            socket.socket.connect_ex = connect_ex  # type: ignore[assignment]
            yield self

    @contextlib.contextmanager
    def fault(self, hosts: list[str], fault: Fault, *, tls: bool = False) -> Iterator[None]:
        """Do a fault to hosts while inside. Connections that stand are cut at both ends of it."""
        names = list(dict.fromkeys(host_of(host)[0] for host in hosts))
        self._over.clear()
        for name in names:
            self._faults[name] = fault
            if tls:
                self._tls.add(name)
            self._cut(name)
        try:
            yield
        finally:
            self._over.set()
            for name in names:
                self._faults.pop(name, None)
                self._cut(name)
            for prop in self._props.values():
                prop.close()
            self._props.clear()

    def _put_back(self) -> None:
        socket.getaddrinfo = self._getaddrinfo
        del socket.socket.connect
        del socket.socket.connect_ex

    def _resolve(self, host: Any, port: Any, *rest: int, **options: int) -> list[Any]:
        family, kind, proto, flags = wanted(rest, options)
        text = text_of(host)
        name = text.lower().rstrip(".") if isinstance(text, str) else ""
        fault = self._faults.get(name)
        if fault in DNS_FAULTS:
            self.met[name] += 1
            if fault is Fault.SILENT:
                self._over.wait(SILENT_S)
            raise socket.gaierror(*_NUMBERS[fault])
        if is_address(name) or (fault is None and name not in self._routed):
            return list(self._getaddrinfo(host, port, family, kind, proto, flags))
        if family == socket.AF_INET6:
            raise socket.gaierror(*_NUMBERS[Fault.WIPE])
        number = port if isinstance(port, int) else socket.getservbyname(port) if port else 0
        return shape([self._alias(name)], number, kind, proto)

    def _alias(self, name: str) -> str:
        if name not in self._aliases:
            number = len(self._aliases) + 1
            self._aliases[name] = f"127.77.{number // 250}.{number % 250 + 1}"
        return self._aliases[name]

    def _towards(self, sock: socket.socket, address: Any) -> Any:
        if sock.family != socket.AF_INET or sock.type & 0xF != socket.SOCK_STREAM:
            return address
        name = next(
            (one for one, alias in self._aliases.items() if alias == address[0]), address[0]
        )
        fault = self._faults.get(name)
        if name == address[0] and fault is None:
            return address
        self._open.setdefault(name, weakref.WeakSet()).add(sock)
        if fault is None or fault in DNS_FAULTS:
            return self._route(name, address[1])
        self.met[name] += 1
        return self._prop(name, fault, address[1]).address

    def _route(self, name: str, port: int) -> Route:
        found = self._routes.get((name, port)) or self._routes.get((name, None))
        if found is not None:
            return found
        if is_address(name):
            return name, port
        answers = self._getaddrinfo(name, port, socket.AF_INET, socket.SOCK_STREAM)
        return str(answers[0][4][0]), port

    def _prop(self, name: str, fault: Fault, port: int) -> Any:
        key = f"{name}:{port}:{fault}"
        if key not in self._props:
            self._props[key] = self._build(name, fault, port)
        return self._props[key]

    def _build(self, name: str, fault: Fault, port: int) -> Any:
        match fault:
            case Fault.REFUSE:
                return servers.Closed()
            case Fault.BLACKHOLE:
                return servers.BlackHole()
            case Fault.RESET:
                return servers.Server(servers.reset)
            case Fault.CERTIFICATE:
                context = self.authority.context(name, expired=True)
                return servers.Server(servers.handshake_only(context))
            case Fault.LATENCY | Fault.DRIP:
                drip = fault is Fault.DRIP
                serve = servers.proxy(
                    lambda: self._reach(name, port),
                    delay_s=0.0 if drip else LATENCY_S,
                    bytes_per_s=DRIP_BYTES_PER_S if drip else float("inf"),
                )
                return servers.Server(serve)
            case _:
                tls = self.authority.context(name, expired=False) if name in self._tls else None
                return servers.Server(servers.answering(*_ANSWERS[fault], tls))

    def _reach(self, name: str, port: int) -> socket.socket:
        sock = socket.socket()
        self._connect(sock, self._route(name, port))
        return sock

    @property
    def authority(self) -> Authority:
        """The certificate authority of this stage; made when first needed."""
        if self._authority is None:
            self._authority = Authority(self._folder)
        return self._authority

    def _cut(self, name: str) -> None:
        for sock in list(self._open.pop(name, ())):
            with contextlib.suppress(OSError):  # closed by its owner, or never connected
                sock.shutdown(socket.SHUT_RDWR)
