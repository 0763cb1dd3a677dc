"""Real name servers on loopback: BIND, Knot and PowerDNS, as `docs/providers.md` configures them.

The configurations are read out of that document, so that what is tested is what operators copy. Each
server runs in a folder of its own, as an unprivileged user where the tests run as root, on a free port
below the ephemeral range: a port above 32768 was twice found taken as the source port of some client.

BIND and PowerDNS share a port with another process without complaint (SO_REUSEPORT), so a stale
server would answer silently. Hence each zone carries a random TXT record, and a server counts as ready
only once it answers with its own.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

import dns.exception
import dns.message
import dns.query
import dns.tsig

from outlast.model import topology
from outlast.model.api import ProviderKind
from outlast.model.names import DnsName, ProviderName

ZONE = DnsName("example.org")
KEY_NAME = DnsName("outlast")
SECRET_BASE64 = "cmVwbGFjZSB0aGlzIHNlY3JldCB3aXRoIHlvdXIgb3du"
HOST = "127.0.0.1"

PORT_FIRST = 10_000
PORT_LAST = 32_000
READY_DEADLINE_S = 20.0

_DOCUMENT = Path(__file__).parents[2] / "docs" / "providers.md"
_UNPRIVILEGED_ID = 65534  # `nobody` on Linux


class ServerFault(AssertionError):
    """A name server could not be started; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Software:
    """A name server program: how it is installed and started, and its block in the document."""

    name: str
    binary: str
    packages: str
    config: str
    arguments: tuple[str, ...]


BIND = Software("bind", "named", "bind9", "named.conf", ("-g", "-4", "-c", "named.conf"))
KNOT = Software("knot", "knotd", "knot", "knot.conf", ("-c", "knot.conf"))
POWERDNS = Software(
    "powerdns",
    "pdns_server",
    "pdns-server pdns-backend-sqlite3 sqlite3",
    "pdns.conf",
    ("--config-dir=.", "--guardian=no", "--daemon=no", "--disable-syslog", "--loglevel=4"),
)
ALL = (BIND, KNOT, POWERDNS)


def document_block(name: str) -> str:
    """Return a block of `docs/providers.md` by the file name in the comment above it."""
    pattern = rf"<!-- file: {re.escape(name)} -->\n```\w*\n(.*?)```"
    found = re.search(pattern, _DOCUMENT.read_text(), re.DOTALL)
    assert found is not None, f"docs/providers.md has no block {name}"
    return found[1]


