"""A real name to wipe: BIND as the authority, unbound before it as the resolver's cache, on loopback.

unbound has `serve-expired` on, which is the setting that is said to help; the replay shows what it does.
The process's look-ups of `example.org` go to that unbound, in the form of `getaddrinfo`, for the plain shop
and for the guarded one alike.
"""

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outlast.client.adapters.process import shape, text_of, wanted
from outlast.client.direct import query

ZONE = "example.org"
TTL_S = 2
NEGATIVE_TTL_S = 3
READY_S = 15.0

NAMED = """
options {{ directory "{folder}"; pid-file none; listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no; notify no; minimal-responses yes; }};
controls {{ }};
zone "example.org" {{ type primary; file "zone"; }};
"""

UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  port: {port}
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  do-ip6: no
  module-config: "iterator"
  num-threads: 1
  serve-expired: yes
  serve-expired-ttl: 86400
stub-zone:
  name: "example.org"
  stub-addr: 127.0.0.1@{authority}
"""


@dataclass
class Lab:
    """The two servers.

    Attributes:
        addresses: of the zone's names, below `example.org`.
        resolver_port: where unbound listens.
    """

    folder: Path
    addresses: dict[str, str]
    authority_port: int = 0
    resolver_port: int = 0
    serial: int = 1
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def write(self, *wiped: str) -> None:
        """Write the zone; wiped names keep a TXT record, so that they exist and answer nothing."""
        lines = [
            f"$TTL {TTL_S}",
            f"@ SOA ns hostmaster {self.serial} 60 60 3600 {NEGATIVE_TTL_S}",
            "@ NS ns",
        ]
        lines.append("ns A 127.0.0.1")
        for name, address in self.addresses.items():
            lines.append(f'{name} TXT "{self.serial}"')
            if name not in wiped:
                lines.append(f"{name} A {address}")
        (self.folder / "zone").write_text("\n".join(lines) + "\n")

    def publish(self, *wiped: str) -> None:
        """Have the authority load a new zone, and wait until it answers from it."""
        self.serial += 1
        self.write(*wiped)
        self.processes[0].send_signal(signal.SIGHUP)
        self.wait(self.authority_port, str(self.serial).encode())

    def wait(self, port: int, serial: bytes = b"") -> None:
        """Wait until a server answers.

        Raises:
            TimeoutError: it does not.
        """
        name = f"{next(iter(self.addresses))}.{ZONE}"
        until_s = time.monotonic() + READY_S
        while time.monotonic() < until_s:
            with contextlib.suppress(OSError):
                found = query(name, "TXT", ("127.0.0.1", port), timeout_s=0.3)
                if found and (not serial or found[0][1:] == serial):
                    return
            time.sleep(0.05)
        raise TimeoutError(f"no answer of the name server on port {port}")

    def ask(self, name: str, family: int) -> list[str]:
        """Ask unbound for addresses, as a stub resolver does."""
        kind = "AAAA" if family == socket.AF_INET6 else "A"
        found = query(name, kind, ("127.0.0.1", self.resolver_port), timeout_s=5.0)
        return [socket.inet_ntop(family, one) for one in found]


@contextlib.contextmanager
def running(folder: Path, addresses: dict[str, str]) -> Iterator[Lab]:
    """Run both servers while inside.

    Raises:
        RuntimeError: one of the programs is not installed.
    """
    for program in ("named", "unbound"):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is missing: apt-get install bind9 unbound")
    lab = Lab(folder, addresses, _free_port(), _free_port())
    lab.write()
    (folder / "named.conf").write_text(NAMED.format(folder=folder, port=lab.authority_port))
    (folder / "unbound.conf").write_text(
        UNBOUND.format(folder=folder, port=lab.resolver_port, authority=lab.authority_port)
    )
    commands = [
        ["named", "-g", "-c", str(folder / "named.conf")],
        ["unbound", "-d", "-c", str(folder / "unbound.conf")],
    ]
    try:
        for command in commands:
            log = (folder / f"{command[0]}.log").open("wb")
            with log:
                lab.processes.append(subprocess.Popen(command, stdout=log, stderr=log))
        lab.wait(lab.authority_port)
        lab.wait(lab.resolver_port)
        yield lab
    finally:
        for process in lab.processes:
            process.terminate()
        for process in lab.processes:
            process.wait(10)


@contextlib.contextmanager
def resolving(lab: Lab) -> Iterator[None]:
    """Send this process's look-ups of the zone to the lab."""
    before = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: int, **options: int) -> list[Any]:
        family, kind, proto, flags = wanted(rest, options)
        host = text_of(host)
        if not isinstance(host, str) or not host.endswith(ZONE):
            return list(before(host, port, family, kind, proto, flags))
        if family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NODATA, "No address associated with hostname")
        found = lab.ask(host, socket.AF_INET)
        if not found:
            raise socket.gaierror(socket.EAI_NODATA, "No address associated with hostname")
        return shape(found, int(port or 0), kind, proto)

    socket.getaddrinfo = getaddrinfo
    try:
        yield
    finally:
        socket.getaddrinfo = before


def _free_port() -> int:
    for port in range(20000 + (time.monotonic_ns() // 1000) % 9000, 32000):
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port")
