"""An event loop whose time is virtual: it jumps to the next timer instead of waiting for it."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

BEGIN_S = 1_000.25


class _Instant(selectors.SelectSelector):
    """Never waits; tells the loop for how long it would have."""

    def __init__(self) -> None:
        super().__init__()
        self.slept_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everything waits, and no timer is set"
        self.slept_s += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code that uses timers and futures, and no sockets."""

    def __init__(self) -> None:
        self._instant = _Instant()
        super().__init__(self._instant)

    def time(self) -> float:
        return BEGIN_S + self._instant.slept_s

    def jump(self, by_s: float) -> None:
        """Let time pass with nothing done, as when a process is stopped."""
        self._instant.slept_s += by_s


def run_virtual(main: Coroutine[Any, Any, _T]) -> _T:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
