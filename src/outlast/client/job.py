"""One guarded function: what is declared about it, and what both drivers need."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from time import monotonic, time
from typing import Any, NamedTuple

from outlast.client.deadline import clamp_s
from outlast.client.errors import Overdue
from outlast.client.facts import Degraded, Failed
from outlast.client.gate import Gate
from outlast.client.ladder import Instead, Ladder, LastGood, Later, Off, Rung, Value
from outlast.client.results import Results

MISSING: Any = object()
"""No result; None is one."""

REGIONS: ContextVar[Mapping[Gate, int] | None] = ContextVar("outlast_regions", default=None)
"""Which host of each dependency the attempt at hand goes to; missing: home."""


class Terms(NamedTuple):
    """The limits of a dependency that its guards enforce. See `Application.dependency`."""

    timeout_s: float | None = None
    slow_s: float = float("inf")
    hedge: float | None = None
    ignore: tuple[type[Exception], ...] = ()


class Job:
    """A function, its gate, its ladder and its last good results."""

    __slots__ = (
        "function",
        "gate",
        "idempotent",
        "ladder",
        "name",
        "plain",
        "plain_by",
        "results",
        "terms",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        gate: Gate,
        terms: Terms,
        ladder: Ladder,
        *,
        idempotent: bool,
    ) -> None:
        self.function = function
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.gate = gate
        self.terms = terms
        self.ladder = ladder
        self.idempotent = idempotent
        self.results: Results | None = None
        self.forget()
        self.plain = MISSING
        self.plain_by = ladder[0].kind if ladder else ""
        if ladder and isinstance(ladder[0], Value):
            self.plain = ladder[0].value
        elif ladder and isinstance(ladder[0], Off):
            self.plain = None

    def forget(self) -> None:
        """Forget the last good results that lie in memory."""
        kept = [rung for rung in self.ladder if isinstance(rung, LastGood)]
        self.results = Results(kept[0]) if kept else None

    def is_failure(self, error: Exception) -> bool:
        """Whether an error says that the dependency is not well."""
        return is_failure(error, self.terms.ignore)

    def ended(self, region: int, began_s: float, limit_s: float | None = None) -> None:
        """An attempt came back with a result; after its limit it counts as failed all the same."""
        at_s = monotonic()
        slow_s = self.terms.slow_s if limit_s is None else min(limit_s, self.terms.slow_s)
        self.gate.settle(region, at_s - began_s, slow_s, at_s)

    def came_back(self, began_s: float) -> None:
        """An attempt of the quick way came back with a result."""
        at_s, home = monotonic(), self.gate.home
        if at_s - began_s <= self.terms.slow_s and at_s < home.turn_at_s:
            home.good += 1
        else:
            self.ended(0, began_s)

    def keep(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object) -> None:
        """Remember a good result, if it may be needed."""
        if self.results is not None:
            self.results.keep(args, kwargs, result, time())

    def note(self, why: str, by: str, age_s: float | None = None) -> None:
        """Tell that a fallback answered."""
        self.gate.degraded(Degraded(self.gate.name, why, by, age_s), monotonic())

    def lost(self, why: str) -> None:
        """Tell that nothing answered."""
        self.gate.degraded(Failed(self.gate.name, why), monotonic())

    def take(self, rung: Rung, why: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Return what a rung gives without calling anything, or `MISSING`.

        Raises:
            OSError, TypeError: `Later` could not keep the call.
        """
        age_s = None
        match rung:
            case Value(value=value):
                result = value
            case Off():
                result = None
            case Later(outbox=outbox):
                outbox.put(self.name, args, kwargs)
                result = None
            case LastGood():
                found = self.results.find(args, kwargs, time()) if self.results else None
                if found is None:
                    return MISSING
                result, age_s = found
            case _:
                return MISSING
        self.note(why, rung.kind, age_s)
        return result

    def shed_aloud(self) -> None:
        """Tell of a call that a constant answered at once, since somebody listens."""
        self.gate.shed_aloud(self.plain_by)

    def limit_s(self) -> float | None:
        """Return how long the next attempt may take: the time-out, or what the caller has left."""
        return clamp_s(self.terms.timeout_s)

    def overdue(self, limit_s: float) -> Overdue:
        """Make the error for a call that took too long."""
        return Overdue(self.gate.name, limit_s)

    def hurried(self, error: Exception) -> bool:
        """Whether an attempt ended because its caller was in a hurry, with under half the declared time."""
        declared_s = self.terms.timeout_s
        if not isinstance(error, Overdue) or declared_s is None:
            return False
        return error.limit_s < declared_s / 2

    def instead(self, rung: Rung) -> Callable[..., Any] | None:
        """Return the function to be called in place, if the rung is one."""
        return rung.function if isinstance(rung, Instead) else None


def is_failure(error: Exception, ignore: tuple[type[Exception], ...]) -> bool:
    """Whether an error says that a dependency is not well. A 404 is an answer, a 503 is none.

    Nor are 401 and 403: they speak of our credentials, not of the question. Expired ones took down callers
    of a healthy service more than once. Name exceptions in `ignore` where a 403 is an answer of yours.
    """
    if isinstance(error, ignore):
        return False
    status = status_of(error)
    return status is None or status >= 500 or status in {401, 403, 408, 429}


def status_of(error: Exception) -> int | None:
    """Return the HTTP status that an error of httpx, requests, aiohttp or botocore carries."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        status = getattr(response, "status_code", getattr(error, "status", None))
    return status if isinstance(status, int) else None


def pause_of(error: Exception) -> float | None:
    """Return the seconds of a Retry-After header that an error carries; dates are not looked at."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    else:
        headers = getattr(response, "headers", getattr(error, "headers", None)) or {}
    value = headers.get("Retry-After") or headers.get("retry-after") or ""
    return float(value) if value.isdigit() else None


def in_region(gate: Gate, region: int) -> Mapping[Gate, int]:
    """Return what `REGIONS` shall hold while an attempt goes to a region."""
    return {**(REGIONS.get() or {}), gate: region}
