"""The system under the faults: every role in a process of its own, with all that the faults can reach."""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from tests.support import etcd as etcds
from tests.support.nameservers import HOST, free_port

from chaos import observer
from chaos.archive import Archivist
from chaos.etcd import QUOTA_BYTES, EtcdArchivist
from chaos.foreign import ForeignHand
from chaos.history import NEIGHBOUR, Recorder, at_side
from chaos.network import Cable, cables
from chaos.processes import Role, closing_all, outlast
from chaos.proxy import Proxy
from chaos.regions import Regions
from chaos.servers import Stand, stands
from chaos.world import (
    ENACTORS,
    NAMED,
    NEIGHBOURS,
    ZONE,
    Edition,
    World,
    run_folder,
    state_disk,
)
from outlast.model.fence import fence_name
from outlast.model.names import DnsName
from outlast.model.topology import Address

LOOK_EVERY_S = 0.4
SUPERVISE_EVERY_S = 0.15
OBSERVE_EVERY_S = 0.002
READY_S = 60.0


@dataclass(slots=True)
class System:
    """One running system.

    Attributes:
        down: the roles that a fault keeps down on purpose; the supervisor leaves them alone.
        proxies, cables: each enactor's network; no cables where they cannot be laid.
        stands, foreigns: the name servers, more than one where the same names are published at
            several providers, and somebody else with the key of each.
        ports: for each enactor, its proxy's port for each server.
    """

    world: World
    stands: tuple[Stand, ...]
    roles: dict[str, Role]
    proxies: dict[str, Proxy]
    cables: dict[str, Cable]
    regions: Regions
    archivist: Archivist | EtcdArchivist
    foreigns: tuple[ForeignHand, ...]
    recorder: Recorder
    offers: frozenset[str]
    edition: Edition = Edition()
    down: set[str] = field(default_factory=set)
    copies: list[Path] = field(default_factory=list)
    ports: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def servers(self) -> dict[str, tuple[Address, ...]]:
        """Where each enactor finds the name servers: at its proxy."""
        return {
            name: tuple(Address(host=self.proxy_host(name), port=port) for port in ports)
            for name, ports in self.ports.items()
        }

    def proxy_host(self, enactor: str) -> str:
        """The address at which an enactor finds its proxy."""
        return self.cables[enactor].host if enactor in self.cables else HOST

    def write_topology(self) -> None:
        """Put the present edition in every role's file."""
        self.world.write(self.edition, self.servers())

    async def supervise(self) -> None:
        """Start again what died without our help, as an init system would."""
        while True:
            for name, role in self.roles.items():
                if name not in self.down and not role.running:
                    note = f"{name} had ended and was started again: {role.tail(1)}"
                    self.recorder.notes.append(note)
                    role.start()
            await asyncio.sleep(SUPERVISE_EVERY_S)

    async def archive(self) -> None:
        """Look into the store, and make a copy now and then for later."""
        looks = 0
        while True:
            await asyncio.to_thread(self.archivist.look)
            if looks % 10 == 3:
                await asyncio.to_thread(self.make_copy)
            looks += 1
            await asyncio.sleep(LOOK_EVERY_S)

    def make_copy(self) -> None:
        """Make a copy of the store, if it can be read at this moment."""
        place = self.world.folder / f"copy-{len(self.copies)}.db"
        try:
            self.archivist.copy(place)
        except Exception as error:  # noqa: BLE001 - a backup that fails is tried again
            self.recorder.notes.append(f"no copy of the store: {error}")
            return
        self.copies.append(place)

    async def wait_published(self) -> None:
        """Wait until every endpoint has a fence.

        Raises:
            TimeoutError: it has not within `READY_S`; the logs are in the notes.
        """
        async with asyncio.timeout(READY_S):
            for named in NAMED:
                for foreign in self.foreigns:
                    # Another process publishes; there is no event to wait for.
                    while not await asyncio.to_thread(foreign.values, named):  # noqa: ASYNC110
                        await asyncio.sleep(0.1)

    def zone(self) -> tuple[str, ...]:
        """Return every record of other people, at each server."""
        return tuple(at_side(line, one.side) for one in self.foreigns for line in one.zone())


