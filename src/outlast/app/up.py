"""Up: the roles of one topology, started together and stopped together.

Stopping changes nothing in the DNS: what is published stays. A role that ends by a fault of its own is
started again after a second, and says so; the others go on meanwhile. The topology file is read again on
SIGHUP and when it changes: a valid one takes effect, an invalid one is refused with all its faults and
the old one stays in force.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from starlette.routing import BaseRoute

from outlast.app.board.front import Front
from outlast.app.board.routes import board
from outlast.app.crew import Crew
from outlast.app.shares import check_reload, shares_of, sign_every_s
from outlast.app.sources import make_sources
from outlast.app.troubles import Troubles
from outlast.app.web import WebServer, listen, make_web
from outlast.app.wiring import World
from outlast.config import load
from outlast.drivers import nameserver
from outlast.drivers.enactor import Enactor
from outlast.drivers.entries import Alive
from outlast.drivers.facts import Event, Fact, Tell
from outlast.drivers.leadership import Leadership
from outlast.drivers.ledger import Ledger
from outlast.drivers.mirrored import MirroredEnactor
from outlast.drivers.planner import Planner
from outlast.drivers.prober import Prober
from outlast.drivers.stores.reopening import share
from outlast.drivers.telemetry import Metrics, to_all
from outlast.model.api import ProviderKind
from outlast.model.errors import ConfigError, StoreError
from outlast.model.names import CellName, EnactorName, ProviderName, VantageName
from outlast.model.shares import Share
from outlast.model.topology import Topology
from outlast.ports import Provider, Store

RESTART_S = 1.0
MEASURE_S = 2.0
FILE_LOOK_S = 1.0
"""How often the topology file's time of change is looked at."""


SIGN_OFF_S = 3.0
"""How long an end in order waits for a store that does not answer."""

_Jobs = dict[str, Callable[[], Awaitable[None]]]


class Role(StrEnum):
    """What a process can be."""

    PLANNER = "planner"
    ENACTOR = "enactor"
    PROBER = "prober"
    NAMESERVER = "nameserver"


