"""The same world twice for `bench.plan`: one name server with one zone for Outlast, one for octoDNS.

One A record a name on both. Ours has the fences and the epoch beside them, as Outlast would have left them;
the other zone is what octoDNS would have left: to it every record that it does not know is one to delete.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.nameservers import (
    BIND,
    KEY_NAME,
    SECRET_BASE64,
    ZONE,
    NameServer,
)
from tests.support.publishing import key_of

from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.model.fence import parse_fence
from outlast.model.names import DnsName
from outlast.model.records import RecordSet, RecordType, digest_of

TTL_S = 60
_OCTO = """
providers:
  config:
    class: octodns.provider.yaml.YamlProvider
    directory: {folder}/config
    default_ttl: 60
    enforce_order: false
  bind:
    class: octodns_bind.Rfc2136Provider
    host: {host}
    port: {port}
    key_name: {key}
    key_secret: {secret}
    key_algorithm: hmac-sha256
zones:
  {zone}.:
    sources: [config]
    targets: [bind]
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a command took."""

    wall_s: float
    cpu_s: float
    peak_mib: float


@dataclass(slots=True)
class World:
    """Both halves, and the addresses that are wanted."""

    size: int
    folder: Path
    ours: NameServer
    theirs: NameServer
    addresses: list[str] = field(default_factory=list)
    changes: int = 0

    def change(self, count: int) -> None:
        """Give some names, spread over the zone, other addresses, and write both files."""
        self.changes += 1
        for number in range(0, self.size, max(1, self.size // count))[:count]:
            self.addresses[number] = _address(100 + self.changes, number)
        self.write()

    def write(self) -> None:
        """Write the topology, and octoDNS's records."""
        endpoints = {
            f"ep{number}": {
                "names": [f"ep{number}.{ZONE}"],
                "targets": {"one": {"region": "eu", "ipv4": address}},
            }
            for number, address in enumerate(self.addresses)
        }
        topology = {
            "outlast": 1,
            "regions": {"eu": {}},
            "providers": {
                "bind": {
                    "kind": "rfc2136",
                    "server": str(self.ours.address),
                    "zones": [ZONE],
                    "key": {
                        "name": KEY_NAME,
                        "algorithm": "hmac-sha256",
                        "secret": f"file:{self.folder / 'secret'}",
                    },
                }
            },
            "vantages": {"here": {}},
            "defaults": {"ttl_s": TTL_S, "check": {"kind": "none"}},
            "endpoints": endpoints,
        }
        self.topology.write_text(json.dumps(topology))
        lines = [
            f"ep{number}:\n  type: A\n  ttl: {TTL_S}\n  value: {address}\n"
            for number, address in enumerate(self.addresses)
        ]
        ns = "ns:\n  type: A\n  ttl: 60\n  value: 127.0.0.1\n"
        records = self.folder / "config" / f"{ZONE}.yaml"
        records.write_text("---\n" + ns + "".join(lines))

    @property
    def topology(self) -> Path:
        """The topology file."""
        return self.folder / "topology.json"

    @property
    def state(self) -> Path:
        """Outlast's state folder."""
        return self.folder / "state"

    def outlast(self) -> Run:
        """Plan, compare and apply, in a process of its own."""
        return self._run("-m", "outlast", "apply", self.topology, "--state", self.state, "--yes")

    def octodns(self) -> Run:
        """The same by octoDNS."""
        config = self.folder / "octodns.yaml"
        main = "import sys; from octodns.cmds.sync import main; sys.exit(main())"
        return self._run("-c", main, "--config-file", config, "--doit", "--force")

    def _run(self, *arguments: str | Path) -> Run:
        log = self.folder / "log"
        with log.open("wb") as output:
            began_s = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, *arguments], stdout=output, stderr=output, cwd=self.folder
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - began_s
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{arguments} ended with {status}:\n{log.read_text()[-3000:]}")
        return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)

    def check(self) -> None:
        """See that both zones hold exactly what is wanted, ours with the right fences.

        Raises:
            RuntimeError: one does not.
        """
        wanted = {f"ep{number}.{ZONE}": one for number, one in enumerate(self.addresses)}
        for server in (self.ours, self.theirs):
            sets = _zone_of(server)
            found = {one.name: one for one in sets if one.rtype is RecordType.A}
            values = {name: one.values[0] for name, one in found.items() if name != f"ns.{ZONE}"}
            if values != wanted or any(len(one.values) > 1 for one in found.values()):
                raise RuntimeError(f"{server.folder}: the zone is not what is wanted")
            texts = {one.name: one.values for one in sets if one.rtype is RecordType.TXT}
            if server is self.ours:
                self._check_fences(found, texts)

    def _check_fences(
        self, found: dict[DnsName, RecordSet], texts: dict[DnsName, tuple[str, ...]]
    ) -> None:
        for name, one in found.items():
            fence = parse_fence(texts.get(DnsName(f"_outlast.{name}"), ()))
            if name != f"ns.{ZONE}" and (fence is None or fence.digest != digest_of((one,))):
                raise RuntimeError(f"the fence of {name} is not that of its records")


def _zone_of(server: NameServer) -> tuple[RecordSet, ...]:
    async def read() -> tuple[RecordSet, ...]:
        noun = server.provider()
        provider = Rfc2136Provider(noun, key_of(noun), SystemClock())
        try:
            return await provider.transfer(server.zone)
        finally:
            await provider.close()

    return asyncio.run(read())


def _address(first: int, number: int) -> str:
    return f"{first}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _fenced(number: int, address: str) -> Iterator[str]:
    name = DnsName(f"ep{number}.{ZONE}")
    digest = digest_of((RecordSet(name, RecordType.A, TTL_S, (address,)),))
    yield f"ep{number} {TTL_S} A {address}"
    yield f'_outlast.ep{number} 0 TXT "outlast1 g=1 d={digest} n={number:016x} w=seed"'


@contextmanager
def world(size: int) -> Iterator[World]:
    """Start both servers with so many names, and let Outlast take over what stands there."""
    addresses = [_address(10, number) for number in range(size)]
    memory = Path("/dev/shm")
    parent = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    lines = [line for number, one in enumerate(addresses) for line in _fenced(number, one)]
    lines.append(f'_outlast-epoch 0 TXT "outlast-epoch1 e=1 n={1:016x}"')
    plain = [f"ep{number} {TTL_S} A {one}" for number, one in enumerate(addresses)]
    ours = NameServer(software=BIND, lines=tuple(lines), parent=parent)
    theirs = NameServer(software=BIND, lines=tuple(plain), parent=parent)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            ours.start()
            theirs.start()
            (folder / "config").mkdir()
            secret = folder / "secret"
            secret.write_text(SECRET_BASE64 + "\n")
            secret.chmod(0o600)
            text = _OCTO.format(
                folder=folder,
                host=theirs.address.host,
                port=theirs.port,
                key=KEY_NAME,
                secret=SECRET_BASE64,
                zone=ZONE,
            )
            (folder / "octodns.yaml").write_text(text)
            made = World(size, folder, ours, theirs, addresses)
            made.write()
            yield made
        finally:
            for server in (ours, theirs):
                server.close()
