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
from chaos.history import NEIGHBOUR, Recorder
from chaos.network import Cable, cables
from chaos.processes import Role, closing_all, outlast
from chaos.proxy import Proxy
from chaos.regions import Regions
from chaos.servers import Stand, stand
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
    """

    world: World
    stand: Stand
    roles: dict[str, Role]
    proxies: dict[str, Proxy]
    cables: dict[str, Cable]
    regions: Regions
    archivist: Archivist | EtcdArchivist
    foreign: ForeignHand
    recorder: Recorder
    offers: frozenset[str]
    edition: Edition = Edition()
    down: set[str] = field(default_factory=set)
    copies: list[Path] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)

    def servers(self) -> dict[str, Address]:
        """Where each enactor finds the name server: at its proxy."""
        return {
            name: Address(
                host=self.cables[name].host if name in self.cables else HOST,
                port=self.ports[name],
            )
            for name in self.proxies
        }

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
                # Another process publishes; there is no event to wait for.
                while not await asyncio.to_thread(self.foreign.values, named):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)


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
        there = stand(server, folder, state)
        network = f"127.{1 + os.getpid() // 250 % 250}.{1 + os.getpid() % 250}"
        world = World(
            folder=folder,
            state=state,
            bounded=bounded,
            network=network,
            provider=there.provider,
            server=there.server.address,
            store=", ".join(str(one) for one in etcd.endpoints) if etcd is not None else "",
        )
        system = _assemble(world, there, laid, seed)
        if etcd is not None:
            system.archivist = EtcdArchivist(etcd, system.recorder)
            system.offers = system.offers - {"file", "disk"} | {"etcd"}
            stack.callback(system.archivist.close)
        system.write_topology()
        stack.callback(there.server.close)
        await asyncio.to_thread(there.server.start)
        for name, proxy in system.proxies.items():
            host = laid[name].host if name in laid else HOST
            await proxy.start(host, system.ports[name])
            stack.push_async_callback(proxy.close)
        await system.regions.start()
        stack.push_async_callback(system.regions.close)
        stack.enter_context(closing_all(list(system.roles.values())))
        for role in system.roles.values():
            role.start()
        yield system


def _assemble(world: World, there: Stand, laid: dict[str, Cable], seed: int) -> System:
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
    foreign = there.foreign_hand()
    recorder.acts = foreign.acts
    system = System(
        world=world,
        stand=there,
        roles=_roles(world, laid),
        proxies={
            one: Proxy(world.server, random.Random(f"proxy {one} {seed}")) for one in ENACTORS
        },
        cables=laid,
        regions=Regions(world, seed),
        archivist=Archivist(world.state / "store.db", aside, recorder),
        foreign=foreign,
        recorder=recorder,
        offers=frozenset(offers),
    )
    system.ports = {one: free_port() for one in ENACTORS}
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


def observing(system: System) -> tuple[Role, Path]:
    """Return the checker's eye as a process, not started, and where it writes."""
    folder = system.world.folder
    watched = tuple(
        observer.Watched(
            subject=one.endpoint,
            fence_at=fence_name(DnsName(one.names[0])),
            questions=observer.endpoint_questions(one.names),
        )
        for one in NAMED
    )
    questions = tuple(
        (f"{name}.{ZONE}", "TXT" if "TXT" in rest else "A") for name, rest in NEIGHBOURS
    )
    beside = observer.Watched(subject=NEIGHBOUR, fence_at="", questions=questions)
    task = observer.Task(
        host=system.world.server.host,
        port=system.world.server.port,
        pause_s=OBSERVE_EVERY_S,
        subjects=(*watched, beside),
    )
    (folder / "task.json").write_bytes(msgspec.json.encode(task))
    log = folder / "answers.jsonl"
    command = [_python(), "-m", "chaos.observer", str(folder / "task.json"), str(log)]
    return Role("observer", command, folder / "observer.log"), log


def _python() -> str:
    return outlast()[0]
