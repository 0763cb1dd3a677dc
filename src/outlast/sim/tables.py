"""Tables for the documents: guardrails, mutants, faults, and how much was explored. Each made by one call."""

from itertools import combinations

from outlast.core.enact import Writing
from outlast.sim import faults, starvation
from outlast.sim.design import AnyDesign, Size, Spec
from outlast.sim.designs import aws2025, catalogue
from outlast.sim.exhaust import Bound, Exploration, explore
from outlast.sim.liveness import HEAL_BOUND, heal, hopeless
from outlast.sim.mutantlist import mutants as all_mutants
from outlast.sim.mutants import SECONDS, Catch, hunt
from outlast.sim.roleenactor import Enactor
from outlast.sim.search import Tally, Wish, keyed, search_batch
from outlast.sim.world import World

EMPTY_AT, BACK_AT, LOST_AT = "S1 never empty", "S2 monotone", "S4 retained"
SMALL = Size(enactors=2, plans=5, age=2)
REALISTIC = Size(enactors=3, plans=40, endpoints=3, age=30)
HOPELESS = Bound(states=100_000)
BATCHES = 20


def guardrails(*, batches: int = BATCHES) -> str:
    """Each guardrail of `aws-2025` alone, and all pairs: what is left that can happen, and does it heal?"""
    lines = [
        (
            f"`aws-2025`, every interleaving of {SMALL}; share of schedules that empty an endpoint: "
            f"portfolio search over {REALISTIC}."
        ),
        "",
        (
            "| guardrails | empty endpoint | heals | shows an older plan | rollback lost "
            "| schedules that empty | states |"
        ),
        "|---|---|---|---|---|---:|---:|",
    ]
    for count in range(3):
        lines += [
            _guardrail_row(tuple(sorted(switches)), batches)
            for switches in combinations(aws2025.SWITCHES, count)
        ]
    return "\n".join(lines)


def _guardrail_row(switches: tuple[str, ...], batches: int) -> str:
    spec = Spec(design="aws-2025", size=SMALL, switches=switches)
    design = catalogue.build(spec)
    seen = explore(design)
    assert seen.complete
    heals = "-"
    if EMPTY_AT in seen.traces:
        steps = seen.traces[EMPTY_AT][1]
        healing = heal(design, steps, HEAL_BOUND)
        if healing.unsettled:
            never, futures = hopeless(design, steps, HOPELESS)
            proof = f"all {futures.states} calm states" if futures.complete else "not proved"
            heals = f"**never** ({proof})" if never else "not always"
        else:
            heals = f"yes, within {len(healing.steps)} moves"
    cells = [
        " + ".join(switches) or "none, as published",
        _trace_cell(seen, EMPTY_AT),
        heals,
        _trace_cell(seen, BACK_AT) + _until_newest(design, seen),
        _trace_cell(seen, LOST_AT),
        f"{_share_empty(switches, batches):.2%}",
        f"{seen.states:,}",
    ]
    return f"| {' | '.join(cells)} |"


def _trace_cell(seen: Exploration, invariant: str) -> str:
    if invariant not in seen.traces:
        return "prevented"
    return f"after {len(seen.traces[invariant][1])} steps"


def _until_newest(design: AnyDesign, seen: Exploration) -> str:
    """How long the older plan is shown: calm moves until the newest of two more plans stands."""
    if BACK_AT not in seen.traces:
        return ""
    healing = heal(design, seen.traces[BACK_AT][1], HEAL_BOUND)
    return ", for good" if healing.unsettled else f", for {len(healing.steps)} calm moves"


def _share_empty(switches: tuple[str, ...], batches: int) -> float:
    spec = Spec(
        design="aws-2025",
        size=REALISTIC,
        switches=switches,
        faults=(aws2025.BACK_OFF,),
        tolerate=(BACK_AT, LOST_AT),
    )
    wish = Wish(spec=spec, heal_bound=0, stop=False)
    schedules = hits = 0
    for number in range(batches):
        tally, _ = search_batch(catalogue.build, wish, number)
        schedules += tally.schedules
        hits += sum(tally.hits.values())
    return hits / schedules


