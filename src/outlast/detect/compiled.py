"""Compiled: loops over series and reports as machine code, made when they are first called.

numpy walks over memory once for each operation, and a minute of 214,000 series takes sixty of them; one
loop that does all sixty to a series while it lies in the cache takes a tenth of the time. numba compiles such
a loop from the Python that stands there, keeps the result on disk, and lets other threads run meanwhile.

It is imported with the first call, not with the module: half a second that most commands need not spend.
No fast-math: the same counts give the same alarms on every run.
"""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


class _Compiled:
    """A function that is compiled when it is first called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.plain = function
        self._made: Callable[..., Any] | None = None
        update_wrapper(self, function)

    def __call__(self, *args: Any) -> Any:
        if self._made is None:
            self._made = _made(self.plain)
        return self._made(*args)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Let a loop over arrays be compiled; what it calls must be numpy's or the language's."""
    return cast("Callable[P, R]", _Compiled(function))


def _made(function: Callable[..., Any]) -> Callable[..., Any]:
    import numba  # noqa: PLC0415 - see above

    # numpy's error model: no branch before each division, which would forbid to do eight at once.
    try:
        made = numba.njit(function, cache=True, nogil=True, error_model="numpy")
    except RuntimeError:  # no folder that may be written to: compiled anew in each process
        made = numba.njit(function, nogil=True, error_model="numpy")
    return cast("Callable[..., Any]", made)
