"""Waiting for conditions, with a deadline, instead of sleeping for a while and hoping."""

import asyncio
from collections.abc import Callable

DEADLINE_S = 10.0


async def eventually(condition: Callable[[], bool], *, deadline_s: float = DEADLINE_S) -> None:
    """Return as soon as the condition holds; fail if it does not within the deadline."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - a condition of another process has no event
            await asyncio.sleep(0.001)
