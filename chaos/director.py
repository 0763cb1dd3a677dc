"""The director: one run from its seed: start, faults, silence, promises, history.

First phase: faults, drawn from the seed, overlapping wherever they hold different things. Second phase:
the faults stop, everything that they did is undone, and what must come true has to come true: every
endpoint stands as the newest plan wants it (L1), and each enactor, left alone, gets its writes in (L3).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from chaos.catalogue import CATALOGUE, Kind
from chaos.drawing import Planned, draw
from chaos.hands import Hands
from chaos.history import Fault, History, Run, at_side, looks_at, plans_at
from chaos.notdone import NotDone
from chaos.observer import read_log
from chaos.promises import prove
from chaos.system import System, observing, running
from chaos.world import NAMED

PER_S = 2.2
"""Faults that begin a second, as far as the things they hold are free."""

WARM_UP_S = 2.0
DRAWS_MAX = 5
"""After so many draws a run ends with fewer faults than it was asked for, and says so."""

DRAW_STEP = 1_000_003
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One run.

    Attributes:
        store: `file` or `etcd`.
        kinds: the part of the catalogue to draw from.
        companion: command of a program that runs beside the system, such as a broken writer.
        promises: whether the second phase takes place; alone: whether L3 is part of it.
    """

    server: str
    store: str = "file"
    seed: int
    faults: int
    per_s: float = PER_S
    kinds: tuple[Kind, ...] = CATALOGUE
    companion: tuple[str, ...] = ()
    seconds: float = 0.0
    promises: bool = True
    alone: bool = True
    warm_up_s: float = WARM_UP_S

    @property
    def command(self) -> str:
        """What repeats the run."""
        store = f" --store {self.store}" if self.store != "file" else ""
        asked = f"--server {self.server}{store} --faults {self.faults} --seed {self.seed}"
        return f"python -m chaos {asked}"


async def direct(settings: Settings, progress: Progress) -> History:
    """Do one run and return its history."""
    async with running(settings.server, settings.seed, settings.store) as system:
        await _wait_ready(system)
        before = await asyncio.to_thread(system.zone)
        eyes = observing(system)
        for eye, _ in eyes:
            eye.start()
        began_ns = time.monotonic_ns()
        try:
            async with _beside(system, settings):
                await asyncio.sleep(settings.warm_up_s)
                await _break_things(system, settings, progress)
                faults_end_ns = time.monotonic_ns()
                if settings.promises:
                    progress("faults have stopped; waiting for what must come true")
                    system.recorder.promises += await prove(system, alone=settings.alone)
        finally:
            for eye, _ in eyes:
                eye.close()
        return _write_down(
            system,
            settings,
            tuple(run for _, log in eyes for run in read_log(log)),
            times=(began_ns, faults_end_ns),
            zone=(before, await asyncio.to_thread(system.zone)),
        )


async def _wait_ready(system: System) -> None:
    supervisor = asyncio.ensure_future(system.supervise())
    try:
        await _add_neighbours(system)
        await system.wait_published()
    except TimeoutError:
        logs = "\n".join(f"--- {one.name}\n{one.tail()}" for one in system.roles.values())
        raise SystemError(f"the system did not publish:\n{logs}") from None
    finally:
        supervisor.cancel()


async def _add_neighbours(system: System) -> None:
    """The embedded server begins with an empty zone; the others have the neighbours from its file."""
    if system.stands[0].software == "outlast":
        await asyncio.to_thread(system.foreigns[0].add_neighbours)


@contextlib.asynccontextmanager
async def _beside(system: System, settings: Settings) -> AsyncIterator[None]:
    """What goes on all the time: weather, supervision, archive, and a companion if there is one."""
    tasks = [
        asyncio.ensure_future(system.supervise()),
        asyncio.ensure_future(system.archive()),
    ]
    weather = asyncio.ensure_future(system.regions.change())
    companion = None
    if settings.companion:
        companion = await asyncio.create_subprocess_exec(*_filled(system, settings.companion))
    try:
        yield
    finally:
        system.regions.end.set()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(weather, *tasks, return_exceptions=True)
        if companion is not None and companion.returncode is None:
            companion.kill()
            await companion.wait()
        for result in results:
            if isinstance(result, Exception):  # it had ended long before its time
                raise result


