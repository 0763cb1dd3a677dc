"""Scenarios in words, with the trace expected of them.

`OUTLAST_REWRITE_GOLDEN=1 pytest tests/golden` writes the traces anew: commit the difference only if you
understand it.
"""

import os
from pathlib import Path

import pytest
from tests.golden.interpreter import Interpreter
from tests.support.builders import endpoint, failover, target

from outlast.model.topology import Budget, Endpoint, Floors, Policy

SCENARIOS = sorted(Path(__file__).parent.glob("*.txt"))


def declared(lines: list[str]) -> tuple[Endpoint, bool]:
    """Read the `=` lines: the endpoint, and whether its provider honours weights."""
    words = {line.split()[1]: line.split()[2:] for line in lines if line.startswith("= ")}
    ramp_s = float(words.get("ramp", ["0"])[0])
    policy = Policy(ramp_s=ramp_s)
    if "failover" in words:
        policy = failover(*words["failover"], ramp_s=ramp_s)
    capacity = int(words.get("capacity", ["0"])[0])
    of = endpoint(
        *(target(one, capacity=capacity) for one in words["targets"]),
        policy=policy,
        floors=Floors(targets=int(words.get("floor", ["1"])[0])),
        budget=Budget(removed_ratio=float(words.get("budget", ["0.5"])[0])),
        demand=int(words.get("demand", ["0"])[0]),
    )
    return of, "plain" not in words


def play(text: str) -> str:
    """Play a scenario; return its text with the trace that came out."""
    lines = text.splitlines()
    of, weighted = declared(lines)
    world = Interpreter(of, weighted=weighted)
    for line in lines:
        if line.startswith(("#", "=")) or not line:
            world.out.append(line)
        elif line.startswith("> "):
            world.out.append(line)
            world.run(line[2:])
    return "\n".join(world.out) + "\n"


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_goes_as_written(path: Path) -> None:
    """Every transition, every refusal and every answer of the DNS stands in the file."""
    expected = path.read_text()
    actual = play(expected)
    if os.environ.get("OUTLAST_REWRITE_GOLDEN"):
        path.write_text(actual)
    assert actual == path.read_text()


def test_there_are_scenarios_and_each_shows_what_the_dns_answers() -> None:
    """An empty folder, or one without traces, would pass every test above."""
    assert len(SCENARIOS) >= 11
    for path in SCENARIOS:
        text = path.read_text()
        assert text.startswith("# ")
        assert text.count("      dns: ") >= text.count("\n> ")
