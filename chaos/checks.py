"""The judgement: a run's history held against S1 to S6 and L1 to L3 of docs/architecture.md.

Pure: a history in, verdicts out. What the foreign hand broke is not ours, so each of its acts opens a
*window* on its endpoint, and the first sample that shows the endpoint whole again closes it. Inside a
window emptiness and foreign content are excused; going backwards never is. How long a window stays open
is L2, counted in *fair time*: while the name server and the store were up and at least one enactor was left
alone, since nobody can heal what nobody can reach.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from chaos import agreement
from chaos.history import NEIGHBOUR, SECOND_NS, History, Named, Run, StoreLook, at_side
from chaos.windows import BREAK_GLASS, FairTime, Heal, foreign_values, is_whole, short, windows_of
from outlast.model.fence import RESCUER, Fence, parse_fence
from outlast.model.records import digest_of

HEAL_S = 8.0
"""L2 in fair time: a look each 0.3 to 0.9 s, by turns, and a back-off of at most 5 s before it."""

HEAL_WALL_S = 20.0
"""L2 in any case, however much was down meanwhile."""

FETCHABLE_S = 8.0
"""S4: how long a live plan may be missing from a store that is new, in fair time: until it is adopted."""

RULES = {
    "S1": "never empty",
    "S2": "never backwards",
    "S3": "content is the fence's plan",
    "S4": "live plans can be fetched",
    "S5": "nothing that was not allowed",
    "S6": "other people's records untouched",
    "L1": "converges",
    "L2": "heals",
    "L3": "nobody starves",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken rule: when, on what, and what was seen."""

    rule: str
    subject: str
    at_ns: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came out.

    Attributes:
        judged: how many observations each rule was held against; a rule held against nothing proves
            nothing, and is shown as such.
    """

    violations: tuple[Violation, ...]
    heals: tuple[Heal, ...]
    judged: dict[str, int]

    @property
    def passed(self) -> bool:
        """Whether nothing was broken."""
        return not self.violations


@dataclass(slots=True)
class _Case:
    """What the rules share."""

    history: History
    runs: dict[str, list[Run]]
    windows: dict[str, list[Heal]]
    judged: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RULES, 0))

    def excused(self, run: Run) -> bool:
        """Whether an open window covers a run: it was opened before the run was first seen."""
        return any(
            one.opened_ns <= run.first_end_ns and run.last_ns <= one.closed_ns
            for one in self.windows[run.subject]
        )


def judge(history: History) -> Verdict:
    """Hold a history against every rule."""
    runs: dict[str, list[Run]] = defaultdict(list)
    for run in history.runs:
        runs[run.subject].append(run)
    fair = FairTime(history)
    windows = {
        one.endpoint: list(windows_of(history, one, runs[one.endpoint], fair))
        for one in history.endpoints
    }
    case = _Case(history, runs, windows)
    violations = [
        *(found for one in history.endpoints for found in _never_empty(case, one)),
        *(found for one in history.endpoints for found in _monotone(case, one)),
        *(found for one in history.endpoints for found in _authentic(case, one)),
        *_retained(case, fair),
        *(found for one in history.endpoints for found in _guarded(case, one)),
        *_owned(case),
        *_heals(case),
        *_promises(case),
        *_agreed(case),
    ]
    violations.sort(key=lambda one: one.at_ns)
    heals = tuple(one for found in windows.values() for one in found)
    return Verdict(violations=tuple(violations), heals=heals, judged=case.judged)


# safety


def _answered(runs: list[Run]) -> Iterator[Run]:
    return (one for one in runs if not one.answer.fault)


def _never_empty(case: _Case, named: Named) -> Iterator[Violation]:
    for run in _answered(case.runs[named.endpoint]):
        case.judged["S1"] += run.count
        for text in short(run, named):
            if not case.excused(run):
                yield _violation("S1", run, text)


def _monotone(case: _Case, named: Named) -> Iterator[Violation]:
    """Generations as they were seen, one after the other; what the foreign hand wrote itself apart."""
    foreign = foreign_values(case.history, named.endpoint)
    last: Fence | None = None
    for run in _answered(case.runs[named.endpoint]):
        for values in dict.fromkeys((run.answer.fence, run.answer.fence_after)):
            fence = parse_fence(values)
            if fence is None or str(fence) in foreign:
                continue
            case.judged["S2"] += run.count
            if last is not None and fence.generation < last.generation:
                yield _violation("S2", run, f"{fence} after {last}")
                continue
            if last is not None and _two_contents(fence, last):
                yield _violation("S2", run, f"{fence} under the number of {last}")
            last = fence


def _two_contents(fence: Fence, last: Fence) -> bool:
    return fence.generation == last.generation and fence.digest != last.digest


def _authentic(case: _Case, named: Named) -> Iterator[Violation]:
    for run in _answered(case.runs[named.endpoint]):
        answer = run.answer
        fence = parse_fence(answer.fence)
        if answer.fence != answer.fence_after:
            continue  # it moved while we asked; the next sample shows it at rest
        if fence is None:
            if not case.excused(run):
                yield _violation("S3", run, f"at the fence stands {answer.fence or 'nothing'}")
            continue
        case.judged["S3"] += run.count
        if digest_of(answer.records) != fence.digest and not case.excused(run):
            found = "; ".join(map(str, answer.records)) or "nothing"
            yield _violation("S3", run, f"{fence} names another content than {found}")


def _retained(case: _Case, fair: FairTime) -> Iterator[Violation]:
    """At each look into the store: what was live then, and what had been live before it, is in it."""
    for named in case.history.endpoints:
        live = _live(case, named)
        starts = [one.first_ns for one in live]
        seen: dict[int, set[tuple[int, str]]] = defaultdict(set)
        for look in case.history.looks:
            stored = {one[1:] for one in look.plans if one[0] == named.endpoint}
            known = seen[look.since_ns]
            late = _needed(live, starts, look.at_ns + look.took_ns)
            # What is superseded while the store takes its time may be gone by the time it answers.
            still = {one.answer.fence for one in late}
            for run in _needed(live, starts, look.at_ns):
                fence = _fence_of(run)
                if run.answer.fence not in still:
                    continue
                if not _must_be_there(case.history, fair, run, look, known):
                    continue
                case.judged["S4"] += 1
                if (fence.generation, fence.digest) not in stored:
                    text = f"{fence} was published and cannot be fetched from the store"
                    yield Violation(rule="S4", subject=named.endpoint, at_ns=look.at_ns, text=text)
            known |= stored


def _needed(live: list[Run], starts: list[int], at_ns: int) -> list[Run]:
    """Return what is live at a time, and what was live before it."""
    at = bisect_right(starts, at_ns) - 1
    recent = at >= 0 and live[at].last_ns >= at_ns - SECOND_NS
    return [live[at], *_before(live, at)] if recent else []


def _must_be_there(
    history: History, fair: FairTime, run: Run, look: StoreLook, known: set[tuple[int, str]]
) -> bool:
    """Whether a publication must be in a store.

    It must if that store ever had it, and if it is the first store and no rescue. Else, after a loss or
    a rescue, it has to be adopted first, while it stands.
    """
    fence = _fence_of(run)
    first = look.since_ns <= history.began_ns and fence.writer != RESCUER
    if first or (fence.generation, fence.digest) in known:
        return True
    stands_ns = min(look.at_ns, run.last_ns)
    return fair.between_s(max(look.since_ns, run.first_ns), stands_ns) >= FETCHABLE_S


def _fence_of(run: Run) -> Fence:
    """The fence of a run that shows a whole publication."""
    fence = parse_fence(run.answer.fence)
    assert fence is not None, "a run without a fence is not whole"
    return fence


def _before(live: list[Run], at: int) -> list[Run]:
    """The publication before the present one."""
    now = live[at].answer.fence
    return next(([run] for run in reversed(live[:at]) if run.answer.fence != now), [])


def _live(case: _Case, named: Named) -> list[Run]:
    """The runs that show a whole publication at rest."""
    foreign = foreign_values(case.history, named.endpoint)
    return [one for one in case.runs[named.endpoint] if is_whole(one, named, foreign)]


def _guarded(case: _Case, named: Named) -> Iterator[Violation]:
    """Every publication is a plan that the guard let pass; a rescue's content was published before."""
    allowed = {
        (one.generation, one.digest)
        for one in case.history.plans
        if one.endpoint == named.endpoint and one.allowed
    }
    contents = {digest for _, digest in allowed}
    foreign = foreign_values(case.history, named.endpoint)
    told: set[str] = set()
    for run in _answered(case.runs[named.endpoint]):
        fence = parse_fence(run.answer.fence)
        if fence is None or str(fence) in foreign or str(fence) in told:
            continue
        told.add(str(fence))
        case.judged["S5"] += 1
        if (fence.generation, fence.digest) in allowed:
            continue
        if fence.writer == RESCUER and fence.digest in contents:
            continue
        yield _violation("S5", run, f"{fence} is no plan that the guard let pass")


