"""The little world of one run: its topology in three spellings, and the folder it works in.

Every role reads a file of its own. They say the same, except that each enactor finds the name server
behind a proxy of its own (`proxy.py`), so that the network can fail for one of them alone.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.history import Named
from outlast.model.topology import Address

ZONE = "example.org"
REGIONS = ("eu", "us", "ap", "sa")
ENACTORS = ("enactor-1", "enactor-2", "enactor-3")
HTTP_PORT = 8480
DISK_MB = 96
"""Size of the state folder where it is a disk of its own: enough for a run, quick to fill."""

NAMED = (
    Named(endpoint="shop", names=(f"www.{ZONE}", f"v4.{ZONE}"), floor=1),
    Named(endpoint="api", names=(f"api.{ZONE}",), floor=1),
    Named(endpoint="books", names=(f"books.{ZONE}",), floor=2),
)
"""What is published: two names under one fence, a failover, and a floor of two."""

MAIN = "main"
"""What the provider is called where there is only one."""

SIDES = ("bind", "knot")
"""The providers of a run with two: real servers, and what each is called."""

LAGGING = {"shop": "hold", "api": "go_on", "books": "roll_back"}
"""With several providers: one endpoint for each choice of what becomes of a change if one lags."""

WINDOW_S = 0.6
"""Longer than a flip takes, shorter than most faults."""

NEIGHBOURS = (
    ("mail", "60 A 198.51.100.25"),
    ("beside.www", "60 A 198.51.100.26"),
    ("_outlast.elsewhere", '0 TXT "not ours"'),
    ("txt", '60 TXT "left alone"'),
)
"""Records of other people in the same zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """What an edit of the topology changes: the TTL, and whether the fourth region takes part."""

    ttl_s: int = 1
    south: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Folder and addresses of one run.

    Attributes:
        folder: everything of the run; state: what Outlast keeps, on a small disk of its own if
            `bounded`.
        network: the first three numbers of the regions' loopback addresses.
        store: the members of the etcd that keeps the plans; empty: a file.
        provider: the lines of the providers, with `{0}`, `{1}` for their addresses.
        sides: the names of the providers, where the same names are published at several; else none.
        server: where the first provider answers; others: where the rest do.
    """

    folder: Path
    state: Path
    bounded: bool
    network: str
    provider: str
    server: Address
    store: str = ""
    sides: tuple[str, ...] = ()
    others: tuple[Address, ...] = ()

    @property
    def servers(self) -> tuple[Address, ...]:
        """Where each provider answers."""
        return (self.server, *self.others)

    def file(self, role: str) -> Path:
        """Return a role's topology file."""
        return self.folder / role / "world.yaml"

    @property
    def main_file(self) -> Path:
        """The file of planner, prober and operators."""
        return self.file("main")

    def address(self, region: str) -> str:
        """Return a region's address."""
        return f"{self.network}.{11 + REGIONS.index(region)}"

    def write(self, edition: Edition, servers: Mapping[str, Sequence[Address]]) -> None:
        """Write every role's file, each in one step, so that nobody reads half a file."""
        for role in ("main", "server", *ENACTORS):
            self.put(role, self.text(edition, servers.get(role, self.servers)))

    def put(self, role: str, text: str) -> None:
        """Put a text in the place of a role's file."""
        path = self.file(role)
        path.parent.mkdir(exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(text)
        draft.replace(path)

    def text(self, edition: Edition, servers: Sequence[Address]) -> str:
        """The topology."""
        regions = REGIONS if edition.south else REGIONS[:3]
        targets = "\n".join(
            f"      {one}-1: {{region: {one}, ipv4: {self.address(one)}, capacity: 100}}"
            for one in regions
        )
        return _TOPOLOGY.format(
            provider=self.provider.format(*servers),
            first=self.sides[0] if self.sides else MAIN,
            store=f"store: {{etcd: [{self.store}]}}" if self.store else "",
            ttl_s=edition.ttl_s,
            port=HTTP_PORT,
            targets=targets,
            rest=", ".join(regions[1:]),
            **{one.endpoint: self._published(one.endpoint) for one in NAMED},
        )

    def _published(self, endpoint: str) -> str:
        """The lines that say where an endpoint stands, if that is not the one provider."""
        if not self.sides:
            return ""
        where = f"providers: [{', '.join(self.sides)}]"
        return f"    {where}\n    lagging: {LAGGING[endpoint]}\n    window_s: {WINDOW_S}\n"


# Intervals as short as the format allows, so that a plan lives for about a second.
_TOPOLOGY = """\
outlast: 1
{store}
settings:
  enactors: 3
  verify_interval_s: 0.3
  takeover_s: 0.1
  evidence_max_age_s: 2
  sick_ratio: 0.75
  sick_window_s: 0.5
  rescued_hold_s: 1
  plans_kept: 200
regions: {{eu: {{}}, us: {{}}, ap: {{}}, sa: {{}}}}
providers:
{provider}
defaults:
  provider: {first}
  ttl_s: {ttl_s}
  policy: {{recovery_s: 30}}
  budget: {{removed_ratio: 1, window_s: 1}}
  check:
    {{kind: http, port: {port}, path: /healthz, interval_s: 0.15, timeout_s: 0.15, rise: 1, fall: 2}}
endpoints:
  shop:
    names: [www.example.org, {{name: v4.example.org, families: [ipv4]}}]
{shop}    targets:
{targets}
  api:
    names: [api.example.org]
    policy: {{kind: failover, order: [eu, [{rest}]]}}
{api}    targets:
{targets}
  books:
    names: [books.example.org]
    floors: {{targets: 2, share_ratio: 0.25}}
{books}    targets:
{targets}
"""


@contextlib.contextmanager
def state_disk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Make the state folder: a small disk of its own where we may mount one, else a plain folder."""
    state = folder / "state"
    state.mkdir(mode=0o700)
    mounted = os.geteuid() == 0 and _mount(state)
    try:
        yield state, mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(state)], check=False, timeout=10)


def _mount(state: Path) -> bool:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "tmpfs", str(state)],
        check=False,
        capture_output=True,
        timeout=10,
    )
    return done.returncode == 0


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    """Make the folder of one run and remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="outlast-chaos-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
