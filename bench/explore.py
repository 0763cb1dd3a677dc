"""The explorer beside its peers: Spin, a Hypothesis stateful test, the asyncio simulator detangle.

    python -m bench.explore [--quick] [--rounds N]

Same work on both sides of each pair:
- Spin stores exactly the states that this explorer stores (`models/race.pml`, counts compared here);
- Hypothesis drives the very design that the portfolio drives, step by step, with the same checks;
- detangle runs the same race written as asyncio tasks that wait for events instead of polling.
"""

import asyncio
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import detangle
from bench.harness import Case, compare, machine, markdown, options
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from outlast.sim.design import AnyDesign, Size, Spec
from outlast.sim.designs import catalogue
from outlast.sim.exhaust import Bound, explore
from outlast.sim.search import Wish, keyed, search, search_batch
from outlast.sim.shrink import breaks, shrink
from outlast.sim.strategies import Luck, portfolio, stalls

MODEL = Path(__file__).parents[1] / "models" / "race.pml"
WHOLE = Size(enactors=3, plans=6, endpoints=2, age=2)
REALISTIC = Size(enactors=3, plans=40, endpoints=8, age=30)
EMPTY_ONLY = ("S2 monotone", "S4 retained")


# states a second, beside Spin


def spin(folder: Path) -> Callable[[], float]:
    """Compile the model and return a run: seconds for the whole state space."""
    found = shutil.which("spin")
    assert found, "install the package `spin`"
    defines = [f"-DE={WHOLE.enactors}", f"-DP={WHOLE.plans}", f"-DN={WHOLE.endpoints}", "-DK=2"]
    subprocess.run([found, "-a", *defines, str(MODEL)], cwd=folder, check=True)
    compiler = shutil.which("gcc")
    assert compiler, "install gcc"
    command = [compiler, "-O2", "-w", "-DSAFETY", "-DNOREDUCE", "-o", "pan", "pan.c"]
    subprocess.run(command, cwd=folder, check=True)
    ours = explore(race(WHOLE), Bound(symmetry=False)).states

    def run() -> float:
        began = time.perf_counter()
        done = subprocess.run(
            [str(folder / "pan"), "-E"], cwd=folder, check=True, capture_output=True, text=True
        )
        took = time.perf_counter() - began
        counted = re.search(r"(\d+) states, stored", done.stdout)
        assert counted is not None
        assert int(counted[1]) == ours, f"Spin stored {counted[1]}, this explorer {ours}"
        return took

    return run


def race(size: Size) -> AnyDesign:
    """Return the small race model."""
    return catalogue.build(Spec(design="last-writer-wins", size=size, tolerate=("S2 monotone",)))


def whole(*, symmetry: bool) -> float:
    """Explore the whole space; return seconds."""
    return explore(race(WHOLE), Bound(symmetry=symmetry)).seconds


# schedules a second, beside Hypothesis


def sound() -> AnyDesign:
    """Return the small race with its guardrails, so that no run ends early."""
    switches = ("compare", "reachable-clean-up")
    return catalogue.build(Spec(design="last-writer-wins", size=WHOLE, switches=switches))


def outlast() -> AnyDesign:
    """Return the production core in a middling world."""
    size = Size(enactors=2, plans=3, faults=2)
    return catalogue.build(
        Spec(design="outlast", size=size, faults=("crash", "lost-reply", "wipe"))
    )


def hypothesis_rate(design: AnyDesign, examples: int, steps: int) -> float:
    """Drive a design by a stateful test; return examples a second."""
    runs = 0

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            nonlocal runs
            runs += 1
            self.shared, self.locals_ = design.begin()

        @rule(who=st.integers(0, len(design.actors) - 1), how=st.integers(0, 9))
        def step(self, who: int, how: int) -> None:
            choices = design.options(who, self.shared, self.locals_[who])
            if choices:
                option = how if how < choices else 0
                deed = design.move(who, option, self.shared, self.locals_[who])
                assert not (deed and design.judge(self.shared, deed))

    began = time.perf_counter()
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=InMemoryExampleDatabase(),
            suppress_health_check=list(HealthCheck),
        ),
    )
    return runs / (time.perf_counter() - began)


def portfolio_rate(design: AnyDesign, seconds: float, steps: int) -> float:
    """Drive a design by the portfolio, as many steps a run; return runs a second."""
    runs = number = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        for name, strategy in portfolio():
            strategy(design, keyed(number, name), Luck(0.1, steps, steps, 0.2))
            runs += 1
        number += 1
    return runs / (time.perf_counter() - began)


# schedules a second, beside detangle


async def asyncio_race() -> None:
    """Write the small race as asyncio tasks: what one would hand to an asyncio simulator."""
    size = REALISTIC
    live = [0] * size.endpoints
    newest = oldest = done = 0
    news = asyncio.Condition()

    async def planner() -> None:
        nonlocal newest, done
        for _ in range(size.plans):
            async with news:
                newest += 1
                news.notify_all()
            await asyncio.sleep(0)
        async with news:
            done = 1
            news.notify_all()

    async def enactor() -> None:
        nonlocal oldest
        did = 0
        while True:
            async with news:
                while newest <= did and not done:
                    await news.wait()
            if newest <= did:
                return
            plan = newest
            for at in range(size.endpoints):
                await asyncio.sleep(0)
                assert plan > oldest, f"endpoint {at} answers with no address"
                live[at] = plan
            await asyncio.sleep(0)
            oldest = max(oldest, plan - size.age)
            assert all(one > oldest or not one for one in live), "an endpoint has no address"
            did = plan

    await asyncio.gather(planner(), *(enactor() for _ in range(size.enactors)))


