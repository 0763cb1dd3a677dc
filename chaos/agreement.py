"""Several providers of one name: whether they say the same.

Each rule of `checks.py` holds for each provider by itself, and that is all that safety asks for. Beside it
two things are asked of them together: one number names one content wherever it is seen, since clients that
hear both must be able to tell which is newer; and once the faults are over, all show the same.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaos.history import SECOND_NS, History, Named, Run
from chaos.windows import foreign_values, is_whole
from outlast.model.fence import Fence, parse_fence


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """Two providers that say different things: what of, when, and what each says."""

    endpoint: str
    at_ns: int
    text: str


def _together(history: History) -> dict[str, list[Named]]:
    """The subjects of each endpoint; nothing if there is one provider only."""
    found: dict[str, list[Named]] = defaultdict(list)
    for one in history.endpoints if history.sides else ():
        found[one.endpoint.partition("@")[0]].append(one)
    return found


def one_content(history: History) -> Iterator[Dispute]:
    """Where one number was seen with two contents, be it at two providers."""
    for endpoint, sides in _together(history).items():
        foreign = set().union(*(foreign_values(history, one.endpoint) for one in sides))
        subjects = {one.endpoint for one in sides}
        known: dict[int, Fence] = {}
        for run in sorted(history.runs, key=lambda one: one.first_ns):
            fence = parse_fence(run.answer.fence) if run.subject in subjects else None
            if fence is None or str(fence) in foreign:
                continue
            first = known.setdefault(fence.generation, fence)
            if first.digest != fence.digest:
                text = f"{fence} at {run.subject}, {first} seen before"
                yield Dispute(endpoint=endpoint, at_ns=run.first_ns, text=text)


def in_the_end(history: History) -> Iterator[Dispute | None]:
    """For each endpoint: how its providers differ in the last whole answers; None where they agree."""
    for endpoint, sides in _together(history).items():
        last = {one.endpoint: next(reversed(_whole(history, one)), None) for one in sides}
        says = {subject: run and parse_fence(run.answer.fence) for subject, run in last.items()}
        plans = {fence and (fence.generation, fence.digest) for fence in says.values()}
        if len(plans) == 1 and None not in plans:
            yield None
            continue
        text = ", ".join(
            f"{subject}: {fence or 'nothing whole'}" for subject, fence in says.items()
        )
        yield Dispute(endpoint=endpoint, at_ns=history.ended_ns, text=text)


def apart(history: History) -> tuple[float, float]:
    """Return for how long whole providers differed at most, in s: during the faults, and afterwards."""
    spans = [one for sides in _together(history).values() for one in _spans_apart(history, sides)]
    during = [end - start for start, end in spans if start < history.faults_end_ns]
    after = [end - start for start, end in spans if start >= history.faults_end_ns]
    return max(during, default=0) / SECOND_NS, max(after, default=0) / SECOND_NS


def _spans_apart(history: History, sides: Sequence[Named]) -> Iterator[tuple[int, int]]:
    runs = [(run, one.endpoint) for one in sides for run in _whole(history, one)]
    shown: dict[str, int] = {}
    since_ns = 0
    for run, subject in sorted(runs, key=lambda one: one[0].first_ns):
        fence = parse_fence(run.answer.fence)
        shown[subject] = fence.generation if fence is not None else 0
        same = len(set(shown.values())) == 1
        if not same and not since_ns:
            since_ns = run.first_ns
        if same and since_ns:
            yield since_ns, run.first_ns
            since_ns = 0
    if since_ns:
        yield since_ns, history.ended_ns


def _whole(history: History, named: Named) -> list[Run]:
    foreign = foreign_values(history, named.endpoint)
    mine = (one for one in history.runs if one.subject == named.endpoint)
    return [one for one in mine if is_whole(one, named, foreign)]
