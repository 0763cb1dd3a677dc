"""The stage: a small real system in a temporary folder, on free ports, as child processes.

    this process     three regions (HTTP servers), the client that asks, the foreign hand
    name server      `outlast up --role nameserver`
    control          `outlast up --role planner --role prober --role enactor --name ...`
    second enactor   `outlast up --role enactor --name ...`
    late enactor     the same, with a trap in the way of its write (`late.py`)

They share nothing but the store file and the DNS, and each can be killed alone.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import dns.name
import dns.tsig

from outlast.app.demo.asking import Client, Seen
from outlast.app.state import StateFolder
from outlast.app.wiring import EMBEDDED_KEY, World, real_clock
from outlast.config import load
from outlast.drivers.regions import LocalRegion
from outlast.model.errors import Bug, ConfigError
from outlast.model.names import DnsName, EnactorName, EndpointName, RegionName
from outlast.model.shares import order_of
from outlast.model.topology import Address
from outlast.trail.tiles import CHECKPOINT

HOST = "127.0.0.1"
ZONE = DnsName("shop.test")
NAME = DnsName("www.shop.test")
ENDPOINT = EndpointName("shop")
PLACES = {
    "127.0.0.21": RegionName("eu-west"),
    "127.0.0.22": RegionName("us-east"),
    "127.0.0.23": RegionName("ap-south"),
}
ENACTORS = [EnactorName(f"enactor-{number}") for number in (1, 2, 3)]
PORT_FIRST, PORT_LAST = 20_000, 32_000
"""Below the ephemeral ports, which any client on this machine may hold in the next moment."""

TRIES_MAX = 200
STOP_S = 10.0

TOPOLOGY = """\
outlast: 1
settings:
  verify_interval_s: 1        # how soon a foreign hand is noticed
  evidence_max_age_s: 5
  sick_window_s: 1
  takeover_s: 1               # how soon the next enactor takes over from one that stands still
  rescued_hold_s: 2           # how long automation leaves a rescued endpoint alone
regions: {{eu-west: {{}}, us-east: {{}}, ap-south: {{}}}}
providers:
  local: {{kind: embedded, server: {host}:{dns_port}, zones: [{zone}], negative_ttl_s: 1}}
