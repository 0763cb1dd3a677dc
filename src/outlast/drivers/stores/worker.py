"""One thread that carries requests out in groups, and hands the answers back to the event loop.

While it is busy with one group (a disk's fsync, say), requests pile up, and the next group is all of
them: batching for free, with no timer that would delay a lone request.
"""

import asyncio
import contextlib
import copy
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from outlast.drivers.stores.limits import PENDING_MAX
from outlast.drivers.stores.revisions import closed
from outlast.model.errors import StoreError

GROUP_MAX = 1_000
"""Requests in one group: what one transaction may keep other processes waiting for, some 30 ms."""

Request = TypeVar("Request")
Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class _Job(Generic[Request, Answer]):
    request: Request
    future: asyncio.Future[Answer]
    abandoned: bool = False


class Worker(Generic[Request, Answer]):
    """A thread with a queue.

    Args:
        name: of the thread.
        carry_out: called in the thread with a group of requests; returns an answer or an exception
            for each; what it raises goes to the whole group.
    """

    def __init__(
        self, name: str, carry_out: Callable[[Sequence[Request]], Sequence[Answer | Exception]]
    ) -> None:
        self._carry_out = carry_out
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Job[Request, Answer] | None] = queue.SimpleQueue()
        self._closed = False
        # A daemon, so that a store nobody closed cannot keep a dying process alive: what was
        # acknowledged is on the disk, and what was not may be lost.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def ask(self, request: Request) -> Answer:
        """Have a request carried out. Cancelled before its turn, it is not carried out at all.

        Raises:
            StoreError: closed, or too many wait already.
        """
        if self._closed:
            raise closed()
        if self._queue.qsize() >= PENDING_MAX:
            raise StoreError(
                f"{PENDING_MAX:,} requests wait for the store",
                remedy="its disk has stalled or another process holds it: look at both",
            )
        job: _Job[Request, Answer] = _Job(request, self._loop.create_future())
        self._queue.put(job)
        try:
            return await job.future
        except asyncio.CancelledError:
            job.abandoned = True
            raise

    async def close(self) -> None:
        """Carry out what waits, then end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        last = False
        while not last:
            group, last = self._next_group()
            if not group:
                continue
            try:
                answers = self._carry_out([job.request for job in group])
            except Exception as error:  # noqa: BLE001 - it is the askers' to handle, not the thread's
                answers = [copy.copy(error) for _ in group]
            done = list(zip(group, answers, strict=True))
            # The loop may be closed by now; then nobody is left who could be told.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_deliver, done)

    def _next_group(self) -> tuple[list[_Job[Request, Answer]], bool]:
        """Wait for a request and take all that are there; tell whether it is the last group."""
        group: list[_Job[Request, Answer]] = []
        job = self._queue.get()
        while job is not None:
            if not job.abandoned:
                group.append(job)
            if len(group) >= GROUP_MAX:
                return group, False
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True


def _deliver(done: list[tuple[_Job[Request, Answer], Answer | Exception]]) -> None:
    for job, answer in done:
        if job.future.done():
            continue
        if isinstance(answer, Exception):
            job.future.set_exception(answer)
        else:
            job.future.set_result(answer)
