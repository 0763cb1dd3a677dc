"""Several PowerDNS processes over one PostgreSQL, each taking updates: what "high availability" often is.

PostgreSQL listens on a socket in its own folder only, and runs as an unprivileged user.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.query
from tests.support.nameservers import (
    HOST,
    KEY_NAME,
    SECRET_BASE64,
    ZONE,
    ServerFault,
    document_block,
    free_port,
    zone_text,
)

from outlast.model.topology import Address

_NOBODY = 65534
_OWNER = _NOBODY if os.getuid() == 0 else None
_SCHEMA = Path("/usr/share/pdns-backend-pgsql/schema/schema.pgsql.sql")
DEADLINE_S = 30.0


def _program(name: str) -> str:
    places = [os.environ.get("PATH", ""), "/usr/sbin"]
    places += [str(one) for one in sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which(name, path=":".join(places))
    if found is None:
        raise ServerFault(f"{name} is missing; run: apt-get install postgresql pdns-backend-pgsql")
    return found


class Cluster:
    """One database in a folder of its own, and what runs on it."""

    def __init__(self, folder: Path, isolation: str) -> None:
        self.folder = folder
        self._isolation = isolation
        self._running: list[subprocess.Popen[bytes]] = []

    def _run(self, *command: str, text: str = "") -> None:
        done = subprocess.run(
            command,
            cwd=self.folder,
            input=text,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
            user=_OWNER,
            group=_OWNER,
        )
        if done.returncode:
            raise ServerFault(f"{command[0]}: {done.stdout[-800:]}{done.stderr[-800:]}")

    def _start(self, *command: str) -> None:
        with (self.folder / "log").open("ab") as log:
            one = subprocess.Popen(
                command,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                user=_OWNER,
                group=_OWNER,
            )
        self._running.append(one)

    def _sql(self, text: str) -> None:
        self._run(
            _program("psql"),
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            str(self.folder),
            "-U",
            "pdns",
            "postgres",
            text=text,
        )

    def begin(self) -> None:
        """Start PostgreSQL and make the zone."""
        if os.getuid() == 0:
            os.chown(self.folder, _NOBODY, _NOBODY)
        data = str(self.folder / "data")
        self._run(_program("initdb"), "-D", data, "-U", "pdns", "-A", "trust", "--no-sync")
        self._start(
            _program("postgres"),
            "-D",
            data,
            "-k",
            str(self.folder),
            "-c",
            "listen_addresses=",
            "-c",
            f"default_transaction_isolation={self._isolation}",
            "-c",
            "fsync=off",
        )
        self._wait(lambda: self._sql("select 1"), "PostgreSQL")
        self._sql(_SCHEMA.read_text())
        (self.folder / f"{ZONE}.zone").write_text(zone_text())
        self._configure("setup", 1)
        base = (_program("pdnsutil"), f"--config-dir={self.folder / 'setup'}")
        for words in (
            ("load-zone", ZONE, str(self.folder / f"{ZONE}.zone")),
            ("import-tsig-key", KEY_NAME, "hmac-sha256", SECRET_BASE64),
            ("set-meta", ZONE, "TSIG-ALLOW-DNSUPDATE", KEY_NAME),
            ("set-meta", ZONE, "ALLOW-DNSUPDATE-FROM", "127.0.0.0/8"),
            ("set-meta", ZONE, "SOA-EDIT-DNSUPDATE", "INCREASE"),
        ):
            self._run(*base, *words)

    def _configure(self, name: str, port: int) -> Path:
        """The document's configuration with another database below it."""
        text = document_block("pdns.conf")
        lines = [one for one in text.splitlines() if not one.startswith(("launch", "gsqlite3"))]
        folder = self.folder / name
        folder.mkdir()
        text = "\n".join(lines).replace("192.0.2.53", HOST).replace("port=53", f"port={port}")
        text = text.replace("/srv/dns/pdns", str(folder))
        more = (
            f"launch=gpgsql\ngpgsql-host={self.folder}\ngpgsql-user=pdns\ngpgsql-dbname=postgres\n"
        )
        (folder / "pdns.conf").write_text(f"{more}gpgsql-dnssec=yes\n{text}\n")
        if os.getuid() == 0:
            for path in (folder, *folder.iterdir()):
                os.chown(path, _NOBODY, _NOBODY)
        return folder

    def serve(self, name: str) -> Address:
        """Start one more PowerDNS on the database."""
        port = free_port()
        folder = self._configure(name, port)
        self._start(
            _program("pdns_server"),
            f"--config-dir={folder}",
            "--guardian=no",
            "--daemon=no",
            "--disable-syslog",
            "--loglevel=4",
        )
        question = dns.message.make_query(f"{ZONE}.", "SOA")

        def ask() -> None:
            if not dns.query.tcp(question, HOST, timeout=1, port=port).answer:
                raise OSError("no zone yet")

        self._wait(ask, name)
        return Address(host=HOST, port=port)

    def _wait(self, look: Callable[[], None], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                look()
            except (OSError, dns.exception.DNSException, ServerFault) as error:
                if time.monotonic() > deadline:
                    log = (self.folder / "log").read_text(errors="replace")[-2000:]
                    raise ServerFault(f"{what} did not start: {error}\n{log}") from None
                time.sleep(0.05)
            else:
                return

    def end(self) -> None:
        """End all, the database last."""
        for one in reversed(self._running):
            one.terminate()
            try:
                one.wait(timeout=10)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait(timeout=10)


@contextlib.contextmanager
def running(count: int, isolation: str = "read committed") -> Iterator[tuple[Path, list[Address]]]:
    """Run so many PowerDNS processes over one database; yields the folder and their addresses."""
    folder = Path(tempfile.mkdtemp(prefix="outlast-pg-"))
    cluster = Cluster(folder, isolation)
    try:
        cluster.begin()
        yield folder, [cluster.serve(f"pdns{number}") for number in range(count)]
    finally:
        cluster.end()
        shutil.rmtree(folder, ignore_errors=True)