def free_port(host: str = HOST) -> int:
    """Return a port below the ephemeral range that nobody holds for UDP or TCP.

    Each process begins to look at a place of its own, so that parallel test workers do not meet.
    """
    span = PORT_LAST - PORT_FIRST
    start = (os.getpid() * 97 + time.monotonic_ns() // 1000) % span
    for step in range(span):
        port = PORT_FIRST + (start + step) % span
        if _bindable(host, port):
            return port
    raise ServerFault(f"no free port between {PORT_FIRST} and {PORT_LAST}")


def _bindable(host: str, port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:  # connections in TIME_WAIT do not count as holders
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def endpoint_lines(count: int) -> Iterator[str]:
    """Zone file lines of so many endpoints `ep0`, `ep1`, ..., each with two addresses and a fence."""
    for number in range(count):
        high, low = divmod(number, 250)
        yield f"ep{number} 60 A 198.18.{high % 250}.{low + 1}"
        yield f"ep{number} 60 A 198.19.{high % 250}.{low + 1}"
        yield f'_outlast.ep{number} 0 TXT "{seed_fence(number)}"'


def seed_fence(number: int) -> str:
    """The fence value that `endpoint_lines` puts beside endpoint `ep{number}`."""
    return f"outlast1 g=1 d={number:032x} n={number:016x} w=seed"


def zone_text(lines: Iterable[str] = (), *, zone: DnsName = ZONE, instance: str = "") -> str:
    """A zone file with SOA, NS, the instance mark, and further lines."""
    head = (
        f"$ORIGIN {zone}.\n$TTL 60\n"
        f"@ 60 SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 5\n"
        f"@ 60 NS ns.{zone}.\nns 60 A 127.0.0.1\n"
        f'_instance 0 TXT "{instance}"\n'
    )
    return head + "".join(f"{line}\n" for line in lines)


@dataclass(slots=True, kw_only=True)
class NameServer:
    """One real name server with one zone.

    Attributes:
        lines: further lines of the zone file, with names relative to the zone.
        replacements: text of the document's configuration to be replaced; each must occur.
        parent: folder in which the server's own one is made; tmpfs takes the disk out.
    """

    software: Software
    lines: tuple[str, ...] = ()
    replacements: tuple[tuple[str, str], ...] = ()
    parent: Path | None = None
    zone: DnsName = ZONE
    port: int = 0
    _folder: Path | None = None
    _process: subprocess.Popen[bytes] | None = None
    _instance: str = field(default_factory=lambda: token_hex(8))

    @property
    def name(self) -> str:
        """The software's name."""
        return self.software.name

    @property
    def folder(self) -> Path:
        """The server's own folder, once prepared."""
        assert self._folder is not None, "the server was not started"
        return self._folder

    @property
    def address(self) -> topology.Address:
        """Where it listens, UDP and TCP."""
        return topology.Address(host=HOST, port=self.port)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    def provider(self, *, timeout_s: float = 10.0) -> topology.Provider:
        """The topology's noun for this server; its key's secret lies in the server's folder."""
        where = str(self.folder / "secret")
        return topology.Provider(
            name=ProviderName(self.name),
            kind=ProviderKind.RFC2136,
            server=self.address,
            zones=(self.zone,),
            key=topology.TsigKey(
                name=KEY_NAME,
                algorithm="hmac-sha256",
                secret=topology.SecretRef(kind=topology.SecretKind.FILE, where=where),
            ),
            timeout_s=timeout_s,
        )

    def start(self) -> None:
        """Prepare the folder if that was not done, start the server, wait until it answers."""
        if self._folder is None:
            self._prepare()
        self._unlink_stale()
        binary = _require(self.software)
        owner = _UNPRIVILEGED_ID if os.getuid() == 0 else None
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary, *self.software.arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=owner,
                group=owner,
                extra_groups=None if owner is None else (),
            )
        self._wait_ready()

    def kill(self) -> None:
        """End it with SIGKILL and reap it."""
        assert self._process is not None, "the server does not run"
        self._process.send_signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait(timeout=10)
        self._process = None

    def terminate(self) -> None:
        """End it with SIGTERM and wait for its orderly end."""
        assert self._process is not None, "the server does not run"
        self._process.terminate()
        self._process.wait(timeout=20)
        self._process = None

    def restart(self) -> None:
        """Start it again on the same port, with the data it has."""
        self.start()

    def freeze(self) -> None:
        """Stop it from running (SIGSTOP): it keeps its sockets and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)

    def _write_secret(self) -> None:
        """Write the key's secret for its owner alone, as it should be kept."""
        path = self.folder / "secret"
        path.touch(mode=0o600)
        path.write_text(SECRET_BASE64 + "\n")

    def close(self) -> None:
        """End it and remove its folder."""
        if self._process is not None:
            self.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def log(self) -> str:
        """What it has written to its log."""
        return (self.folder / "log").read_text(errors="replace")

    def _prepare(self) -> None:
        _require(self.software)
        self._folder = Path(tempfile.mkdtemp(prefix="outlast-dns-", dir=self.parent))
        self.port = self.port or free_port()
        text = zone_text(self.lines, zone=self.zone, instance=self._instance)
        (self.folder / f"{self.zone}.zone").write_text(text)
        self._write_secret()
        (self.folder / self.software.config).write_text(self._configuration())
        if self.software is POWERDNS:
            self._run_setup()
        if os.getuid() == 0:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, _UNPRIVILEGED_ID, _UNPRIVILEGED_ID)

    def _configuration(self) -> str:
        text = self._localise(document_block(self.software.config))
        for old, new in self.replacements:
            assert old in text, f"the configuration of {self.name} has no {old!r}"
            text = text.replace(old, new)
        return text

    def _localise(self, text: str) -> str:
        """Put this server's address, port, zone and folder in the places of the document's."""
        for old, new in (
            ("/srv/dns/bind", str(self.folder)),
            ("/srv/dns/knot", str(self.folder)),
            ("/srv/dns/pdns", str(self.folder)),
            ("192.0.2.53@53", f"{HOST}@{self.port}"),
            ("port 53 ", f"port {self.port} "),
            ("local-port=53", f"local-port={self.port}"),
            ("192.0.2.53", HOST),
            ("example.org", self.zone),
        ):
            text = text.replace(old, new)
        return text

    def _run_setup(self) -> None:
        script = self._localise(document_block("pdns.sh"))
        done = subprocess.run(
            ["sh", "-e", "-c", script],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise ServerFault(f"pdnsutil failed: {done.stdout}{done.stderr}")

    def _unlink_stale(self) -> None:
        """Remove what a killed server left behind and its successor would stumble over."""
        for stale in (*self.folder.glob("*.pid"), *self.folder.glob("*.controlsocket")):
            stale.unlink()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_DEADLINE_S
        question = dns.message.make_query(f"_instance.{self.zone}.", "TXT")
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise ServerFault(f"{self.name} ended at once:\n{self.log()[-2000:]}")
            with contextlib.suppress(OSError, dns.exception.DNSException):
                answers = (
                    dns.query.udp(question, HOST, timeout=0.2, port=self.port),
                    dns.query.tcp(question, HOST, timeout=0.2, port=self.port),
                )
                if all(self._instance in str(answer) for answer in answers):
                    return
            time.sleep(0.01)
        tail = self.log()[-2000:]
        self.kill()
        raise ServerFault(f"{self.name} did not answer within {READY_DEADLINE_S} s:\n{tail}")


def _require(software: Software) -> str:
    """Return the program's path, or fail with the command that installs it."""
    found = shutil.which(software.binary, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise ServerFault(
            f"{software.binary} is not installed; run: apt-get install {software.packages}"
        )
    return found


def running(
    software: Software,
    *,
    lines: Iterable[str] = (),
    replacements: dict[str, str] | None = None,
    parent: Path | None = None,
    zone: DnsName = ZONE,
) -> contextlib.AbstractContextManager[NameServer]:
    """Start a server for a `with` block."""
    server = NameServer(
        software=software,
        lines=tuple(lines),
        replacements=tuple((replacements or {}).items()),
        parent=parent,
        zone=zone,
    )
    return _run(server)


@contextlib.contextmanager
def _run(server: NameServer) -> Iterator[NameServer]:
    try:
        server.start()
        yield server
    finally:
        server.close()