ALL_ROLES = frozenset(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is started.

    Attributes:
        roles: which roles this process plays.
        enactor: name of its single enactor; None: as many as the topology asks for.
        cells: where its enactors work; empty: everywhere.
        planner: name of its planner, where there may be several; empty: host and state folder.
        vantage: the vantage it probes from; None: every one of the topology.
        http: where metrics and the board are served; None: nowhere.
    """

    roles: frozenset[Role] = ALL_ROLES
    enactor: EnactorName | None = None
    cells: tuple[CellName, ...] = ()
    planner: str = ""
    vantage: VantageName | None = None
    http: Front | None = None


class Up:
    """One process of `outlast up`."""

    def __init__(self, world: World, options: Options, tell: Tell) -> None:
        self._world = world
        self._options = options
        self._troubles = Troubles()
        self.metrics = Metrics()
        self._tell = to_all(tell, self.metrics.count, self._troubles.hear)
        self._crew = Crew()
        self._sources = make_sources(world, self._tell, self._steer)
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self.ready = asyncio.Event()

    def stop(self) -> None:
        """Stop soon; what is published stays."""
        self._stop.set()

    @property
    def crew(self) -> Crew:
        """What runs, for demonstrations and tests."""
        return self._crew

    async def run(self) -> None:
        """Run until stopped.

        Raises:
            ConfigError: an address is taken, a secret cannot be read, and the like; nothing was started.
        """
        sock = listen(self._options.http.address) if self._options.http is not None else None
        store: Store | None = None
        try:
            await asyncio.to_thread(self._keep_topology)
            await self._start_servers()
            store = await self._world.store() if self._options.roles - {Role.NAMESERVER} else None
            await self._work(store, sock)
        finally:
            for providers in self._crew.providers:
                for provider in providers.values():
                    await provider.close()
            for server in self._crew.servers:
                await server.close()
            if store is not None:
                await self._sign_off(self._world.ledger(store, "outlast"))
                await store.close()
            if sock is not None:
                sock.close()
            for lock in self._crew.locks:
                lock.close()

    async def _start_servers(self) -> None:
        """The name servers first: the other roles need them."""
        if Role.NAMESERVER not in self._options.roles:
            return
        for provider in self._world.topology.providers:
            if provider.kind is ProviderKind.EMBEDDED:
                server = self._world.name_server(provider, self._server_fact)
                await server.start()
                self._crew.servers.append(server)

    def _server_fact(self, fact: nameserver.Fact) -> None:
        detail = f"{fact.kind}: {fact.detail}"
        if fact.kind in {nameserver.FactKind.STARTED, nameserver.FactKind.DISK_FAILED}:
            self._tell(Fact(event=Event.STARTED, role="nameserver", detail=detail))

    async def _work(self, store: Store | None, sock: socket.socket | None) -> None:
        jobs: dict[str, Callable[[], Awaitable[None]]] = {}
        pages: list[BaseRoute] = []
        if store is not None:
            watch, pages = board(lambda: self._world, store, self._connect, self._options.http)
            jobs |= self._make_roles(store) | watch
        web = WebServer(make_web(self.metrics, self._troubles, pages), self._options.http)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._keep(name, job)) for name, job in jobs.items()]
            if sock is not None:
                tasks.append(group.create_task(web.serve(sockets=[sock])))
            tasks.append(group.create_task(self._watch_file()))
            with _signals(self._stop.set, self._reload.set):
                self.ready.set()
                await self._stop.wait()
            web.should_exit = True
            for task in tasks:
                task.cancel()
        self._tell(Fact(event=Event.STOPPED, role="outlast", detail="what is published stays"))

    def _make_roles(self, store: Store) -> _Jobs:
        world, options, crew = self._world, self._options, self._crew
        ledger = world.ledger(store, "outlast")
        jobs: dict[str, Callable[[], Awaitable[None]]] = {"signs": lambda: self._signs(ledger)}
        jobs["measures"] = self._measure
        if Role.PLANNER in options.roles:
            crew.planner = Planner(
                world.topology,
                ledger=world.ledger(store, "planner"),
                providers=self._connect(),
                clock=world.clock,
                tell=self._tell,
            )
            jobs["planner"] = crew.planner.run
            jobs["scribe"] = world.trail_keeper(store, self._tell).run
        if Role.ENACTOR in options.roles:
            shares = shares_of(world.topology, options.enactor, options.cells)
            crew.enactors += [self._make_enactor(it, share, store) for it, share in shares.items()]
        if Role.PROBER in options.roles:
            for vantage in self._vantage_names():
                prober = Prober(
                    vantage,
                    world.topology,
                    ledger=world.ledger(store, f"prober-{vantage}"),
                    clock=world.clock,
                    tell=self._tell,
                )
                crew.probers.append(prober)
                crew.inquirers.append(world.inquirer(vantage, store, self._tell))
        if crew.planner is not None or crew.probers:
            jobs["sources"] = self._sources.run
        self._take_roles()
        jobs |= {one.name: one.run for one in crew.enactors}
        jobs |= {one.role: one.run for one in crew.probers}
        jobs |= {one.role: one.run for one in crew.inquirers}
        return self._led(jobs, store)

    def _led(self, jobs: _Jobs, store: Store) -> _Jobs:
        """Let one planner, and one prober of each vantage, work at a time where there may be several."""
        if not self._world.store_choice.etcd:  # one machine: the locks in the state folder do it
            return jobs
        crew = self._crew
        host = f"{socket.gethostname()}:{self._world.state.root.resolve()}"
        crew.planner_name = self._options.planner or host
        names = {"planner": crew.planner_name} if crew.planner is not None else {}
        names |= {one.role: host for one in crew.probers}
        crew.leads = {
            role: Leadership(share(store), role, name, self._tell) for role, name in names.items()
        }
        if crew.planner is not None:
            crew.planner.ledger.term = crew.leads["planner"].term
        led = {role: partial(seat.keep, jobs[role]) for role, seat in crew.leads.items()}
        return jobs | led

    def _take_roles(self) -> None:
        """One process a role and state folder: a second `outlast up` by mistake ends here."""
        crew = self._crew
        names = ["planner"] if crew.planner is not None else []
        names += [one.name for one in crew.enactors] + [one.role for one in crew.probers]
        crew.locks += [self._world.take_role(name) for name in names]

    def _connect(self) -> dict[ProviderName, Provider]:
        """Connections of a role's own: roles share nothing but the ledger."""
        providers = self._world.providers()
        self._crew.providers.append(providers)
        return providers

    def _make_enactor(self, name: EnactorName, share: Share, store: Store) -> Enactor:
        world = self._world
        ledger = world.ledger(store, name)
        return MirroredEnactor(
            name,
            share=share,
            settings=world.topology.settings,
            ledger=ledger,
            providers=self._connect(),
            last_good=world.last_good(name),
            witness=world.witness(name, ledger, self._tell),
            clock=world.clock,
            tell=self._tell,
        )

    def _vantage_names(self) -> list[VantageName]:
        known = [one.name for one in self._world.topology.vantages]
        if self._options.vantage is None:
            return known
        if self._options.vantage not in known:
            raise ConfigError(
                f"there is no vantage {self._options.vantage} in {self._world.file}",
                remedy=f"choose one of: {', '.join(known)}",
            )
        return [self._options.vantage]

    # while it runs

    async def _keep(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        """Run a role; if it ends by a fault of its own, say so and start it again."""
        while True:
            try:
                await job()
            except Exception as error:  # noqa: BLE001 - whatever it is, the other roles go on
                detail = f"{name} ended: {_reason(error)}; starting it again in {RESTART_S:g} s"
                self._tell(Fact(event=Event.BUG, role=name, detail=detail))
            await asyncio.sleep(RESTART_S)

    async def _signs(self, ledger: Ledger) -> None:
        """Write down, now and again, who is alive and what it is doing."""
        while True:
            every_s = sign_every_s(self._world.topology)
            lost = self.metrics.counted(Event.RACE_LOST)
            for kind, name, doing in self._crew.signs():
                sign = Alive(
                    kind=kind,
                    name=name,
                    doing=doing,
                    at_ns=self._world.clock.now_ns(),
                    every_s=every_s,
                    races=lost.get(name, 0) if kind == "enactor" else None,
                )
                with contextlib.suppress(StoreError):  # the roles tell that the store is lost
                    await ledger.alive(sign)
            await asyncio.sleep(every_s)

    async def _sign_off(self, ledger: Ledger) -> None:
        """Take the signs of life back: whoever ends in order is not missed."""
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(SIGN_OFF_S):
                await self._take_back(ledger)

    async def _take_back(self, ledger: Ledger) -> None:
        for kind, name, _ in self._crew.signs():
            await ledger.gone(kind, name)

    async def _measure(self) -> None:
        while True:
            for one in self._crew.enactors:
                self.metrics.disagreeing.labels(role=one.name).set(one.disagreeing)
            planner = self._crew.planner
            if planner is not None:
                self.metrics.endpoints.set(len(planner.states))
                blocked = sum(1 for one in planner.states.values() if one.announced is not None)
                self.metrics.blocked.set(blocked)
                self.metrics.sick.set(len(planner.sick))
            await asyncio.sleep(MEASURE_S)

    async def _watch_file(self) -> None:
        seen = _stamp(self._world)
        while True:
            try:
                async with asyncio.timeout(FILE_LOOK_S):
                    await self._reload.wait()
            except TimeoutError:
                if _stamp(self._world) == seen:
                    continue
            self._reload.clear()
            seen = _stamp(self._world)
            self._take_topology()

    def _keep_topology(self) -> None:
        """Keep a copy of the valid file, for commands of the night on which it is not."""
        try:
            self._world.state.keep_topology(self._world.file)
        except OSError as error:
            detail = f"no copy of {self._world.file} can be kept: {error}"
            self._tell(Fact(event=Event.LAST_GOOD_FAILED, role="outlast", detail=detail))

    def _take_topology(self) -> None:
        """Read the topology again; whatever is wrong with it, the old one stays in force."""
        try:
            loaded = load(self._world.file)
            check_reload(loaded.topology, self._world.topology)
        except ConfigError as error:
            self._tell(Fact(event=Event.TOPOLOGY_REFUSED, role="outlast", detail=str(error)))
            return
        if loaded.digest == self._world.digest:
            return
        self._world = replace(self._world, digest=loaded.digest)
        self._keep_topology()
        self._sources.change_topology(loaded.topology)
        self._steer(self._sources.topology)
        detail = f"{len(loaded.topology.endpoints)} endpoints, digest {loaded.digest[:12]}"
        self._tell(Fact(event=Event.TOPOLOGY, role="outlast", detail=detail))

    def _steer(self, topology: Topology) -> None:
        """Go on with another topology, or with other targets of the same."""
        self._world = replace(self._world, topology=topology)
        if self._crew.planner is not None:
            self._crew.planner.change_topology(topology)
        for prober in self._crew.probers:
            prober.change_topology(topology)
        for inquirer in self._crew.inquirers:
            inquirer.change_topology(topology)


def _stamp(world: World) -> int:
    try:
        return world.file.stat().st_mtime_ns
    except OSError:
        return 0


def _reason(error: Exception) -> str:
    if isinstance(error, ExceptionGroup):
        return "; ".join(_reason(one) for one in error.exceptions)
    return f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def _signals(stop: Callable[[], None], reload: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM stop, SIGHUP reads the topology again."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
