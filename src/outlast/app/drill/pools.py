"""Pools: many cases on all cores of this machine, or on a Dask cluster by its address.

The same function measures each case in either, and answers come back in the order of the cases, so that
where it ran cannot be seen in the result.
"""

import multiprocessing
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from outlast.app.drill.running import bar, run_case
from outlast.drill.questions import Harm, harm_of
from outlast.drill.vary import Case
from outlast.model.errors import ConfigError

AHEAD = 4
"""Cases handed out ahead, for each worker: enough to keep it busy, few enough to be cheap to hold."""

KNOCK_S = 10.0
"""How long a scheduler may take to accept a connection."""

Job = Callable[[Case], Harm]


def measure(case: Case) -> Harm:
    """Run a case and measure its harm; at the top of a module, so that other processes find it."""
    return harm_of(run_case(case), case.topology)


def measured_all(cases: Sequence[Case], *, text: str, jobs: int = 0, dask: str = "") -> list[Harm]:
    """Measure cases, with a progress bar.

    Args:
        jobs: processes; 0: as many as cores; 1: in this process.
        dask: address of a scheduler such as `tcp://10.0.0.1:8786`; empty: on this machine.

    Raises:
        ConfigError: the cluster cannot be used.
    """
    progress, task = bar(len(cases), text)
    found: list[Harm] = []
    with progress:
        for one in _on_cluster(cases, dask) if dask else _here(cases, jobs or _cores()):
            found.append(one)
            progress.advance(task)
    return found


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _here(cases: Sequence[Case], jobs: int) -> Iterator[Harm]:
    if jobs == 1 or len(cases) == 1:
        yield from map(measure, cases)
        return
    # `spawn`: numerical libraries keep threads, which a forked child would find frozen.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        rest = iter(cases)
        waiting = [pool.submit(measure, one) for one in islice(rest, jobs * AHEAD)]
        while waiting:
            yield waiting.pop(0).result()
            waiting += [pool.submit(measure, one) for one in islice(rest, 1)]


def _knock(address: str) -> None:
    """Connect to a scheduler and leave again.

    Raises:
        ConfigError: it is no address.
        OSError: nobody answers there.
    """
    try:
        parts = urlsplit(address)
        at = parts.hostname, parts.port
    except ValueError:  # a port beyond 65535, half an IPv6 address
        at = None, None
    host, port = at
    if not host or not port:
        raise ConfigError(f"{address!r} is no scheduler's address", remedy="write tcp://HOST:8786")
    socket.create_connection((host, port), KNOCK_S).close()


def _on_cluster(cases: Sequence[Case], address: str) -> Iterator[Harm]:
    try:
        distributed: Any = import_module("distributed")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "a Dask cluster needs the library distributed, which is not installed",
            remedy="pip install 'outlast[dask]' here and on each worker",
        ) from error
    try:
        _knock(address)  # a client that fails leaves its thread and its event loop behind
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise ConfigError(
            f"no Dask scheduler answers at {address}: {error}",
            remedy="start one: dask scheduler; and workers: dask worker ADDRESS",
        ) from error
    with client:
        for future in client.map(measure, cases, pure=False):
            yield future.result()
