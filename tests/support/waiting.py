"""Waiting for conditions, with a deadline, instead of sleeping for a while and hoping."""

import asyncio
import time
from collections.abc import Awaitable, Callable

DEADLINE_S = 10.0


async def eventually(condition: Callable[[], bool], *, deadline_s: float = DEADLINE_S) -> None:
    """Return as soon as the condition holds; fail if it does not within the deadline."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - a condition of another process has no event
            await asyncio.sleep(0.001)


async def answered(
    condition: Callable[[], Awaitable[bool]], what: str, *, deadline_s: float = 240.0
) -> None:
    """Return as soon as somebody who is asked says so; fail with what was waited for."""
    deadline = time.monotonic() + deadline_s
    while not await condition():
        assert time.monotonic() < deadline, f"waited {deadline_s:g} s in vain: {what}"
        await asyncio.sleep(0.03)
