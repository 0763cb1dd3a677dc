"""Broken programs that run beside the system, to see the checker go red on a real server.

A checker that has never found anything proves nothing. Each of these breaks one rule in the way that it is
really broken: an enactor that stalls between choosing and an unconditional write; a clean-up by age that
deletes the plan which that one put back (together the night of October 2025); a writer that moves the fence
without the data; one that publishes what nobody allowed; a tidy person in other people's records; a
clean-up that forgets live plans.

    python -m chaos.broken --file world.yaml --state FOLDER unfenced cleaner ...      until it is killed

With `--provider` they write at that one of several: the second write without its fence.
"""

import argparse
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dns.name

from chaos.foreign import ForeignHand
from chaos.world import NEIGHBOURS, ZONE
from outlast.app.options import open_world
from outlast.drivers import entries
from outlast.model.fence import Fence, fence_name, parse_fence
from outlast.model.plan import Plan
from outlast.model.records import digest_of
from outlast.model.units import Generation
from outlast.ports import Entry

STALL_S = 1.0
"""Between choosing and writing: longer than plans live here."""

TOO_OLD = 1
"""The clean-up's age in generations."""

PAUSE_S = 0.05
WRITER = "broken"


@dataclass(slots=True)
class Bench:
    """What a broken program works with."""

    hand: ForeignHand
    store: Path

    def head(self, endpoint: str) -> Plan | None:
        """The newest plan of an endpoint."""
        key = f"endpoint/{endpoint}/head"
        try:
            with sqlite3.connect(self.store) as connection:
                found = connection.execute(
                    "SELECT value, revision FROM entry WHERE key = ?", (key,)
                ).fetchone()
        except sqlite3.Error:
            return None
        if found is None:
            return None
        return entries.decode(entries.HEAD, Entry(key, found[0], found[1])).plan

    def live(self, plan: Plan) -> Fence | None:
        """The fence that stands."""
        return parse_fence(self.hand.values_at(plan.layout.fence_at))

    def write(self, plan: Plan, fence: Fence, *, data: bool = True) -> None:
        """Write without any condition."""
        update = self.hand.update()
        for one in plan.record_sets if data else ():
            update.replace(_dns(one.name), one.ttl_s, str(one.rtype), *one.values)
        update.replace(_dns(plan.layout.fence_at), 0, "TXT", f'"{fence}"')
        self.hand.send(update)


def _dns(name: str) -> dns.name.Name:
    return dns.name.from_text(f"{name}.")


def _fence(generation: int, digest: str) -> Fence:
    return Fence(Generation(generation), digest, secrets.token_hex(8), WRITER)


def unfenced(bench: Bench) -> None:
    """Breaks S2: chooses, stalls, and writes without looking again."""
    plan = bench.head("shop")
    time.sleep(STALL_S)
    if plan is not None:
        bench.write(plan, _fence(plan.generation, plan.digest))


def cleaner(bench: Bench) -> None:
    """Breaks S1: puts an old plan back like the one above, then deletes it, since it is too old."""
    plan = bench.head("books")
    time.sleep(STALL_S)
    newest = bench.head("books")
    if plan is None or newest is None:
        return
    bench.write(plan, _fence(plan.generation, plan.digest))
    live = bench.live(plan)
    if live is not None and live.generation <= newest.generation - TOO_OLD:
        update = bench.hand.update()
        for name in plan.layout.names:
            update.delete(_dns(name))
        bench.hand.send(update)


def half(bench: Bench) -> None:
    """Breaks S3: moves the fence and forgets the data."""
    time.sleep(STALL_S)
    plan = bench.head("api")
    if plan is not None:
        bench.write(plan, _fence(plan.generation, digest_of(())), data=False)


def unguarded(bench: Bench) -> None:
    """Breaks S5: publishes content of its own, properly fenced and numbered, that nobody judged."""
    time.sleep(STALL_S)
    plan = bench.head("books")
    if plan is None:
        return
    update = bench.hand.update()
    name = plan.layout.names[0]
    sets = tuple(one for one in plan.record_sets if one.name == name)[:1]
    for one in sets:
        update.replace(_dns(one.name), one.ttl_s, str(one.rtype), *one.values)
    fence = _fence(plan.generation + 1, digest_of(sets))
    update.replace(_dns(fence_name(name)), 0, "TXT", f'"{fence}"')
    bench.hand.send(update)


def gardener(bench: Bench) -> None:
    """Breaks S6: tidies up beside the endpoints."""
    time.sleep(STALL_S)
    update = bench.hand.update()
    update.delete(_dns(f"{NEIGHBOURS[0][0]}.{ZONE}"))
    bench.hand.send(update)


def forgetful(bench: Bench) -> None:
    """Breaks S4: retires by age, and the live plan with the others."""
    try:
        with sqlite3.connect(bench.store, timeout=1) as connection:
            connection.execute("DELETE FROM entry WHERE key LIKE 'plan/%'")
    except sqlite3.Error:
        return


PROGRAMS: dict[str, Callable[[Bench], None]] = {
    one.__name__: one for one in (unfenced, cleaner, half, unguarded, gardener, forgetful)
}


def main() -> None:
    """Do damage until killed."""
    parser = argparse.ArgumentParser(prog="python -m chaos.broken")
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--provider", help="whom to write to [the first]")
    parser.add_argument("programs", nargs="+", choices=sorted(PROGRAMS))
    asked = parser.parse_args()
    world = open_world(asked.file, asked.state)
    known = {str(one.name): one for one in world.topology.providers}
    provider = known[asked.provider or next(iter(known))]
    key = world.key(provider)
    if key is None:
        raise SystemExit("the provider has no key")
    hand = ForeignHand(provider.server, key.name, key.secret)
    bench = Bench(hand, world.state.store)
    for name in asked.programs:
        threading.Thread(target=_for_ever, args=(PROGRAMS[name], bench)).start()


def _for_ever(program: Callable[[Bench], None], bench: Bench) -> None:
    while True:
        program(bench)
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