def _owned(case: _Case) -> Iterator[Violation]:
    for side in case.history.sides or ("",):
        runs = list(_answered(case.runs[at_side(NEIGHBOUR, side)]))
        for run in runs:
            case.judged["S6"] += run.count
            if run.answer.records != runs[0].answer.records:
                found = "; ".join(map(str, run.answer.records)) or "nothing"
                yield _violation("S6", run, f"the neighbours are {found}")
    before, after = set(case.history.zone_before), set(case.history.zone_after)
    if before != after:
        text = f"gone {sorted(before - after)}, new {sorted(after - before)}"
        at_ns = case.history.ended_ns
        yield Violation(rule="S6", subject=NEIGHBOUR, at_ns=at_ns, text=text)


# liveness


def _heals(case: _Case) -> Iterator[Violation]:
    for windows in case.windows.values():
        for one in windows:
            if not one.sure or one.kind == BREAK_GLASS:
                continue
            case.judged["L2"] += 1
            if one.fair_s > HEAL_S or one.wall_s > HEAL_WALL_S or not one.closed:
                state = "healed" if one.closed else "not healed"
                text = (
                    f"{one.kind}: {state} after {one.wall_s:.1f} s, {one.fair_s:.1f} s of it fair"
                )
                yield Violation(rule="L2", subject=one.endpoint, at_ns=one.closed_ns, text=text)


def _promises(case: _Case) -> Iterator[Violation]:
    for one in case.history.promises:
        case.judged[one.rule] += 1
        if not one.kept:
            text = f"not within {one.bound_s:g} s: {one.detail}"
            at_ns = case.history.ended_ns
            yield Violation(rule=one.rule, subject=one.subject, at_ns=at_ns, text=text)


def _agreed(case: _Case) -> Iterator[Violation]:
    """Several providers: one number never has two contents, and in the end all show the same."""
    for one in agreement.one_content(case.history):
        yield Violation(rule="S2", subject=one.endpoint, at_ns=one.at_ns, text=one.text)
    if not case.history.promises:
        return  # the run ended in the middle of things
    for found in agreement.in_the_end(case.history):
        case.judged["L1"] += 1
        if found is not None:
            yield Violation(
                rule="L1",
                subject=found.endpoint,
                at_ns=found.at_ns,
                text=f"no agreement: {found.text}",
            )


def _violation(rule: str, run: Run, text: str) -> Violation:
    return Violation(rule=rule, subject=run.subject, at_ns=run.first_ns, text=text)
