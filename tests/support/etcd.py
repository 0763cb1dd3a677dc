"""Real etcd on loopback: one member or three, with or without TLS and authentication.

Between the members of three stands a gate for each (`Gate`), at the address that the others know it by,
so that one of them can be cut off from the others while its clients still reach it: the partition that
is hardest on clients, since the member goes on talking.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.etcd_gate import EVERYBODY, Gate
from tests.support.nameservers import HOST, ServerFault, free_port

from outlast.model.topology import Address

READY_S = 20.0
END_S = 10.0
HEARTBEAT_MS, ELECTION_MS = 50, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM files: the authority, the members' certificate, and a client's."""

    ca: Path
    certificate: Path
    key: Path
    client_certificate: Path
    client_key: Path


@dataclass(slots=True)
class Member:
    """One etcd process.

    Attributes:
        peer: where it listens for the other members; they know it by its gate's address.
    """

    name: str
    folder: Path
    client: Address
    peer: Address
    gate: Gate
    process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it runs, be it stopped or not."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.process is not None and self.running:
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it with SIGKILL, and reap it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=END_S)
            self.process = None

    def tail(self) -> str:
        """The end of its log."""
        log = self.folder.with_suffix(".log")
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""


@dataclass(slots=True)
class Cluster:
    """A whole etcd. `token`: a restored one gets another, as etcd's manual says."""

    folder: Path
    members: list[Member]
    tls: Tls | None = None
    quota_bytes: int = 0
    token: str = "outlast"
    arguments: tuple[str, ...] = ()
    user: str = ""
    generations: int = field(default=0)

    @property
    def endpoints(self) -> tuple[Address, ...]:
        """Where clients find it."""
        return tuple(one.client for one in self.members)

    @property
    def scheme(self) -> str:
        """What its addresses begin with."""
        return "https" if self.tls is not None else "http"

    def start(self) -> None:
        """Start every member that does not run, and wait until all of them answer."""
        for member in self.members:
            if not member.running:
                self.start_member(member)
        self.wait_ready()

    def start_member(self, member: Member) -> None:
        """Start one member."""
        with member.folder.with_suffix(".log").open("ab") as log:
            member.process = subprocess.Popen(
                self._command(member),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "ETCD_UNSUPPORTED_ARCH": "arm64"},
            )

    def _command(self, member: Member) -> list[str]:
        command = [
            _program("etcd"),
            *("--name", member.name),
            *("--data-dir", str(member.folder)),
            *("--listen-client-urls", f"{self.scheme}://{member.client}"),
            *("--advertise-client-urls", f"{self.scheme}://{member.client}"),
            *("--listen-peer-urls", f"http://{member.peer}"),
            *self._cluster(member),
            *("--heartbeat-interval", str(HEARTBEAT_MS)),
            *("--election-timeout", str(ELECTION_MS)),
            *("--logger", "zap", "--log-level", "warn"),
            *self.arguments,
        ]
        if self.quota_bytes:
            command += ["--quota-backend-bytes", str(self.quota_bytes)]
        if self.tls is not None:
            command += ["--cert-file", str(self.tls.certificate), "--key-file", str(self.tls.key)]
            command += ["--trusted-ca-file", str(self.tls.ca), "--client-cert-auth"]
        return command

    def _cluster(self, member: Member) -> list[str]:
        everybody = ",".join(f"{one.name}=http://{one.gate.address}" for one in self.members)
        return [
            *("--initial-advertise-peer-urls", f"http://{member.gate.address}"),
            *("--initial-cluster", everybody),
            *("--initial-cluster-token", self.token),
        ]

    def wait_ready(self) -> None:
        """Wait until every running member answers a linearizable read.

        Raises:
            ServerFault: one does not, with its log.
        """
        deadline = time.monotonic() + READY_S
        for member in self.members:
            while member.running and not self.is_ready(member):
                if time.monotonic() > deadline:
                    raise ServerFault(f"{member.name} does not answer:\n{member.tail()}")
                time.sleep(0.05)

    def is_ready(self, member: Member) -> bool:
        """Whether a member answers a linearizable read."""
        return self.ctl("get", "ready", at=member, check=False).returncode == 0

    def ctl(
        self, *arguments: str, at: Member | None = None, check: bool = True, wait_s: int = 3
    ) -> subprocess.CompletedProcess[str]:
        """Run etcdctl at one member, or at whichever runs; it may take so long."""
        member = at or next(one for one in self.members if one.running)
        command = [_program("etcdctl"), "--endpoints", f"{self.scheme}://{member.client}"]
        command += ["--dial-timeout", "2s", "--command-timeout", f"{wait_s}s"]
        if self.tls is not None:
            command += ["--cacert", str(self.tls.ca), "--cert", str(self.tls.client_certificate)]
            command += ["--key", str(self.tls.client_key)]
        if self.user:
            command += ["--user", self.user]
        done = subprocess.run(
            [*command, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, "ETCDCTL_API": "3"},
        )
        if check and done.returncode:
            raise ServerFault(f"etcdctl {' '.join(arguments)}: {done.stderr}")
        return done

    def leader(self) -> Member:
        """Return the member that leads, as soon as one does.

        Raises:
            ServerFault: none does.
        """
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            for member in self.members:
                if not member.running:
                    continue
                done = self.ctl("endpoint", "status", at=member, check=False).stdout.split(", ")
                if len(done) > 4 and done[4] == "true":
                    return member
        raise ServerFault("no member leads")

    def cut_off(self, member: Member) -> None:
        """Cut a member off from the others, in both directions."""
        if not member.gate.own:
            raise ServerFault(f"nobody has knocked at {member.name} yet: who it is is not known")
        for one in self.members:
            one.gate.refuse(EVERYBODY if one is member else member.gate.own)

    def reconnect(self) -> None:
        """Let every member reach every other one again."""
        for one in self.members:
            one.gate.allow()

    def snapshot(self, place: Path) -> None:
        """Write a snapshot to a file."""
        self.ctl("snapshot", "save", str(place), wait_s=20)

    def restore(self, place: Path) -> None:
        """Put a snapshot in the place of everything, and start again: as an operator would."""
        for member in self.members:
            member.kill()
        self.generations += 1
        self.token = f"outlast-{self.generations}"
        for member in self.members:
            shutil.rmtree(member.folder)
            arguments = ["snapshot", "restore", str(place), "--name", member.name]
            command = [_program("etcdctl"), *arguments, "--data-dir", str(member.folder)]
            command += self._cluster(member)
            environment = {**os.environ, "ETCDCTL_API": "3"}
            subprocess.run(command, check=True, capture_output=True, timeout=30, env=environment)
        self.start()

    def close(self) -> None:
        """End every member."""
        for member in self.members:
            member.kill()
            member.gate.close()


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ServerFault(f"{name} is not installed: ops/install-test-servers.sh")
    return found


def make_cluster(folder: Path, size: int, *, tls: Tls | None = None) -> Cluster:
    """Make a cluster whose members do not run yet."""
    ports: set[int] = set()
    while len(ports) < 2 * size:
        ports.add(free_port())
    members = []
    for number in range(size):
        client, peer = (Address(host=HOST, port=ports.pop()) for _ in range(2))
        name = f"m{number + 1}"
        members.append(
            Member(name=name, folder=folder / name, client=client, peer=peer, gate=Gate(peer))
        )
    return Cluster(folder=folder, members=members, tls=tls)


@contextlib.contextmanager
def running(size: int, *, tls: Tls | None = None, quota_bytes: int = 0) -> Iterator[Cluster]:
    """Run a cluster of its own in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="outlast-etcd-"))
    cluster = make_cluster(folder, size, tls=tls)
    cluster.quota_bytes = quota_bytes
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)