@contextlib.asynccontextmanager
async def running(server: str, seed: int, store: str = "file") -> AsyncIterator[System]:
    """Start a whole system on a fresh server, and end all of it afterwards."""
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(run_folder())
        folder.chmod(0o755)  # the name server runs as somebody else
        state, bounded = stack.enter_context(state_disk(folder))
        # An enactor behind a cable is in a network of its own, from where it would not reach etcd.
        laid = stack.enter_context(cables(ENACTORS)) if store == "file" else {}
        etcd = None
        if store == "etcd":
            etcd = stack.enter_context(etcds.running(3, quota_bytes=QUOTA_BYTES))
        there = stands(server, folder, state)
        network = f"127.{1 + os.getpid() // 250 % 250}.{1 + os.getpid() % 250}"
        world = World(
            folder=folder,
            state=state,
            bounded=bounded,
            network=network,
            provider="\n".join(one.provider for one in there),
            sides=tuple(one.side for one in there if one.side),
            server=there[0].server.address,
            others=tuple(one.server.address for one in there[1:]),
            store=", ".join(str(one) for one in etcd.endpoints) if etcd is not None else "",
        )
        system = _assemble(world, there, laid, seed)
        if etcd is not None:
            system.archivist = EtcdArchivist(etcd, system.recorder)
            system.offers = system.offers - {"file", "disk"} | {"etcd"}
            stack.callback(system.archivist.close)
        system.write_topology()
        for one in there:
            stack.callback(one.server.close)
            await asyncio.to_thread(one.server.start)
        for name, proxy in system.proxies.items():
            for far, port in zip(world.servers, system.ports[name], strict=True):
                await proxy.start(system.proxy_host(name), port, far)
            stack.push_async_callback(proxy.close)
        await system.regions.start()
        stack.push_async_callback(system.regions.close)
        stack.enter_context(closing_all(list(system.roles.values())))
        for role in system.roles.values():
            role.start()
        yield system


def _assemble(world: World, there: tuple[Stand, ...], laid: dict[str, Cable], seed: int) -> System:
    recorder = Recorder()
    aside = world.folder / "aside"
    if world.bounded:  # a rename stays on one disk, and that disk is the small one
        aside = world.state / "aside"
    aside.mkdir()
    offers = {"file", "disk"} if world.bounded else {"file"}
    if laid:
        offers.add("cable")
        if next(iter(laid.values())).has_netem():
            offers.add("netem")
    if world.sides:
        offers.add("dual")
    system = System(
        world=world,
        stands=there,
        roles=_roles(world, laid),
        proxies={
            one: Proxy(world.server, random.Random(f"proxy {one} {seed}")) for one in ENACTORS
        },
        cables=laid,
        regions=Regions(world, seed),
        archivist=Archivist(world.state / "store.db", aside, recorder),
        foreigns=tuple(one.foreign_hand(recorder.acts) for one in there),
        recorder=recorder,
        offers=frozenset(offers),
    )
    system.ports = {one: tuple(free_port() for _ in there) for one in ENACTORS}
    return system


def _roles(world: World, laid: dict[str, Cable]) -> dict[str, Role]:
    def role(name: str, file: str, *arguments: str) -> Role:
        command = outlast("up", str(world.file(file)), "--state", str(world.state), *arguments)
        prefix = laid[name].prefix if name in laid else []
        return Role(name, command, world.folder / f"{name}.log", prefix)

    return {
        "planner": role("planner", "main", "--role", "planner"),
        "prober": role("prober", "main", "--role", "prober"),
        **{one: role(one, one, "--role", "enactor", "--name", one) for one in ENACTORS},
    }


def observing(system: System) -> list[tuple[Role, Path]]:
    """Return the checker's eye on each server as a process, not started, and where it writes."""
    return [_observing(system.world.folder, one) for one in system.stands]


def _observing(folder: Path, there: Stand) -> tuple[Role, Path]:
    watched = tuple(
        observer.Watched(
            subject=at_side(one.endpoint, there.side),
            fence_at=fence_name(DnsName(one.names[0])),
            questions=observer.endpoint_questions(one.names),
        )
        for one in NAMED
    )
    questions = tuple(
        (f"{name}.{ZONE}", "TXT" if "TXT" in rest else "A") for name, rest in NEIGHBOURS
    )
    subject = at_side(NEIGHBOUR, there.side)
    beside = observer.Watched(subject=subject, fence_at="", questions=questions)
    task = observer.Task(
        host=there.server.address.host,
        port=there.server.address.port,
        pause_s=OBSERVE_EVERY_S,
        subjects=(*watched, beside),
    )
    name = at_side("observer", there.side)
    path, log = folder / f"{name}.json", folder / f"{name}.jsonl"
    path.write_bytes(msgspec.json.encode(task))
    command = [_python(), "-m", "chaos.observer", str(path), str(log)]
    return Role(name, command, folder / f"{name}.log"), log


def _python() -> str:
    return outlast()[0]
