"""What must come true once the faults have stopped, each within a stated bound.

L1: every endpoint stands in the DNS as the newest plan wants it, all its targets published, since all
regions answer. L2: with planner and enactors stopped and a name wiped, an operator's rescue restores it.
L3: each enactor in turn is the only one that runs, and gets a change published, however often it lost
before.
"""

import asyncio
import itertools
import sqlite3
import time
from collections.abc import Awaitable, Callable

from chaos.etcd import EtcdArchivist
from chaos.history import Named, Promise
from chaos.people_hands import COMMAND_S, PeopleHands
from chaos.standing import standing
from chaos.system import System
from chaos.windows import BREAK_GLASS
from chaos.world import ENACTORS, NAMED, REGIONS, Edition
from outlast.model.override import OverrideKind

CONVERGED_S = 20.0
"""L1: the longest back-off is 5 s, a restarted process needs a few seconds on a busy machine."""

ALONE_S = 20.0
"""L3: a region is found dead after 0.45 s; a lone enactor may have to wait out its back-off first."""

LOOK_S = 0.05
LOCK_TRIES = 50


async def prove(system: System, *, alone: bool) -> list[Promise]:
    """Undo everything, then wait for each promise; a rescue and L3 only if `alone`."""
    began_s = time.monotonic()
    await _calm(system)
    promises = [await _converges(system, began_s)]
    if not alone:
        return promises
    promises.append(await _rescued(system, NAMED[0]))
    await _converged(system, CONVERGED_S)
    for name in ENACTORS:
        promises.append(await _takes_its_turn(system, name))
        await _converged(system, CONVERGED_S)
    return promises


async def _calm(system: System) -> None:
    """Whatever an operator would put right: all regions serve, nothing frozen, nothing evacuated."""
    system.regions.hold = True
    await system.regions.recover()
    system.edition = Edition()
    system.write_topology()
    people = PeopleHands(system)
    commands = [
        ("thaw", scope) if kind == OverrideKind.FREEZE else ("restore", scope, "--no-wait")
        for kind, scope in system.archivist.overrides()
    ]
    await asyncio.gather(*(people.outlast(*one) for one in commands))


async def _converges(system: System, began_s: float) -> Promise:
    """The clock runs from the end of the faults; the operators' commands take their part of it."""
    missing = await _converged(system, CONVERGED_S)
    return Promise(
        rule="L1",
        subject="all endpoints",
        took_s=time.monotonic() - began_s,
        bound_s=CONVERGED_S,
        kept=not missing,
        detail=missing,
    )


async def _converged(system: System, bound_s: float) -> str:
    """Wait until all stands as wanted; return what is missing in the end, nothing if all is well."""
    return await _until(lambda: asyncio.to_thread(_missing, system), bound_s)


async def _until(missing: Callable[[], Awaitable[str]], bound_s: float) -> str:
    until_s = time.monotonic() + bound_s
    while found := await missing():
        if time.monotonic() > until_s:
            return found
        await asyncio.sleep(LOOK_S)
    return ""


def _missing(system: System) -> str:
    heads = system.archivist.heads()
    for server, named in itertools.product(system.world.servers, NAMED):
        found = standing(server, named)
        fence, newest = found.fence, heads.get(named.endpoint)
        if fence is None or not found.whole:
            return f"{named.endpoint} is not whole"
        if newest != (fence.generation, fence.digest):
            return f"{named.endpoint}: {fence} stands, {newest} is the newest plan"
        regions = ("eu",) if named.endpoint == "api" else REGIONS
        wanted = {system.world.address(one) for one in regions}
        for name in named.names:
            if found.addresses(name) != wanted:
                return f"{name} has {sorted(found.addresses(name))}, not {sorted(wanted)}"
    return ""


async def _takes_its_turn(system: System, name: str) -> Promise:
    """Stop the two others, let a region die, and see this one publish the change."""
    others = [one for one in ENACTORS if one != name]
    region = "us"
    await _stop_between_commits(system, others)
    began_s = time.monotonic()
    try:
        await system.regions.fail(region)
        dead = system.world.address(region)

        def unfinished() -> str:
            for server in system.world.servers:
                found = standing(server, NAMED[0])
                if found.fence is None or dead in found.addresses(NAMED[0].names[0]):
                    return f"{dead} is still published"
                if found.fence.writer != name:
                    return f"{found.fence.writer} wrote it"
            return ""

        missing = await _until(lambda: asyncio.to_thread(unfinished), ALONE_S)
    finally:
        for one in others:
            system.roles[one].resume()
        await system.regions.recover()
    return Promise(
        rule="L3",
        subject=name,
        took_s=time.monotonic() - began_s,
        bound_s=ALONE_S,
        kept=not missing,
        detail=missing,
    )


async def _rescued(system: System, named: Named) -> Promise:
    """Break-glass must not need anything that runs: so nothing does, and the name is wiped."""
    began_s = time.monotonic()
    roles = [system.roles[one] for one in ("planner", *ENACTORS)]
    for role in roles:
        role.pause()
    try:
        for foreign in system.foreigns:
            await asyncio.to_thread(foreign.do, "wipe-name", named, why=BREAK_GLASS)
        code, last = await PeopleHands(system).outlast("rescue", named.endpoint, "--yes")
        found = [await asyncio.to_thread(standing, one, named) for one in system.world.servers]
        whole = all(one.whole for one in found)
    finally:
        for role in roles:
            role.resume()
    return Promise(
        rule="L2",
        subject=f"rescue of {named.endpoint}",
        took_s=time.monotonic() - began_s,
        bound_s=COMMAND_S,
        kept=whole and code == 0,
        detail=f"exit code {code}: {last}",
    )


async def _stop_between_commits(system: System, names: list[str]) -> None:
    """Stop processes, but not with the store's write lock in hand, which would stop everybody.

    That is a limit of a store in one SQLite file, of progress and not of safety, and is documented.
    """
    for name in names:
        role = system.roles[name]
        for _ in range(LOCK_TRIES):
            role.pause()
            if await asyncio.to_thread(_lock_is_free, system):
                break
            role.resume()
            await asyncio.sleep(LOOK_S)


def _lock_is_free(system: System) -> bool:
    if isinstance(system.archivist, EtcdArchivist):  # nobody locks anybody out there
        return True
    path = system.archivist.store
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0.5)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True
