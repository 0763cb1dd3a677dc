"""What a run says to people and machines: a summary in numbers, as text or as JSON."""

import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass

from chaos.agreement import apart
from chaos.checks import HEAL_S, RULES, Verdict, Violation
from chaos.history import SECOND_NS, History
from chaos.windows import Heal

SHOWN_MAX = 40
"""Violations printed; there is one line for how many more there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindLine:
    """One kind of fault in one run.

    Attributes:
        done: how often it was done; missed: how often it could not be.
        heal_median_s, heal_max_s: from the act of a foreign hand until the endpoint was whole again,
            whatever else was broken meanwhile; 0 where nothing had to heal.
    """

    kind: str
    done: int
    missed: int
    heals: int
    heal_median_s: float
    heal_max_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """One rule in one run: observations it was held against, and how many broke it."""

    rule: str
    about: str
    judged: int
    broken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One run in numbers."""

    server: str
    seed: int
    command: str
    seconds: float
    faults: int
    missed: int
    samples: int
    unanswered: int
    generations: int
    writers: dict[str, int]
    rules: tuple[RuleLine, ...]
    kinds: tuple[KindLine, ...]
    promises: tuple[str, ...]
    violations: tuple[str, ...]
    notes: tuple[str, ...]
    passed: bool
    apart_s: tuple[float, float] | None = None
    """With several providers: for how long they differed at most, during the faults and afterwards."""


def summarize(history: History, verdict: Verdict) -> Summary:
    """Put a run in numbers."""
    done = [one for one in history.faults if one.done]
    fences = {value for run in history.runs for value in run.answer.fence if " w=" in value}
    broken = Counter(one.rule for one in verdict.violations)
    return Summary(
        server=history.server,
        seed=history.seed,
        command=history.command,
        seconds=round((history.ended_ns - history.began_ns) / SECOND_NS, 1),
        faults=len(done),
        missed=len(history.faults) - len(done),
        samples=sum(run.count for run in history.runs),
        unanswered=sum(run.count for run in history.runs if run.answer.fault),
        generations=len(fences),
        writers=dict(sorted(Counter(one.rpartition(" w=")[2] for one in fences).items())),
        rules=tuple(
            RuleLine(rule=rule, about=about, judged=verdict.judged[rule], broken=broken[rule])
            for rule, about in RULES.items()
        ),
        kinds=_kinds(history, verdict.heals),
        promises=tuple(
            f"{one.rule} {one.subject}: {'kept' if one.kept else 'NOT kept'}, {one.took_s:.1f} s "
            f"of {one.bound_s:g} s"
            for one in history.promises
        ),
        violations=tuple(tell(one, history) for one in verdict.violations),
        notes=tuple(f"{count} x {note}" for note, count in Counter(history.notes).items()),
        passed=verdict.passed,
        apart_s=apart(history) if history.sides else None,
    )


def _kinds(history: History, heals: tuple[Heal, ...]) -> tuple[KindLine, ...]:
    done = Counter(one.kind for one in history.faults if one.done)
    missed = Counter(one.kind for one in history.faults if not one.done)
    times: dict[str, list[float]] = defaultdict(list)
    for heal in heals:
        if heal.sure:
            times[heal.kind].append(heal.wall_s)
    lines = []
    for kind in sorted(done.keys() | missed.keys()):
        took = times.get(kind, [])
        lines.append(
            KindLine(
                kind=kind,
                done=done[kind],
                missed=missed[kind],
                heals=len(took),
                heal_median_s=round(statistics.median(took), 2) if took else 0.0,
                heal_max_s=round(max(took), 2) if took else 0.0,
            )
        )
    return tuple(lines)


def tell(one: Violation, history: History) -> str:
    """One violation as a line, with what was being done to the system at that moment."""
    at_s = (one.at_ns - history.began_ns) / SECOND_NS
    then = [
        f"{fault.kind} {fault.target}"
        for fault in history.faults
        if fault.began_ns - SECOND_NS <= one.at_ns <= fault.ended_ns + SECOND_NS
    ]
    return (
        f"{one.rule} {one.subject} at {at_s:.3f} s: {one.text} (during: {', '.join(then) or '-'})"
    )


def text(summary: Summary) -> str:
    """Return the report for a terminal."""
    writers = ", ".join(f"{name} {count}" for name, count in summary.writers.items())
    longest_s = max((one.heal_max_s for one in summary.kinds), default=0.0)
    lines = [
        f"{summary.server}: {summary.faults} faults in {summary.seconds:.0f} s, seed {summary.seed}"
        + (f" ({summary.missed} more could not be done)" if summary.missed else ""),
        f"{summary.samples} samples, {summary.unanswered} without an answer",
        f"{summary.generations} publications ({writers})",
        "",
        "rule  held against  broken",
        *(f"{one.rule}    {one.judged:12d}  {one.broken:6d}  {one.about}" for one in summary.rules),
        "",
        f"healing: at most {HEAL_S:g} s of fair time are allowed; longest in all {longest_s:.2f} s",
        *(f"  {line}" for line in summary.promises),
        *([f"  providers: {_apart(summary.apart_s)}"] if summary.apart_s is not None else []),
        *(f"  note: {line}" for line in summary.notes),
    ]
    if summary.violations:
        lines += ["", "VIOLATIONS", *summary.violations[:SHOWN_MAX]]
        more = len(summary.violations) - SHOWN_MAX
        lines += [f"... and {more} more"] if more > 0 else []
    lines += ["", f"again:  {summary.command}"]
    return "\n".join(lines)


def _apart(longest_s: tuple[float, float]) -> str:
    during_s, after_s = longest_s
    return f"differed for at most {during_s:.1f} s during the faults, {after_s:.1f} s afterwards"
