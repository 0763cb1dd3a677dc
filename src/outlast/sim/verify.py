"""Verify: one call that explores a design and hands back everything that it found and did not find.

Exhaustive search first, on the small configuration: it gives shortest traces and, where it is complete, a
proof within its bound. Then search in the large, for what is left of the time. An invariant that was found
broken is tolerated from then on, so that one violation does not hide the next.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from outlast.sim.design import Spec, invariant_of
from outlast.sim.exhaust import Bound, Exploration, explore
from outlast.sim.pool import Effort, search
from outlast.sim.search import Build, Tally, Wish
from outlast.sim.story import Evidence, evidence, gather


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to verify.

    Attributes:
        small, large: the world for exhaustive search and for search; None: that way is not taken.
        seconds: wall time for both together.
        exhaustive_ratio: share of it that exhaustive search may use.
        memory: folder in which a search remembers how far it came.
    """

    small: Spec | None
    large: Spec | None
    seconds: float = 30.0
    seed: int = 1
    workers: int = 0
    exhaustive_ratio: float = 0.5
    memory: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of it. `found` is sorted by invariant, one piece of evidence for each."""

    explored: Exploration | None
    searched: Tally | None
    found: tuple[Evidence, ...]
    seconds: float


Watch = Callable[[str, int, int], None]
"""Told of progress: `exhaustive` with states and depth, or `search` with schedules and steps."""


def verify(build: Build, request: Request, watch: Watch | None = None) -> Report:
    """Explore."""
    began = time.monotonic()
    explored: Exploration | None = None
    found: dict[str, Evidence] = {}
    if request.small is not None:
        share = request.exhaustive_ratio if request.large is not None else 1.0
        explored, found = _exhaust(build, request, share, watch)
    searched = None
    if request.large is not None:
        left = request.seconds - (time.monotonic() - began)
        searched = _search(build, request, max(left, 1.0), found, watch)
    return Report(
        explored=explored,
        searched=searched,
        found=tuple(found[name] for name in sorted(found)),
        seconds=time.monotonic() - began,
    )


def _exhaust(
    build: Build, request: Request, share: float, watch: Watch | None
) -> tuple[Exploration, dict[str, Evidence]]:
    assert request.small is not None
    design = build(request.small)
    bound = Bound(seconds=request.seconds * share)

    def progress(states: int, depth: int) -> None:
        if watch is not None:
            watch("exhaustive", states, depth)

    explored = explore(design, bound, progress)
    found: dict[str, Evidence] = {}
    for name, (_, steps) in sorted(explored.traces.items()):
        # What breaks earlier on the way is another trace's business.
        others = tuple(sorted(set(explored.traces) - {name}))
        found[name] = evidence(build(replace(request.small, tolerate=others)), steps)
    return explored, found


def _search(
    build: Build,
    request: Request,
    seconds: float,
    found: dict[str, Evidence],
    watch: Watch | None,
) -> Tally:
    assert request.large is not None
    until = time.monotonic() + seconds
    total = Tally()

    def progress(tally: Tally) -> None:
        if watch is not None:
            watch("search", total.schedules + tally.schedules, total.steps + tally.steps)

    while (left := until - time.monotonic()) > 0:
        spec = replace(request.large, tolerate=tuple(sorted(found)))
        wish = Wish(spec=spec, seed=request.seed)
        effort = Effort(
            seconds=left,
            workers=request.workers,
            memory=request.memory / "search.json" if request.memory is not None else None,
        )
        tally, finding = search(build, wish, effort, progress)
        total.add(tally)
        if finding is None or invariant_of(finding.found) in found:
            break
        found[invariant_of(finding.found)] = gather(build, finding)
    return total
