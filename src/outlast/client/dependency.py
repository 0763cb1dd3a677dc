"""A dependency, declared once: where it lives, whether it is essential, its limits, its fallbacks."""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from outlast.client import declare
from outlast.client.breaker import Cause, Limits
from outlast.client.budget import Budget
from outlast.client.errors import DeclarationError
from outlast.client.facts import Hooks
from outlast.client.gate import Gate
from outlast.client.job import REGIONS, Job, Terms
from outlast.client.ladder import Ladder
from outlast.client.latency import Latencies

if TYPE_CHECKING:
    from outlast.client.block import Block

P = ParamSpec("P")
R = TypeVar("R")

PROTOCOLS = ("http", "https", "tcp")

YEAR_S = 366 * 86400.0


class Dependency:
    """What an application needs from elsewhere. Made by `Application.dependency`.

    Attributes:
        name: as in reports and metrics.
        essential: whether the application's essential functions need it.
        hosts: host names or `host:port`, home first; `OtherRegion` goes down this list.
        regions: the regions of the hosts, for rehearsals and for the topology; as long as `hosts` or empty.
        provider: who runs it, for rehearsals of a provider's failure; may be empty.
        protocol: `http`, `https` or `tcp`: which faults make sense.
        because: why it has no fallback.
        off_at: the brown-out level from which it is switched off; None: never.
        jobs: its guarded functions.
    """

    def __init__(
        self,
        name: str,
        *,
        essential: bool,
        hosts: tuple[str, ...],
        hooks: Hooks,
        limits: Mapping[str, Any],
    ) -> None:
        self.name = name
        self.essential = essential
        self.hosts = hosts
        self.regions: tuple[str, ...] = limits["regions"]
        self.provider: str = limits["provider"]
        self.protocol: str = limits["protocol"]
        self.because: str = limits["because"]
        self.off_at: int | None = limits["off_at"]
        self.fallbacks: Ladder = limits["fallbacks"]
        self.jobs: list[Job] = []
        declare.is_ladder(name, self.fallbacks)
        self._check(limits)
        tripping = Limits(
            failing_ratio=limits["breaker"],
            calls_min=limits["calls_min"],
            window_s=limits["window_s"],
            open_s=limits["open_s"],
        )
        self.gate = Gate(name, hosts, tripping, hooks, concurrent=limits["concurrent"])
        ratio = limits["retry_budget"]
        if ratio is not None:
            self.gate.budget = Budget(ratio)
        if limits["hedge"] is not None:
            self.gate.latencies = Latencies()
        slow_s = limits["slow_s"]
        self.terms = Terms(
            timeout_s=limits["timeout_s"],
            slow_s=float("inf") if slow_s is None else slow_s,
            hedge=limits["hedge"],
            ignore=limits["ignore"],
        )

    def _check(self, limits: Mapping[str, Any]) -> None:
        declare.limits(
            self.name,
            [
                ("timeout_s", limits["timeout_s"], 3600.0),
                ("slow_s", limits["slow_s"], 3600.0),
                ("retry_budget", limits["retry_budget"], 1.0),
                ("breaker", limits["breaker"], 1.0),
                ("calls_min", limits["calls_min"], 1e6),
                ("window_s", limits["window_s"], 3600.0),
                ("open_s", limits["open_s"], 3600.0),
                ("concurrent", limits["concurrent"], 1e6),
                ("hedge", limits["hedge"], 0.999),
                ("off_at", self.off_at, 9.0),
            ],
        )
        if self.protocol not in PROTOCOLS:
            raise DeclarationError(
                f"{self.name}: protocol is {self.protocol!r}",
                remedy=f"one of {', '.join(PROTOCOLS)}",
            )
        if self.regions and len(self.regions) != len(self.hosts):
            raise DeclarationError(
                f"{self.name}: {len(self.hosts)} hosts, but {len(self.regions)} regions",
                remedy="name the region of each host, or none",
            )

    @property
    def host(self) -> str:
        """The host that the attempt at hand goes to; outside of a guarded call the first one."""
        return self.hosts[(REGIONS.get() or {}).get(self.gate, 0)]

    @overload
    def guard(self, function: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def guard(
        self, /, *, fallbacks: Ladder | None = None, idempotent: bool = True
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    def guard(
        self, function: Any = None, /, *, fallbacks: Ladder | None = None, idempotent: bool = True
    ) -> Any:
        """Guard a function or coroutine function; it keeps its signature.

        Args:
            function: what is guarded; missing when used with arguments.
            fallbacks: instead of the dependency's own.
            idempotent: whether it may be sent twice; False: no retry, no hedge.

        Raises:
            DeclarationError: a fallback cannot serve this function, or nothing says what happens
                without the dependency.
        """
        ladder = self.fallbacks if fallbacks is None else fallbacks

        def wrap(wrapped: Callable[..., Any]) -> Callable[..., Any]:
            return self._guarded(wrapped, ladder, idempotent=idempotent)

        return wrap if function is None else wrap(function)

    def _guarded(
        self, function: Callable[..., Any], ladder: Ladder, *, idempotent: bool
    ) -> Callable[..., Any]:
        of = declare.name_of(function)
        declare.is_ladder(self.name, ladder)
        declare.survives(
            self.name, essential=self.essential, ladder=ladder, because=self.because, of=of
        )
        declare.fits(self.name, function, ladder, self.hosts)
        is_async = declare.is_async(function)
        if self.terms.hedge is not None and not (is_async and idempotent):
            raise DeclarationError(
                f"{self.name} is hedged, but {of} cannot be sent twice at once",
                remedy="hedging needs a coroutine function that is idempotent; drop hedge= otherwise",
            )
        job = Job(function, self.gate, self.terms, ladder, idempotent=idempotent)
        self.jobs.append(job)
        if is_async:
            from outlast.client import guard_async  # noqa: PLC0415 - asyncio only for those who use it

            return guard_async.guard(job)
        from outlast.client import guard_sync  # noqa: PLC0415

        return guard_sync.guard(job)

    def block(self) -> "Block":
        """Return a context manager, for `with` and `async with`: the limits, without fallbacks."""
        from outlast.client.block import Block  # noqa: PLC0415

        return Block(self.gate, self.terms)

    def hold_open(self) -> None:
        """Stop all calls by hand, until `release`."""
        self.gate.hold(Cause.HOLD_OPEN, monotonic())

    def hold_closed(self) -> None:
        """Let all calls through whatever happens, until `release`; the counts go on."""
        self.gate.hold(Cause.HOLD_CLOSED, monotonic())

    def release(self) -> None:
        """End a hold."""
        self.gate.hold(Cause.RELEASE, monotonic())

    def reset(self) -> None:
        """Start anew, as a test wants it: closed circuits, a full budget, nothing remembered or wrong."""
        self.gate.reset(monotonic())
        for job in self.jobs:
            job.forget()