endpoints:
  {endpoint}:
    names: [{name}]
    provider: local
    ttl_s: 1
    policy: {{kind: weighted, recovery_s: 3}}
    budget: {{removed_ratio: 0.5, window_s: 1}}
    check: {{kind: http, port: {http_port}, path: /healthz, interval_s: 0.2, timeout_s: 0.2,
            rise: 2, fall: 2}}
    targets:
{targets}
"""


@dataclass(slots=True)
class Stage:
    """Everything that runs. Made by `build`; `clear` ends all of it."""

    folder: Path
    client: Client
    regions: dict[RegionName, LocalRegion]
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The topology file."""
        return self.folder / "world.yaml"

    @property
    def state(self) -> StateFolder:
        """The state folder."""
        return StateFolder(self.folder / "state")

    @property
    def late(self) -> EnactorName:
        """The enactor that comes first for the endpoint, and will come late."""
        return order_of(ENDPOINT, ENACTORS)[0]

    @classmethod
    async def build(cls, folder: Path) -> "Stage":
        """Start the regions and write the topology.

        Raises:
            ConfigError: this machine has no such loopback addresses, or no free port.
        """
        dns_port, http_port = _free_port([HOST]), _free_port(list(PLACES))
        targets = "".join(
            f"      {region.split('-', 1)[0]}-1: {{region: {region}, ipv4: {host}}}\n"
            for host, region in PLACES.items()
        )
        text = TOPOLOGY.format(
            host=HOST,
            dns_port=dns_port,
            http_port=http_port,
            zone=ZONE,
            name=NAME,
            endpoint=ENDPOINT,
            targets=targets,
        )
        client = Client(server=Address(host=HOST, port=dns_port), name=NAME, regions=PLACES)
        regions = {region: LocalRegion(region, host, http_port) for host, region in PLACES.items()}
        stage = cls(folder=folder, client=client, regions=regions)
        stage.file.write_text(text)
        for region in regions.values():
            await region.start()
        return stage

    def start_name_server(self) -> None:
        """Start the name server."""
        self._start("nameserver", *self._up("--role", "nameserver"))

    def late_is_up(self) -> bool:
        """Whether the late enactor has begun to work.

        Raises:
            Bug: it ended instead.
        """
        if "late" in self.ended():
            raise Bug(f"{self.late} ended as it began")
        return "started" in (self.folder / "late.log").read_text()

    def start_control(self) -> None:
        """Start planner, prober and two enactors."""
        _, second, third = order_of(ENDPOINT, ENACTORS)
        roles = ("--role", "planner", "--role", "prober", "--role", "enactor", "--name", second)
        self._start("control", *self._up(*roles))
        self._start("second", *self._up("--role", "enactor", "--name", third))

    def start_late(self) -> None:
        """Start the enactor with the trap."""
        arguments = (str(self.file), str(self.state.root), self.late)
        self._start("late", sys.executable, "-m", "outlast.app.demo.late", *arguments)

    def _up(self, *arguments: str) -> list[str]:
        program = [sys.executable, "-m", "outlast", "up", str(self.file)]
        return [*program, *self._with_state(), *arguments]

    def _start(self, name: str, *command: str) -> None:
        with (
            (self.folder / f"{name}.log").open("ab") as log,
            (self.folder / f"{name}.out").open("ab") as out,
        ):
            self.children[name] = subprocess.Popen(  # noqa: S603 - our own program
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, start_new_session=True
            )

    async def rescue(self) -> tuple[int, str]:
        """Run `outlast rescue`; return its exit code and what it said."""
        return await self._run("rescue", str(self.file), *self._with_state(), "--yes")

    async def keep_checkpoint(self) -> str:
        """Keep the audit trail's key and newest checkpoint, as an auditor would: `kept`, or why not."""
        code, key = await self._run("log", "key", str(self.file), *self._with_state())
        if code:
            return key
        checkpoint = self.state.trail / CHECKPOINT
        if not checkpoint.exists():
            return "nothing is published yet"
        (self.folder / "trail.pub").write_text(key)
        shutil.copy(checkpoint, self.folder / CHECKPOINT)
        return "kept"

    async def audit(self) -> str:
        """Verify the audit trail against what was kept: `goes on behind it`, or what is wrong."""
        kept = ("--key", str(self.folder / "trail.pub"), "--older", str(self.folder / CHECKPOINT))
        code, said = await self._run("log", "verify", str(self.state.trail), *kept, "--json")
        if code:
            return said
        found = json.loads(said)
        return "goes on behind it" if found["entries"] > found["older"] else "nothing came since"

    def _with_state(self) -> tuple[str, str]:
        return "--state", str(self.state.root)

    async def _run(self, *arguments: str) -> tuple[int, str]:
        """Run a command; return its exit code and what it said."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "outlast", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode()

    # what can happen to the children

    def arm(self) -> None:
        """Set the trap of the late enactor; forget what became of an earlier write."""
        (self.folder / "late.out").write_bytes(b"")
        self.children["late"].send_signal(signal.SIGUSR1)

    def disarm(self) -> None:
        """Take the trap away again."""
        self.children["late"].send_signal(signal.SIGUSR2)

    async def is_stopped(self) -> str:
        """Whether the kernel holds the late enactor."""
        return self._state_of_late()

    def _state_of_late(self) -> str:
        pid = self.children["late"].pid
        flags = os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT
        found = os.waitid(os.P_PID, pid, flags)
        return "stopped" if found is not None and found.si_code == os.CLD_STOPPED else "running"

    def wake(self) -> None:
        """Let the late enactor go on."""
        self.children["late"].send_signal(signal.SIGCONT)

    async def late_outcome(self) -> str:
        """What became of the write that was stopped; empty: nothing yet."""
        lines = (self.folder / "late.out").read_text().splitlines()
        return str(json.loads(lines[-1])["outcome"]) if lines else ""

    def delete_store(self) -> list[str]:
        """Delete the store's files; return their names."""
        deleted = []
        for path in sorted(self.state.root.glob("store.db*")):
            if path.suffix != ".lock":
                path.unlink()
                deleted.append(path.name)
        return deleted

    def kill(self, *names: str) -> None:
        """End children with SIGKILL and reap them."""
        for name in names:
            child = self.children.pop(name)
            child.kill()
            child.wait(STOP_S)

    def ended(self) -> list[str]:
        """The children that ended although nobody asked them to."""
        return [name for name, child in self.children.items() if child.poll() is not None]

    def tsig(self) -> dns.tsig.Key:
        """The key that the name server takes updates with, as anybody with the file could read it."""
        return dns.tsig.Key(
            dns.name.from_text(EMBEDDED_KEY), self.state.embedded_secret(), dns.tsig.HMAC_SHA256
        )

    def world(self) -> World:
        """The world, as a command line would open it."""
        loaded = load(self.file)
        return World(
            file=self.file,
            topology=loaded.topology,
            digest=loaded.digest,
            state=self.state,
            clock=real_clock(),
        )

    async def see(self) -> Seen:
        """Ask the DNS."""
        return await self.client.ask()

    async def clear(self) -> None:
        """End everything."""
        for child in self.children.values():
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGCONT)
        self.kill(*self.children)
        for region in self.regions.values():
            await region.close()


def _free_port(hosts: list[str]) -> int:
    """Return a port that is free on all these addresses, over UDP and TCP."""
    for _ in range(TRIES_MAX):
        port = PORT_FIRST + secrets.randbelow(PORT_LAST - PORT_FIRST)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for host in hosts:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    sock = stack.enter_context(socket.socket(socket.AF_INET, kind))
                    sock.bind((host, port))
            return port
    raise ConfigError(
        f"no free port on {', '.join(hosts)}",
        remedy="on macOS, add the addresses first: `sudo ifconfig lo0 alias 127.0.0.21`, and so on",
    )
