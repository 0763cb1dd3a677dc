"""A second copy of a slow call, sent once the first has taken longer than most.

Only for calls that may be sent twice, out of the same budget as retries: in an outage every call is slow,
and hedging without a budget doubles the load at the worst moment. The first good answer wins, the other
copy is cancelled and awaited, so that nothing runs on behind the caller's back.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from outlast.client.facts import Hedged
from outlast.client.job import Job

HEDGE_MIN_S = 0.002
"""Nothing is hedged sooner: below it the second copy costs more than it can save."""


def hedged(job: Job, share: float) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return the function of a job, hedged after the `share` quantile of its good calls."""
    gate = job.gate
    after_s = gate.latencies.quantile(share) if gate.latencies is not None else None
    if after_s is None:
        return job.function

    async def call(*args: Any, **kwargs: Any) -> Any:
        first = asyncio.ensure_future(job.function(*args, **kwargs))
        copies = [first]
        try:
            if await _ended(copies, max(after_s, HEDGE_MIN_S)) or not gate.may_retry():
                return await first
            gate.tell(Hedged(gate.name))
            copies.append(asyncio.ensure_future(job.function(*args, **kwargs)))
            await _ended(copies, None)
            return await _winner(copies)
        finally:
            await _leave(copies)

    return call


async def _ended(copies: list[asyncio.Future[Any]], limit_s: float | None) -> bool:
    """Wait until one of them went well or all of them ended; False: the limit came first."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def look(_: object = None) -> None:
        well = any(one.done() and not one.cancelled() and not one.exception() for one in copies)
        if not done.done() and (well or all(one.done() for one in copies)):
            done.set_result(True)

    timer = None if limit_s is None else loop.call_later(limit_s, _set, done)
    for one in copies:
        one.add_done_callback(look)
    try:
        return bool(await done)
    finally:
        if timer is not None:
            timer.cancel()
        for one in copies:
            one.remove_done_callback(look)


def _set(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_result(False)


async def _winner(copies: list[asyncio.Future[Any]]) -> Any:
    for one in copies:
        if one.done() and not one.cancelled() and one.exception() is None:
            return one.result()
    return await copies[0]


async def _leave(copies: list[asyncio.Future[Any]]) -> None:
    for one in copies:
        one.cancel()
    await asyncio.gather(*copies, return_exceptions=True)
