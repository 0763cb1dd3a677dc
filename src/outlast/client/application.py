"""What an application declares: its dependencies, the functions it serves, its brown-out level.

One object holds it all, and you make it. There is no registry behind the scenes, so two applications fit
into one process, and a test can make a third.
"""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from outlast.client import declare
from outlast.client.breaker import State
from outlast.client.brownout import Brownout, BudgetVoice, Climb, judge
from outlast.client.dependency import Dependency
from outlast.client.errors import DeclarationError
from outlast.client.facts import Hooks, Levelled, Mode, Served
from outlast.client.ladder import Instead, Ladder, Value

if TYPE_CHECKING:
    from outlast.client.resolver import Resolver

P = ParamSpec("P")
R = TypeVar("R")

CONCURRENT = 100
"""Calls at once where nothing is declared: requests' and httpx's own pool limit."""

BUDGET_WINDOW_S = 10.0
"""How often the error budget is judged."""


class Degradation(NamedTuple):
    """Something that is not as it should be now.

    Attributes:
        kind: `dependency`, `name` or `level`.
        name: which.
        why: what is wrong.
        by: what serves instead; empty: nothing.
        for_s: for how long it has been so; None: not known.
    """

    kind: str
    name: str
    why: str
    by: str = ""
    for_s: float | None = None


class Function(NamedTuple):
    """Something that the application serves. See `Application.serves`."""

    name: str
    essential: bool
    needs: tuple[Dependency, ...]
    wants: tuple[Dependency, ...]
    off_at: int | None
    when_off: Value | Instead | None
    deadline_s: float | None


