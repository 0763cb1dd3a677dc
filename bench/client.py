"""Graceful degradation against its peers: what a guard costs, and what an outage costs with and without it.

    python -m bench.client [--quick] [--rounds N]

Peers are used as their documents show, with the same limits where they have them; a peer that is not
installed is left out and named. All cases of a table take turns in one process.
"""

import asyncio
import importlib.metadata
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

from bench.client_peers import async_peers, sync_peers
from bench.harness import Case, compare, figure, machine, markdown, options

from outlast.client import Application, NamePolicy, Resolver, Value
from outlast.client.answers import Miss
from outlast.client.lookup import error_of

Call = Callable[[], Any]

PEERS = (
    "tenacity", "stamina", "hyx", "pybreaker", "purgatory", "circuitbreaker", "nopanic", "pyresilience",
    "cashews",
)  # fmt: skip


def main() -> None:
    """Print all tables."""
    warnings.simplefilter("ignore")
    given = options("graceful degradation")
    calls = 500 if given.quick else 5000
    print(f"{machine()}\n")
    print("peers:", ", ".join(f"{one} {_version(one)}" for one in PEERS), "\n")
    for title, make in TABLES.items():
        print(f"### {title}\n")
        print(markdown(compare(make(calls), given.rounds)), "\n")
    print("### Name look-ups and outages\n")
    for line in outages(20 if given.quick else 200):
        print(line)
    print(memory(100 if given.quick else 1000))
    print(import_time(3 if given.quick else 21))


def sync_cases(calls: int) -> list[Case]:
    """A plain no-op function."""

    def bare(number: int) -> int:
        return number

    ours = _declared().guard(bare)
    found: dict[str, Callable[[int], Any]] = {"bare call": bare, "outlast guard": ours}
    found.update(sync_peers(bare))
    return [_sync(name, call, calls) for name, call in found.items()]


def async_cases(calls: int) -> list[Case]:
    """A no-op coroutine, without a deadline."""
    found: dict[str, Callable[[int], Awaitable[Any]]] = {
        "bare await": _bare,
        "outlast guard": _declared().guard(_bare),
    }
    found.update(async_peers(_bare, timeout=False))
    return [_async(name, call, calls, beside="bare await") for name, call in found.items()]


def timed_cases(calls: int) -> list[Case]:
    """A no-op coroutine, with a deadline of a second."""

    async def block(number: int) -> int:
        async with asyncio.timeout(1):
            return await _bare(number)

    found: dict[str, Callable[[int], Awaitable[Any]]] = {
        "one asyncio.timeout block": block,
        "outlast guard with deadline": _declared(timeout_s=1.0).guard(_bare),
    }
    found.update(async_peers(_bare, timeout=True))
    return [
        _async(name, call, calls, beside="one asyncio.timeout block")
        for name, call in found.items()
    ]


def open_cases(calls: int) -> list[Case]:
    """An open circuit that answers with a constant."""

    async def raising(number: int) -> int:
        try:
            raise ValueError(number)  # noqa: TRY301 - this is what is measured
        except ValueError:
            return number

    held = _declared()
    held.hold_open()
    found: dict[str, Callable[[int], Awaitable[Any]]] = {
        "bare raise and catch": raising,
        "outlast open to a value": held.guard(_bare),
    }
    return [
        _async(name, call, calls, beside="bare raise and catch") for name, call in found.items()
    ]