def mutants(*, seconds: float = SECONDS) -> tuple[str, list[str]]:
    """Hunt every mutant.

    Returns:
        the tables of mutants and of faults, and the names of the mutants that survived.
    """
    catches = [hunt(mutant, seconds=seconds) for mutant in all_mutants()]
    lines = [
        "| mutation | what it would do | caught by | trace | faults in it | schedules | seconds |",
        "|---|---|---|---:|---|---:|---:|",
        *(_mutant_row(one) for one in catches),
        "",
        "| fault | what it is | bites |",
        "|---|---|---|",
        *_fault_rows(catches),
    ]
    return "\n".join(lines), [one.mutant.name for one in catches if not one.found]


def _mutant_row(one: Catch) -> str:
    caught = one.found.partition(":")[0] or "**survived**"
    struck = ", ".join(one.struck) or "none"
    schedules = "all" if one.mutant.exhaustive else f"{one.schedules:,}"
    return (
        f"| {one.mutant.name} | {one.mutant.about} | {caught} | {one.steps} | {struck} "
        f"| {schedules} | {one.seconds:.2f} |"
    )


def _fault_rows(catches: list[Catch]) -> list[str]:
    rows = []
    for fault in faults.CATALOGUE:
        bitten = [
            one.mutant.name
            for one in catches
            if one.found and (fault.name in one.struck or one.mutant.faults == (fault.name,))
        ]
        first = f"{bitten[0]}" if bitten else "**nothing**"
        more = f", and {len(bitten) - 1} more" if len(bitten) > 1 else ""
        rows.append(f"| `{fault.name}` | {fault.about} | {first}{more} |")
    return rows


def explored(*, seconds: float = 600.0) -> str:
    """How much of `outlast` was explored exhaustively, configuration by configuration."""
    lines = [
        "| world | states | transitions | depth | complete | broken | seconds |",
        "|---|---:|---:|---:|---|---|---:|",
    ]
    every = tuple(name for name in faults.NAMES if name != "split-planner")
    for size, kinds in (
        (Size(enactors=2, plans=2, age=1), ()),
        (Size(enactors=2, plans=1, age=1, faults=1), every),
        (Size(enactors=2, plans=1, age=1, faults=2), ("wipe",)),
        (Size(enactors=2, plans=1, age=1, faults=2), ("late-write", "wipe")),
    ):
        spec = Spec(design="outlast", size=size, faults=kinds)
        seen = explore(catalogue.build(spec), Bound(seconds=seconds))
        named = ", ".join(kinds) if len(kinds) < 5 else f"any of {len(kinds)} kinds"
        world = f"{size.enactors} enactors, {size.plans} plans, "
        world += f"{size.faults} faults: {named}" if kinds else "no fault but delay"
        rest = "yes" if seen.complete else f"no: {seen.unexpanded:,} left"
        broken = ", ".join(sorted(seen.traces)) or "nothing"
        lines.append(
            f"| {world} | {seen.states:,} | {seen.transitions:,} | {seen.depth} | {rest} "
            f"| {broken} | {seen.seconds:.1f} |"
        )
    return "\n".join(lines)


BEYOND = (
    ("trees", Size(enactors=1, plans=2, age=1), (), ()),
    ("trees", Size(enactors=2, plans=1, age=1), (), ()),
    ("trees", Size(enactors=1, plans=1, age=1, faults=1), ("late-write", "lost-reply", "wipe"), ()),
    ("dual", Size(enactors=1, plans=1, age=1), (), ()),
    ("dual", Size(enactors=1, plans=1, age=1, faults=1), ("late-write", "provider-down"), ()),
    ("dual", Size(enactors=1, plans=2, age=1), (), ()),
    ("dual", Size(enactors=1, plans=2, age=1), (), ("go_on",)),
)
BEYOND_LARGE = (
    ("trees", Size(enactors=2, plans=6, faults=2), ()),
    ("trees", Size(enactors=3, plans=8, faults=4), ()),
    ("dual", Size(enactors=2, plans=6, faults=4), ()),
    ("dual", Size(enactors=2, plans=6, faults=4), ("go_on",)),
    ("dual", Size(enactors=3, plans=6, faults=4), ("roll_back",)),
)