class Application:
    """The declarations of one application.

    Attributes:
        name: as in the topology.
        dependencies: by name.
        functions: by name.
        hooks: who is told of facts.
        brownout: the level and who asks for it; change it with `set_level`.
    """

    def __init__(
        self, name: str, *, resolver: "Resolver | None" = None, climb: Climb | None = None
    ) -> None:
        self.name = name
        self.dependencies: dict[str, Dependency] = {}
        self.functions: dict[str, Function] = {}
        self.hooks = Hooks()
        self.brownout = Brownout()
        self._climb = climb
        self._voice = BudgetVoice()
        self._good = self._bad = 0
        self._window_ends_s = monotonic() + BUDGET_WINDOW_S
        self._resolver = resolver

    @property
    def resolver(self) -> "Resolver":
        """The resolver of the application's adapters; made at first use where none was given."""
        if self._resolver is None:
            from outlast.client.resolver import Resolver  # noqa: PLC0415

            self._resolver = Resolver()
        return self._resolver

    def dependency(
        self,
        name: str,
        *,
        essential: bool,
        hosts: tuple[str, ...] = (),
        fallbacks: Ladder = (),
        because: str = "",
        timeout_s: float | None = None,
        retry_budget: float | None = None,
        concurrent: int = CONCURRENT,
        slow_s: float | None = None,
        breaker: float = 0.5,
        calls_min: int = 10,
        window_s: float = 10.0,
        open_s: float = 5.0,
        hedge: float | None = None,
        ignore: tuple[type[Exception], ...] = (),
        off_at: int | None = None,
        protocol: str = "https",
        regions: tuple[str, ...] = (),
        provider: str = "",
    ) -> Dependency:
        """Declare a dependency.

        Args:
            name, essential, hosts: see `Dependency`; a name is declared once.
            fallbacks: what is returned without it, in order.
            because: why an essential one has no fallback.
            timeout_s: for each attempt, up to 3600; inside the circuit. None: none.
            retry_budget: retries per good call, above 0 and up to 1, 0.1 is usual. None: no retries.
            concurrent: calls at once; more are refused.
            slow_s: calls that take longer count as failed. None: only the time-out counts.
            breaker: share of failed calls, above 0 and up to 1, at which the circuit opens.
            calls_min, window_s: fewer calls in the window say nothing; its length.
            open_s: how long the circuit stays open before a probe.
            hedge: quantile of good calls after which a second copy is sent, such as 0.95. None: never.
            ignore: exceptions that are answers. HTTP 4xx are anyway, but for 401, 403, 408, 429.
            off_at: brown-out level, 1 to 9, at which no calls are sent any more.
            protocol, regions, provider: `http`, `https` or `tcp`; the region of each host; who runs it.

        Raises:
            DeclarationError: it cannot be meant so.
        """
        limits = locals()
        if name in self.dependencies:
            raise DeclarationError(f"{name} is declared twice", remedy="give it another name")
        made = Dependency(name, essential=essential, hosts=hosts, hooks=self.hooks, limits=limits)
        self.dependencies[name] = made
        return made

    def serves(
        self,
        name: str,
        *,
        essential: bool = False,
        needs: tuple[Dependency, ...] = (),
        wants: tuple[Dependency, ...] = (),
        off_at: int | None = None,
        when_off: Value | Instead | None = None,
        deadline_s: float | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Declare a function of the application: what it needs, and what it merely wants.

        Args:
            name: as people call it, such as `place order`; once in an application.
            essential: whether it must be served through an outage; then a rehearsal fails without it.
            needs: dependencies without which it may be down.
            wants: dependencies without which it must still be served.
            off_at: the brown-out level, 1 to 9, from which it is switched off.
            when_off: what it returns then; None: it raises `Refused`.
            deadline_s: how long everything in it may take together.

        Raises:
            DeclarationError: declared twice, or a limit that cannot be meant.
        """
        if name in self.functions:
            raise DeclarationError(f"{name!r} is served twice", remedy="give it another name")
        declare.limits(name, [("off_at", off_at, 9.0), ("deadline_s", deadline_s, 86400.0)])
        if essential and off_at is not None:
            raise DeclarationError(
                f"{name!r} is essential and yet switched off at level {off_at}",
                remedy="an essential function stays on; drop one of the two",
            )
        function = Function(
            name=name,
            essential=essential,
            needs=needs,
            wants=wants,
            off_at=off_at,
            when_off=when_off,
            deadline_s=deadline_s,
        )
        self.functions[name] = function

        def wrap(wrapped: Callable[P, R]) -> Callable[P, R]:
            from outlast.client import serving  # noqa: PLC0415 - it knows both kinds of function

            return serving.wrap(self, function, wrapped)

        return wrap

    def set_level(self, level: int, why: str = "", *, voice: str = "operator") -> None:
        """Let a voice ask for a brown-out level, 0 to 9; 0 takes its word back."""
        before = self.brownout.level
        self.brownout.ask(voice, level, why)
        now = self.brownout.level
        if now == before:
            return
        for one in self.dependencies.values():
            off = one.off_at is not None and now >= one.off_at
            one.gate.switch_off(f"level {now}" if off else "")
        self.hooks.tell(Levelled(now, self.brownout.why))

    def served(self, function: Function, mode: Mode) -> None:
        """Count a served function; the error budget speaks once a window."""
        self.hooks.tell(Served(function.name, mode, function.essential))
        if not function.essential or self._climb is None:
            return
        if mode is Mode.DOWN:
            self._bad += 1
        else:
            self._good += 1
        at_s = monotonic()
        if at_s >= self._window_ends_s:
            self._voice = judge(self._voice, self._climb, good=self._good, bad=self._bad)
            self._good = self._bad = 0
            self._window_ends_s = at_s + BUDGET_WINDOW_S
            self.set_level(self._voice.level, "essential calls fail", voice="error budget")

    def degradations(self) -> tuple[Degradation, ...]:
        """Return what is degraded now and why; empty: full service."""
        at_s = monotonic()
        found = [
            Degradation("level", str(self.brownout.level), self.brownout.why)
            for _ in range(min(1, self.brownout.level))
        ]
        found.extend(one for one in map(_trouble_at(at_s), self.dependencies.values()) if one)
        if self._resolver is not None:
            found.extend(
                Degradation("name", name, why, "last-known-good", age_s)
                for name, why, age_s in self._resolver.stale()
            )
        return tuple(found)

    def status(self) -> Mapping[str, Any]:
        """Return what `/.well-known/degradation` says, ready for JSON."""
        now = self.degradations()
        return {
            "application": self.name,
            "mode": Mode.DEGRADED if now else Mode.FULL,
            "level": self.brownout.level,
            "degradations": [
                {
                    "kind": one.kind,
                    "name": one.name,
                    "why": one.why,
                    "by": one.by,
                    "for_s": one.for_s,
                }
                for one in now
            ],
        }


def _trouble_at(at_s: float) -> Callable[[Dependency], Degradation | None]:
    def look(one: Dependency) -> Degradation | None:
        gate = one.gate
        if gate.trouble is not None:
            trouble = gate.trouble
            return Degradation(
                "dependency", one.name, trouble.why, trouble.by, at_s - trouble.since_s
            )
        if gate.off:
            return Degradation("dependency", one.name, gate.off)
        if gate.home.state is not State.CLOSED and gate.home.state is not State.HELD_CLOSED:
            since_s = at_s - gate.home.moved_at_s
            return Degradation("dependency", one.name, str(gate.home.state), "", since_s)
        return None

    return look
