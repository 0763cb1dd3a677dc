"""The block form of a guard: `with orders.block() as call:` and `async with`.

Python cannot skip the body of a `with`, so a block has limits but no fallbacks: it raises `Refused` at its
door, or what went wrong inside. Fallbacks belong to functions.
"""

import asyncio
from contextvars import Token
from time import monotonic
from types import TracebackType
from typing import Self

from outlast.client.deadline import DEADLINE, clamp_s
from outlast.client.errors import Overdue, Refused
from outlast.client.facts import Failed
from outlast.client.gate import Gate
from outlast.client.job import Terms, is_failure


class Block:
    """One use of a dependency. Enter it once.

    Attributes:
        limit_s: how long the body may take; in a plain `with` it is a deadline for what is called inside.
    """

    def __init__(self, gate: Gate, terms: Terms) -> None:
        self._gate = gate
        self._terms = terms
        self._began_s = 0.0
        self._token: Token[float | None] | None = None
        self._timer: asyncio.Timeout | None = None
        self.limit_s: float | None = None

    @property
    def left_s(self) -> float | None:
        """Seconds left; None: no limit."""
        return clamp_s(None)

    def __enter__(self) -> Self:
        at_s = monotonic()
        self.limit_s = clamp_s(self._terms.timeout_s)
        if self._gate.off:
            raise self._refusal("switched-off")
        if self.limit_s is not None and self.limit_s <= 0:
            raise self._refusal("overdue")
        if not self._gate.admit(0, at_s):
            raise self._refusal("open")
        try:
            self._gate.bulkhead.permits.pop()
        except IndexError:
            self._gate.abandoned(0)
            raise self._refusal("full") from None
        self._began_s = at_s
        self._token = DEADLINE.set(None if self.limit_s is None else at_s + self.limit_s)
        return self

    def __exit__(
        self,
        _: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._gate.bulkhead.permits.append(None)
        if isinstance(error, GeneratorExit):
            self._gate.abandoned(0)
            return
        assert self._token is not None
        DEADLINE.reset(self._token)
        at_s = monotonic()
        if error is None:
            slow_s = min(self._terms.slow_s, self.limit_s or float("inf"))
            self._gate.settle(0, at_s - self._began_s, slow_s, at_s)
        elif not isinstance(error, Exception):
            self._gate.abandoned(0)
        elif is_failure(error, self._terms.ignore):
            self._gate.failed(0, at_s)
            why = error.why if isinstance(error, Overdue) else type(error).__name__
            self._gate.degraded(Failed(self._gate.name, why), at_s)
        else:
            self._gate.succeeded(0, at_s)

    async def __aenter__(self) -> Self:
        self.__enter__()
        if self.limit_s is not None:
            self._timer = asyncio.timeout(self.limit_s)
            await self._timer.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            try:
                await self._timer.__aexit__(kind, error, trace)
            except TimeoutError:
                late = Overdue(self._gate.name, self.limit_s or 0.0)
                self.__exit__(type(late), late, None)
                raise late from error
        self.__exit__(kind, error, trace)

    def _refusal(self, why: str) -> Refused:
        self._gate.degraded(Failed(self._gate.name, why), monotonic())
        return Refused(self._gate.name, why)