def beyond(*, states: int = 2_000_000, batches: int = 4) -> str:
    """How much was explored beyond one transaction and one provider: every interleaving, then search."""
    lines = [
        "| design | world | states | transitions | depth | complete | broken |",
        "|---|---|---:|---:|---:|---|---|",
    ]
    for design, size, kinds, switches in BEYOND:
        spec = Spec(design=design, size=size, faults=kinds, switches=switches)
        seen = explore(catalogue.build(spec), Bound(states=states))
        struck = f"{size.faults} faults: {', '.join(kinds)}" if kinds else "no fault but delay"
        rest = "yes" if seen.complete else f"no: {seen.unexpanded:,} left"
        lines.append(
            f"| {spec} | {size.enactors} enactors, {size.plans} plans, {struck} | {seen.states:,} "
            f"| {seen.transitions:,} | {seen.depth} | {rest} "
            f"| {', '.join(sorted(seen.traces)) or 'nothing'} |"
        )
    lines += [
        "",
        "| design | world | schedules | steps | continued calmly | most moves to heal | broken |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for design, size, switches in BEYOND_LARGE:
        every = catalogue.entry_of(design).faults
        spec = Spec(design=design, size=size, faults=every, switches=switches)
        total, found = Tally(), []
        for number in range(batches):
            tally, finding = search_batch(catalogue.build, Wish(spec=spec, seed=3), number)
            total.add(tally)
            found += [finding.found] if finding else []
        lines.append(
            f"| {spec} | {size.enactors} enactors, {size.plans} plans, at most {size.faults} faults of "
            f"{len(every)} kinds | {total.schedules:,} | {total.steps:,} | {total.healed:,} "
            f"| {total.heal_steps_max} | {found or 'nothing'} |"
        )
    return "\n".join(lines)


def searched(*, batches: int = 12) -> str:
    """How much of `outlast` was searched, world by world: every kind of fault, all promises."""
    lines = [
        "| world | schedules | steps | continued calmly | most moves to heal | virtual hours | broken |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for size in (
        Size(enactors=3, plans=6, endpoints=1, faults=4),
        Size(enactors=3, plans=6, endpoints=2, faults=6),
        Size(enactors=5, plans=10, endpoints=3, faults=8),
    ):
        spec = Spec(design="outlast", size=size, faults=faults.NAMES)
        total, found = Tally(), []
        for number in range(batches):
            tally, finding = search_batch(catalogue.build, Wish(spec=spec, seed=2), number)
            total.add(tally)
            found += [finding.found] if finding else []
        lines.append(
            f"| {size} | {total.schedules:,} | {total.steps:,} | {total.healed:,} "
            f"| {total.heal_steps_max} | {total.virtual_ns / 3.6e12:,.0f} | {found or 'nothing'} |"
        )
    return "\n".join(lines)


def starving(*, runs: int = 200) -> str:
    """How far behind the newest plan publications are, here and in the published design."""
    lines = [
        "| design | runs | publications | behind on average | 99 of 100 within | farthest behind |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    size = Size(enactors=3, plans=60, endpoints=6, age=30)
    aws = catalogue.build(Spec(design="aws-2025", size=size, faults=(aws2025.BACK_OFF,)))
    ours = catalogue.build(Spec(design="outlast", size=Size(enactors=3, plans=200)))
    cases: tuple[tuple[str, AnyDesign, starvation.Lag, frozenset[int], int], ...] = (
        ("aws-2025", aws, _lag_aws, frozenset({aws2025.PLANNER}), runs),
        ("outlast", ours, _lag_ours, frozenset({len(ours.actors) - 1}), max(1, runs // 10)),
    )
    for name, design, lag, planners, count in cases:
        pace = starvation.Pace(planners=planners, plan_s=5.0)
        found: list[int] = []
        for number in range(count):
            random = keyed(number, "starving", name)
            found += starvation.lags(design, lag, pace, random, limit=20_000)
        found.sort()
        lines.append(
            f"| {name} | {count} | {len(found):,} | {sum(found) / len(found):.2f} "
            f"| {found[len(found) * 99 // 100]} | {found[-1]} |"
        )
    return "\n".join(lines)


def _lag_aws(shared: aws2025.Dns, local: aws2025.Enactor) -> int | None:
    return shared.newest - local.plan if local.doing == aws2025.FLIP else None


def _lag_ours(shared: World, local: object) -> int | None:
    phase = local.state.phase if isinstance(local, Enactor) else None
    head = shared.rows[0].head
    if not isinstance(phase, Writing) or head is None:
        return None
    return head.generation - phase.plan.generation
