"""Compiled: loops over series and reports as machine code, made when they are first called.

numpy walks over memory once for each operation, and a minute of 214,000 series takes sixty of them; one
loop that does all sixty to a series while it lies in the cache takes a tenth of the time. numba compiles such
a loop from the Python that stands there, keeps the result on disk, and lets other threads run meanwhile.

It is imported with the first call, not with the module: half a second that most commands need not spend.
No fast-math: the same counts give the same alarms on every run.
"""

from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


class _Compiled:
    """A function that is compiled when it is first called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.plain = function
        self._made: Callable[..., Any] | None = None
        update_wrapper(self, function)

    @property
    def made(self) -> Callable[..., Any]:
        """The compiled one."""
        if self._made is None:
            self._made = _made(_linked(self.plain))
        return self._made

    def __call__(self, *args: Any) -> Any:
        return self.made(*args)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Let a loop over arrays be compiled; what it calls is numpy's, the language's or such a loop."""
    return cast("Callable[P, R]", _Compiled(function))


def _linked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls the compiled ones where it calls loops that are to be compiled."""
    plain = cast("FunctionType", function)
    known = plain.__globals__
    called = {name: known[name] for name in plain.__code__.co_names if name in known}
    made = {name: one.made for name, one in called.items() if isinstance(one, _Compiled)}
    return FunctionType(plain.__code__, {**known, **made}, plain.__name__) if made else plain


def _made(function: Callable[..., Any]) -> Callable[..., Any]:
    import numba  # noqa: PLC0415 - see above

    # numpy's error model: no branch before each division, which would forbid to do eight at once.
    try:
        made = numba.njit(function, cache=True, nogil=True, error_model="numpy")
    except RuntimeError:  # no folder that may be written to: compiled anew in each process
        made = numba.njit(function, nogil=True, error_model="numpy")
    return cast("Callable[..., Any]", made)
