"""The story: a failing run told so that a person can follow it, to its point of no return and beyond.

Evidence  =  tape (replayable)  +  trace (what each did and believed)  +  fate (when it became too late)
"""

from dataclasses import dataclass

from outlast.sim.design import AnyDesign, Spec, Step, invariant_of
from outlast.sim.exhaust import Bound, Exploration
from outlast.sim.fate import Fate, fate_of
from outlast.sim.liveness import HEAL_BOUND, Healing, heal, hopeless
from outlast.sim.search import Build, Finding, keyed
from outlast.sim.shrink import REPLAYS_MAX, breaks, shrink, wedges
from outlast.sim.tape import Tape, Trace, fold, record, replay

HOPELESS = Bound(states=200_000, seconds=20.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A violation, made small and complete.

    Attributes:
        replays: how often the run was run again to shrink it; 0: it was a shortest one already.
        shrunk_from: how many steps it had when it was found.
        fate: None: not asked for.
        healing: what a fair calm continuation comes to.
        hopeless: whether no calm continuation at all heals, and what was explored; None: not asked for.
    """

    tape: Tape
    trace: Trace
    steps: tuple[Step, ...]
    replays: int
    shrunk_from: int
    fate: Fate | None
    healing: Healing
    hopeless: tuple[bool, Exploration] | None


def gather(build: Build, finding: Finding, *, replays_max: int = REPLAYS_MAX) -> Evidence:
    """Shrink a finding and work out everything that its story tells."""
    design = build(finding.spec)
    name = invariant_of(finding.found)
    bound = HEAL_BOUND
    test = wedges(design, name, bound) if finding.calm else breaks(design, name)
    steps, replays = shrink(finding.steps, test, replays_max)
    return evidence(
        design,
        tuple(steps),
        calm=finding.calm,
        replays=replays,
        shrunk_from=len(finding.steps),
    )


def evidence(
    design: AnyDesign,
    steps: tuple[Step, ...],
    *,
    calm: bool = False,
    waits_ms: tuple[int, ...] = (),
    replays: int = 0,
    shrunk_from: int = 0,
) -> Evidence:
    """Complete the evidence around steps that are small already."""
    tape = record(design, steps, waits_ms, calm=calm)
    trace = replay(design, tape)
    healing = heal(design, steps, HEAL_BOUND)
    fate = None
    if tape.found and not calm:
        fate = fate_of(design, steps, tape.found, keyed(1, "fate", tape.digest))
    without_hope = hopeless(design, steps, HOPELESS) if healing.unsettled else None
    return Evidence(
        tape=tape,
        trace=trace,
        steps=steps,
        replays=replays,
        shrunk_from=shrunk_from or len(steps),
        fate=fate,
        healing=healing,
        hopeless=without_hope,
    )


def tell(found: Evidence) -> list[str]:
    """Tell it line by line, as plain text."""
    spec: Spec = found.tape.spec
    lines = [f"{spec}: {found.tape.found}", f"({spec.size})", ""]
    width = max((len(one.who) for one in found.trace.told), default=0)
    dns = ""
    for _, number, one in fold(found.trace.told):
        clock = f"{one.at_ms / 1000:9.1f} s  " if one.at_ms is not None else ""
        believes = f"  [{one.belief}]" if one.belief else ""
        lines.append(f"{number:3d}. {clock}{one.who:{width}}  {one.what}{believes}")
        if one.dns != dns:
            dns = one.dns
            lines.append(f"     {' ' * len(clock)}{' ' * width}  DNS: {dns}")
        if found.fate and found.fate.point == number and number < len(found.trace.told):
            lines.append(f"     {' ' * width}  ---- point of no return: every redrawn future fails")
    lines += ["", *_ending(found)]
    return lines


def _ending(found: Evidence) -> list[str]:
    healing = found.healing
    lines = []
    if found.fate:
        before = found.fate.ratios[max(0, found.fate.point - 1)]
        lines.append(
            f"Point of no return: step {found.fate.point}. Just before it {before:.0%} of the redrawn "
            "futures failed; after it, all."
        )
    if not healing.unsettled:
        lines.append(f"Once the faults stop it heals, within {len(healing.steps)} moves.")
        return lines
    lines.append(f"Once the faults stop it does NOT heal: {healing.unsettled}.")
    if found.hopeless is not None:
        never, seen = found.hopeless
        scope = "all" if seen.complete else "the first"
        futures = f"{scope} {seen.states:,} states that calm can lead to were visited"
        lines.append(
            f"No future heals it: {futures}, no fault among them, two more plans made."
            if never and seen.complete
            else f"Some calm future heals it; {futures}."
            if not never
            else f"No healing was found: {futures}."
        )
    return lines
