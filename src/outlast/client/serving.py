"""The functions that an application serves: how each call of them was served, as seen from outside.

Down means: it raised, and a dependency had failed under it. An exception without that is the application's
own answer ("out of stock") and counts as full service.
"""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from outlast.client import declare
from outlast.client.deadline import deadline
from outlast.client.errors import Refused, Unavailable
from outlast.client.facts import Mode
from outlast.client.ladder import Instead, Value
from outlast.client.record import recording

if TYPE_CHECKING:
    from outlast.client.application import Application, Function

P = ParamSpec("P")
R = TypeVar("R")


def wrap(
    application: "Application", function: "Function", wrapped: Callable[P, R]
) -> Callable[P, R]:
    """Return a function that tells the application how it was served."""
    if function.when_off is not None:
        declare.fits(function.name, wrapped, (function.when_off,), ())
    if declare.is_async(wrapped):
        return cast("Callable[P, R]", _async(application, function, cast("Any", wrapped)))

    @wraps(wrapped)
    def served(*args: P.args, **kwargs: P.kwargs) -> R:
        if _is_off(application, function):
            return cast("R", _off(application, function, args, kwargs))
        with _telling(application, function):
            return wrapped(*args, **kwargs)

    return served


def _async(
    application: "Application",
    function: "Function",
    wrapped: Callable[..., Coroutine[Any, Any, Any]],
) -> Callable[..., Coroutine[Any, Any, Any]]:
    @wraps(wrapped)
    async def served(*args: Any, **kwargs: Any) -> Any:
        if _is_off(application, function):
            instead = _off(application, function, args, kwargs)
            return await instead if isinstance(function.when_off, Instead) else instead
        with _telling(application, function):
            return await wrapped(*args, **kwargs)

    return served


def _is_off(application: "Application", function: "Function") -> bool:
    return function.off_at is not None and application.brownout.level >= function.off_at


def _off(application: "Application", function: "Function", args: Any, kwargs: Any) -> Any:
    application.served(function, Mode.DEGRADED)
    match function.when_off:
        case Value(value=value):
            return value
        case Instead(function=other):
            return other(*args, **kwargs)
        case None:
            raise Refused(
                function.name, "switched-off", remedy=f"brown-out: {application.brownout.why}"
            )


@contextmanager
def _telling(application: "Application", function: "Function") -> Iterator[None]:
    with recording() as notes:
        try:
            if function.deadline_s is None:
                yield
            else:
                with deadline(function.deadline_s):
                    yield
        except Exception as error:
            down = bool(notes) or isinstance(error, Unavailable)
            application.served(function, Mode.DOWN if down else Mode.FULL)
            raise
    application.served(function, Mode.DEGRADED if notes else Mode.FULL)