def _filled(system: System, companion: Sequence[str]) -> list[str]:
    world = system.world
    places = {"{file}": str(world.main_file), "{state}": str(world.state)}
    return [places.get(one, one) for one in companion]


class _Things:
    """What faults hold: two of them never hold the same thing at once, also where one takes long."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}

    @contextlib.asynccontextmanager
    async def held(self, planned: Planned) -> AsyncIterator[None]:
        """Hold a fault's things, in one order for everybody."""
        async with contextlib.AsyncExitStack() as stack:
            things = {*planned.kind.things(planned.target), *planned.kind.awaits}
            for thing in sorted(things):
                await stack.enter_async_context(self._locks.setdefault(thing, asyncio.Lock()))
            yield


async def _break_things(system: System, settings: Settings, progress: Progress) -> None:
    """Do the faults; those that could not be done are made up for by others of another draw."""
    hands, things = Hands(system), _Things()
    usable = [one for one in settings.kinds if not one.needs or one.needs in system.offers]
    missing = {one.name for one in usable} - hands.kinds
    assert not missing, f"nobody can do {', '.join(sorted(missing))}"
    start_s = time.monotonic()
    done = system.recorder.faults
    for draft in range(DRAWS_MAX):
        lacking = settings.faults - sum(one.done for one in done)
        before = len(done)
        planned = draw(
            settings.seed + draft * DRAW_STEP,
            count=lacking,
            per_s=settings.per_s,
            offers=system.offers,
            kinds=settings.kinds,
        )
        async with asyncio.TaskGroup() as group:
            began_s = time.monotonic()
            for one in planned:
                await asyncio.sleep(max(0.0, one.at_s - (time.monotonic() - began_s)))
                numbered = replace(one, number=one.number + before)
                group.create_task(_do(system, hands, things, numbered))
                if one.number % 25 == 0:
                    progress(f"{one.number} of {len(planned)} faults begun")
    await asyncio.sleep(max(0.0, settings.seconds - (time.monotonic() - start_s)))


async def _do(system: System, hands: Hands, things: _Things, planned: Planned) -> None:
    async with things.held(planned):
        began_ns = time.monotonic_ns()
        try:
            detail, done = await hands.do(planned), True
        except NotDone as reason:
            detail, done = str(reason), False
        system.recorder.faults.append(
            Fault(
                number=planned.number,
                kind=planned.kind.name,
                target=planned.target,
                began_ns=began_ns,
                ended_ns=time.monotonic_ns(),
                detail=detail,
                done=done,
            )
        )
        await asyncio.sleep(planned.kind.apart_s)


def _write_down(
    system: System,
    settings: Settings,
    runs: tuple[Run, ...],
    *,
    times: tuple[int, int],
    zone: tuple[tuple[str, ...], tuple[str, ...]],
) -> History:
    recorder = system.recorder
    system.archivist.look()
    system.archivist.read_asides()
    sides = system.world.sides
    return History(
        server=settings.server,
        seed=settings.seed,
        command=settings.command,
        began_ns=times[0],
        ended_ns=time.monotonic_ns(),
        faults_end_ns=times[1],
        endpoints=tuple(
            replace(one, endpoint=at_side(one.endpoint, side))
            for one in NAMED
            for side in sides or ("",)
        ),
        runs=runs,
        faults=tuple(sorted(recorder.faults, key=lambda one: one.began_ns)),
        acts=tuple(recorder.acts),
        plans=plans_at(recorder.plans.values(), sides),
        looks=looks_at(recorder.looks, sides),
        promises=tuple(recorder.promises),
        zone_before=zone[0],
        zone_after=zone[1],
        notes=tuple(recorder.notes),
        software=" and ".join(one.software for one in system.stands),
        sides=sides,
    )
