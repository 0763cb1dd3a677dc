"""Once: what takes a while and does not change, worked out once, in a thread of its own.

Whoever asks meanwhile waits for the same answer. A failure is kept as well: asking again would fail again
until what it was made from changes, and then the key does. The thread is a daemon: a process that is told to
stop does not wait for a forecast.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

KEPT_MAX = 32


class Once(Generic[T]):
    """Answers by key, the oldest forgotten first."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, asyncio.Future[T]] = {}

    def start(self, key: Hashable, make: Callable[[], T]) -> asyncio.Future[T]:
        """Return the answer under a key, begun now if nobody asked before.

        Args:
            make: works it out; runs in a thread.
        """
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= KEPT_MAX:
                self._answers.pop(next(iter(self._answers)))
            answer = self._answers[key] = _in_thread(make)
        return answer

    async def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the answer under a key; raises what making it raised."""
        return await asyncio.shield(self.start(key, make))


def _in_thread(make: Callable[[], T]) -> asyncio.Future[T]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def tell(put: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(put)

    def work() -> None:
        try:
            found = make()
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            failure = error
            tell(lambda: answer.set_exception(failure))
        else:
            tell(lambda: answer.set_result(found))

    threading.Thread(target=work, daemon=True).start()
    return answer