def name_cases(calls: int) -> list[Case]:
    """A remembered address against the event loop's own way for a numeric one."""
    names = Resolver(lookup=lambda _, __: ["192.0.2.1"], families=(int(socket.AF_INET),))
    names.warm("db.example")

    async def system(_: int) -> Any:
        return await asyncio.get_running_loop().getaddrinfo("192.0.2.1", 80)

    async def ours(_: int) -> Any:
        return await names.lookup_async("db.example")

    beside = "loop.getaddrinfo, numeric"
    return [
        _async(beside, system, calls // 5, beside=beside),
        _async("outlast remembered", ours, calls // 5, beside=beside),
    ]


TABLES: dict[str, Callable[[int], list[Case]]] = {
    "Guard, plain function": sync_cases,
    "Guard, coroutine, no deadline": async_cases,
    "Guard, coroutine, deadline of 1 s": timed_cases,
    "Open circuit": open_cases,
    "Remembered address": name_cases,
}


def outages(calls: int) -> list[str]:
    """Isolation, time to a degraded answer, healing, amplification."""
    lines = ["| what | measured | goal |", "|---|---:|---:|"]
    bare_s = asyncio.run(_isolation(None))
    ours_s = asyncio.run(_isolation(_hanging()))
    lines.append(
        f"| healthy name behind 200 callers of a hung one, asyncio alone (ms) | {bare_s * 1e3:,.0f} | |"
    )
    lines.append(f"| the same, outlast (ms) | {figure(ours_s * 1e3)} | 10 |")
    normal_s, wiped_s, healed = _wiped(calls)
    lines.append(
        f"| warm name: wiped look-up beside a live one | {figure(wiped_s / normal_s)} | 1.1 |"
    )
    lines.append(f"| healed: look-ups until the new address | {healed} | 1 |")
    lines.append(
        f"| silent DNS, nothing known: beyond the declared 300 ms (ms) | {figure(_silent_ms())} | 50 |"
    )
    lines.append(f"| attempts for each call in a full outage | {figure(_amplified(1000))} | 1.1 |")
    return lines


async def _isolation(names: Resolver | None) -> float:
    """Return how long a healthy look-up takes while 200 callers wait for a hung name."""
    over = threading.Event()
    before = socket.getaddrinfo

    def hanging(host: Any, *rest: Any, **options: Any) -> Any:
        if host == "hung.example":
            over.wait(0.2)
        return before("127.0.0.1", *rest, **options)

    loop = asyncio.get_running_loop()
    socket.getaddrinfo = hanging
    try:
        hung: list[asyncio.Future[Any]] = []
        for _ in range(200):
            if names is None:
                hung.append(asyncio.ensure_future(loop.getaddrinfo("hung.example", 80)))
            else:
                hung.append(asyncio.ensure_future(names.lookup_async("hung.example")))
        await asyncio.sleep(0.05)
        began_s = time.perf_counter()
        if names is None:
            await loop.getaddrinfo("healthy.example", 80)
        else:
            await names.lookup_async("healthy.example")
        took_s = time.perf_counter() - began_s
        over.set()
        await asyncio.gather(*hung, return_exceptions=True)
    finally:
        socket.getaddrinfo = before
    return took_s


def _hanging() -> Resolver:
    return Resolver(families=(int(socket.AF_INET),), timeout_s=3.0)


class _Dns:
    """A DNS that takes two milliseconds and answers what it is told to."""

    def __init__(self) -> None:
        self.answer: list[str] | Miss = ["192.0.2.1"]

    def __call__(self, name: str, _: int) -> list[str]:
        time.sleep(0.002)
        if isinstance(self.answer, Miss):
            raise error_of(name, self.answer)
        return self.answer


def _wiped(calls: int) -> tuple[float, float, int]:
    dns = _Dns()
    names = Resolver(lookup=dns, families=(int(socket.AF_INET),), policy=NamePolicy())

    def took() -> float:
        names.expire()
        began_s = time.perf_counter()
        names.lookup("db.example")
        return time.perf_counter() - began_s

    live, wiped = [], []
    for _ in range(calls):
        dns.answer = ["192.0.2.1"]
        live.append(took())
        dns.answer = Miss.EMPTY
        wiped.append(took())
    dns.answer = ["192.0.2.99"]
    names.expire()
    looked = 1
    while names.lookup("db.example") != ("192.0.2.99",):
        looked += 1
        names.expire()
    return statistics.median(live), statistics.median(wiped), looked


def _silent_ms() -> float:
    over = threading.Event()

    def silent(_: str, __: int) -> list[str]:
        over.wait(5)
        return []

    names = Resolver(lookup=silent, families=(int(socket.AF_INET),), timeout_s=0.3)
    began_s = time.perf_counter()
    try:
        names.lookup("db.example")
    except socket.gaierror:
        return (time.perf_counter() - began_s - 0.3) * 1e3
    finally:
        over.set()
    raise AssertionError("a silent name answered")


def _amplified(calls: int) -> float:
    reached = 0
    db = Application("bench").dependency(
        "db", essential=False, fallbacks=(Value(0),), retry_budget=0.1, calls_min=1_000_000
    )

    @db.guard
    def ask() -> int:
        nonlocal reached
        reached += 1
        raise OSError

    for _ in range(calls):
        ask()
    return reached / calls


def memory(count: int) -> str:
    """Return what a dependency with one guarded function and a remembered name take."""
    tracemalloc.start()
    application = Application("bench")
    before = tracemalloc.get_traced_memory()[0]
    kept = [
        application.dependency(
            f"db-{number}", essential=False, fallbacks=(Value(0),), timeout_s=1.0
        )
        for number in range(count)
    ]
    guards = [one.guard(_bare) for one in kept]
    dependencies = tracemalloc.get_traced_memory()[0] - before
    names = Resolver(
        lookup=lambda name, _: [f"192.0.2.{len(name)}"], families=(int(socket.AF_INET),)
    )
    before = tracemalloc.get_traced_memory()[0]
    for number in range(count):
        names.lookup(f"db-{number}.example")
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    each = f"{dependencies / len(guards):,.0f} and {taken / count:,.0f}"
    return f"| bytes for a dependency with one guard, and for a name | {each} | stated |"


def import_time(rounds: int) -> str:
    """Return how much longer Python takes with the library imported, in alternation, from bytecode."""
    taken: dict[str, list[float]] = {"pass": [], "import outlast.client": []}
    with tempfile.TemporaryDirectory() as cache:
        # A machine that writes no bytecode would compile the library anew each time.
        env = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        for turn in range(rounds + 1):
            for code, figures in taken.items():
                began_s = _children_s()
                subprocess.run([sys.executable, "-c", code], check=True, env=env)
                if turn:
                    figures.append(_children_s() - began_s)
    bare, ours = (statistics.median(one) * 1e3 for one in taken.values())
    least = (min(taken["import outlast.client"]) - min(taken["pass"])) * 1e3
    title = f"import above bare Python (ms of processor), median; least of {rounds}"
    return f"| {title} | {ours - bare:.1f}; {least:.1f} | 20 |"


def _children_s() -> float:
    """Return the processor time of ended children: neighbours lengthen it less than the wall's."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _bare(number: int) -> int:
    return number


def _declared(**limits: Any) -> Any:
    return Application("bench").dependency(
        "db", essential=False, fallbacks=(Value(0),), retry_budget=0.1, **limits
    )


def _sync(name: str, call: Callable[[int], Any], calls: int) -> Case:
    def run() -> float:
        began_s = time.perf_counter()
        for number in range(calls):
            call(number)
        return (time.perf_counter() - began_s) / calls * 1e9

    return Case(name, run=run, unit="ns", beside="bare call", more_is_better=False)


def _async(name: str, call: Callable[[int], Awaitable[Any]], calls: int, *, beside: str) -> Case:
    async def many() -> float:
        began_s = time.perf_counter()
        for number in range(calls):
            await call(number)
        return (time.perf_counter() - began_s) / calls * 1e9

    return Case(
        name, run=lambda: asyncio.run(many()), unit="ns", beside=beside, more_is_better=False
    )


def _version(name: str) -> str:
    return importlib.metadata.version(name)


if __name__ == "__main__":
    main()
