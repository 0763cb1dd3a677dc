"""The name server under the faults: a real BIND, Knot or PowerDNS, or Outlast's own, as a process."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import dns.exception
import dns.message
import dns.query
from tests.support import nameservers
from tests.support.nameservers import HOST, NameServer, Software, free_port

from chaos.foreign import ForeignHand, neighbour_lines, secret_of
from chaos.history import Act
from chaos.processes import Role, outlast
from chaos.world import MAIN, SIDES, ZONE
from outlast.app.state import StateFolder
from outlast.app.wiring import EMBEDDED_KEY
from outlast.model.topology import Address

READY_S = 20.0


class Server(Protocol):
    """What the faults need of a name server."""

    @property
    def address(self) -> Address:
        """Where it answers."""
        ...

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""
        ...

    def kill(self) -> None:
        """End it with SIGKILL."""
        ...

    def freeze(self) -> None:
        """Stop it where it stands."""
        ...

    def thaw(self) -> None:
        """Let it go on."""
        ...

    def close(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A server with what one needs to write to it.

    Attributes:
        provider: the topology's lines for it.
        side: its name as one of several providers; empty: it is the only one.
    """

    server: Server
    provider: str
    key_name: str
    secret: Callable[[], bytes]
    software: str
    side: str = ""

    def foreign_hand(self, acts: list[Act]) -> ForeignHand:
        """Somebody else with the same key, who writes down what was done."""
        address = self.server.address
        return ForeignHand(address, self.key_name, self.secret(), acts, self.side)


DUAL = "dual"
"""The same names at two real servers at once."""

REAL: dict[str, Software] = {one.name: one for one in nameservers.ALL}
NAMES = (*REAL, "embedded")


def stands(name: str, folder: Path, state: Path) -> tuple[Stand, ...]:
    """Return the servers of a run by its name, not started."""
    if name == "embedded":
        return (_embedded(folder, state),)
    if name == DUAL:
        return tuple(_real(one, folder, at, one) for at, one in enumerate(SIDES))
    return (_real(name, folder, 0, ""),)


def _real(name: str, folder: Path, at: int, side: str) -> Stand:
    server = NameServer(software=REAL[name], lines=neighbour_lines(), parent=folder)
    server.port = free_port()
    secret = folder / "secret"
    secret.write_text(nameservers.SECRET_BASE64)
    secret.chmod(0o600)
    return Stand(
        server=server,
        provider=_RFC2136.format(
            name=side or MAIN, at=at, zone=ZONE, key=nameservers.KEY_NAME, secret=secret
        ),
        side=side,
        key_name=nameservers.KEY_NAME,
        secret=lambda: secret_of(nameservers.SECRET_BASE64),
        software=REAL[name].binary,
    )


_RFC2136 = """\
  {name}:
    kind: rfc2136
    server: {{{at}}}
    zones: [{zone}]
    key: {{{{name: {key}, algorithm: hmac-sha256, secret: "file:{secret}"}}}}
    timeout_s: 0.8"""

_EMBEDDED = """\
  main:
    kind: embedded
    server: {{0}}
    zones: [{zone}]
    timeout_s: 0.8"""


def _embedded(folder: Path, state: Path) -> Stand:
    server = EmbeddedServer(folder, state, Address(host=HOST, port=free_port()))
    return Stand(
        server=server,
        provider=_EMBEDDED.format(zone=ZONE),
        key_name=EMBEDDED_KEY,
        secret=StateFolder(state).embedded_secret,
        software="outlast",
    )


class EmbeddedServer:
    """Outlast's own name server as `outlast up --role nameserver`."""

    def __init__(self, folder: Path, state: Path, address: Address) -> None:
        self._address = address
        file = folder / "server" / "world.yaml"
        command = outlast("up", str(file), "--state", str(state), "--role", "nameserver")
        self.role = Role("nameserver", command, folder / "nameserver.log")

    @property
    def address(self) -> Address:
        """Where it answers."""
        return self._address

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ServerFault: it does not.
        """
        self.role.start()
        question = dns.message.make_query(f"{ZONE}.", "SOA")
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            try:
                dns.query.udp(question, self._address.host, 0.2, self._address.port)
            except (OSError, dns.exception.DNSException):
                time.sleep(0.02)
                continue
            return
        raise nameservers.ServerFault(f"the embedded server is mute:\n{self.role.tail()}")

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.role.kill()

    def freeze(self) -> None:
        """Stop it where it stands."""
        self.role.pause()

    def thaw(self) -> None:
        """Let it go on."""
        self.role.resume()

    def close(self) -> None:
        """End it."""
        self.role.close()