def detangle_rate(strategy: str, runs: int) -> tuple[float, bool]:
    """Let detangle explore; return runs a second, and whether it found the race."""
    began = time.perf_counter()
    try:
        stats = detangle.explore(
            asyncio_race, runs=runs, strategy=strategy, seed=1, shrink=False, database=False
        )
    except AssertionError as found:
        counted = re.search(r"after ([0-9,]+) run", str(found))
        ran = int(counted[1].replace(",", "")) if counted else 1
        return ran / (time.perf_counter() - began), True
    return stats.runs / (time.perf_counter() - began), False


def race_rate(seconds: float, only: str) -> float:
    """Explore the same race; return runs a second."""
    wish = Wish(spec=race(REALISTIC).spec, heal_bound=0, stop=False, only=(only,))
    runs = number = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        runs += search_batch(catalogue.build, wish, number)[0].schedules
        number += 1
    return runs / (time.perf_counter() - began)


# figures without a peer


def figures(seeds: int) -> str:
    """Return medians over seeds: time to the race, replays of shrinking, virtual over real time."""
    lines = ["| figure | median | worst | of |", "|---|---:|---:|---:|"]
    for age, size in (
        (2, Size(enactors=2, plans=5)),
        (30, Size(enactors=3, plans=40, endpoints=3, age=30)),
    ):
        spec = Spec(design="aws-2025", size=size, tolerate=EMPTY_ONLY)
        times, replays, shrinks, lengths = [], [], [], []
        for seed in range(seeds):
            began = time.perf_counter()
            _, finding = search(
                catalogue.build, Wish(spec=spec, seed=seed, heal_bound=0), seconds=60
            )
            assert finding is not None
            times.append(1e3 * (time.perf_counter() - began))
            began = time.perf_counter()
            steps, spent = shrink(finding.steps, breaks(catalogue.build(spec), "S1 never empty"))
            shrinks.append(1e3 * (time.perf_counter() - began))
            replays.append(float(spent))
            lengths.append(float(len(steps)))
        for name, values in (
            (f"ms to the race at clean-up age {age}", times),
            (f"replays to shrink it, age {age}", replays),
            (f"ms to shrink it, age {age}", shrinks),
            (f"steps of the shrunk trace, age {age}", lengths),
        ):
            lines.append(
                f"| {name} | {statistics.median(values):.1f} | {max(values):.1f} | {seeds} seeds |"
            )
    lines.append(f"| virtual over real time, timed mode | {_virtual():,.0f} | | 1 s |")
    seen = explore(race(WHOLE), Bound(symmetry=False))
    lines.append(
        f"| bytes a state, exhaustive | {seen.bytes_per_state} | | {seen.states:,} states |"
    )
    return "\n".join(lines)


def _virtual() -> float:
    design, number, virtual_ns = race(REALISTIC), 0, 0
    began = time.perf_counter()
    while time.perf_counter() - began < 1.0:
        virtual_ns += stalls(design, keyed(number, "virtual"), Luck(0.0, 6_000, 200)).virtual_ns
        number += 1
    return virtual_ns / 1e9 / (time.perf_counter() - began)


def beside_spin(rounds: int) -> str:
    """Return the table of the whole state space."""
    peer = "Spin, whole space"
    with tempfile.TemporaryDirectory() as folder:
        cases = [Case(peer, spin(Path(folder)), "s", more_is_better=False)]
        for name, on in (("no symmetry", False), ("symmetry", True)):
            cases.append(
                Case(
                    f"this explorer, {name}",
                    partial(whole, symmetry=on),
                    "s",
                    peer,
                    more_is_better=False,
                )
            )
        return markdown(compare(cases, rounds))


def beside_hypothesis(rounds: int, *, quick: bool) -> str:
    """Return the table of schedules of the same design, step by step."""
    examples, seconds, steps = (30, 0.5, 80) if quick else (200, 2.0, 80)
    cases = []
    for name, design in (("small race", sound()), ("production core", outlast())):
        peer = f"Hypothesis stateful, {name}"
        cases += [
            Case(peer, partial(hypothesis_rate, design, examples, steps)),
            Case(
                f"portfolio, {name}",
                partial(portfolio_rate, design, seconds, steps),
                beside=peer,
            ),
        ]
    return markdown(compare(cases, rounds, warm_up=False))


def beside_detangle(rounds: int, *, quick: bool) -> str:
    """Return the table of schedules of the race at age 30, and who of detangle's strategies found it."""
    runs, seconds = (100, 0.5) if quick else (1_500, 2.0)
    found: set[str] = set()

    def peer(strategy: str) -> float:
        rate, hit = detangle_rate(strategy, runs)
        found.update({strategy} if hit else set())
        return rate

    beside = "detangle random, race at age 30"
    cases = [Case(beside, lambda: peer("random"))]
    cases += [
        Case(f"{name}, race at age 30", partial(race_rate, seconds, name), beside=beside)
        for name in ("uniform", "pos", "pct-5")
    ]
    table = markdown(compare(cases, rounds, warm_up=False))
    for strategy in ("pct", "auto"):
        peer(strategy)
    names = ", ".join(sorted(found)) or "none"
    return f"{table}\n\ndetangle found the race at age 30 by: {names} ({runs} runs at most each)"


def main() -> None:
    """Print all tables."""
    chosen = options(__doc__ or "")
    print(machine())
    print("\n" + beside_spin(chosen.rounds))
    print("\n" + beside_hypothesis(chosen.rounds, quick=chosen.quick))
    print("\n" + beside_detangle(chosen.rounds, quick=chosen.quick))
    print("\n" + figures(5 if chosen.quick else 25))


if __name__ == "__main__":
    main()
