"""The tape: the run as a value, the same everywhere, or a clear word where it is not."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from outlast.model.errors import ConfigError
from outlast.sim.design import Size, Spec
from outlast.sim.designs import catalogue
from outlast.sim.faults import NAMES
from outlast.sim.search import keyed
from outlast.sim.strategies import Luck, uniform
from outlast.sim.tape import Choice, Differs, Tape, Told, fold, load, record, replay, save

REPLAYS = sorted((Path(__file__).parent / "replays").glob("*.json"))


def some_tape(seed: int = 1) -> Tape:
    spec = Spec(design="outlast", size=Size(enactors=2, plans=3, faults=5), faults=NAMES)
    design = catalogue.build(spec)
    run = uniform(design, keyed(seed), Luck(0.2, 200, 50, 0.1))
    return record(design, run.steps)


def test_replay_gives_the_same_digest() -> None:
    """A tape replayed in the same process ends with the digest that it carries."""
    tape = some_tape()
    assert len(tape.choices) > 50
    assert replay(catalogue.build(tape.spec), tape).digest == tape.digest


def test_another_choice_gives_another_digest() -> None:
    """The digest covers what was done: a tape cut by one step ends with another one."""
    tape = some_tape()
    shorter = replace(tape, choices=tape.choices[:-2])
    assert replay(catalogue.build(tape.spec), shorter).digest != tape.digest


def test_a_file_holds_the_whole_tape(tmp_path: Path) -> None:
    """What was saved and loaded again is equal."""
    tape = some_tape()
    save(tape, tmp_path / "run.json", replay(catalogue.build(tape.spec), tape))
    assert load(tmp_path / "run.json") == tape


def test_waits_are_part_of_the_tape() -> None:
    """A run with a clock replays with the same instants, and another wait gives another digest."""
    design = catalogue.build(Spec(design="last-writer-wins", size=Size(enactors=1, plans=1)))
    steps = [(0, 0), (1, 0)]
    tape = record(design, steps, [5, 7])
    assert [one.at_ms for one in replay(design, tape).told] == [5, 12]
    assert record(design, steps, [5, 8]).digest != tape.digest


def test_a_design_that_changed_is_noticed() -> None:
    """A tape of another configuration is refused with the step at which it differs."""
    tape = some_tape()
    other = Spec(design="outlast", size=replace(tape.spec.size, enactors=3), faults=NAMES)
    with pytest.raises(Differs, match="actors"):
        replay(catalogue.build(other), tape)
    design = catalogue.build(Spec(design="last-writer-wins", size=Size(enactors=1, plans=1)))
    blocked = Tape(spec=design.spec, choices=(Choice("who", 2, 1),))
    with pytest.raises(Differs, match="step 1"):
        replay(design, blocked)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "outlast-tape", "version": 99}'])
def test_a_strange_file_is_refused(tmp_path: Path, text: str) -> None:
    """What is no replay file ends with one clear error, never with a traceback."""
    path = tmp_path / "strange.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"strange\.json"):
        load(path)


def test_a_choice_is_bounded() -> None:
    """A value outside its bound is no choice."""
    with pytest.raises(ValueError, match="not below"):
        Choice("who", 3, 3)


@pytest.mark.slow
def test_hash_seeds_change_nothing(tmp_path: Path) -> None:
    """Two processes under two hash seeds search, and replay, with identical digests."""
    program = (
        "import sys, json\n"
        "from outlast.sim.designs import catalogue\n"
        "from outlast.sim.design import Size, Spec\n"
        "from outlast.sim.faults import NAMES\n"
        "from outlast.sim.search import keyed\n"
        "from outlast.sim.strategies import Luck, portfolio\n"
        "from outlast.sim.tape import record\n"
        "spec = Spec(design='outlast', size=Size(enactors=3, plans=4, endpoints=2, faults=6), "
        "faults=NAMES)\n"
        "design = catalogue.build(spec)\n"
        "for name, strategy in portfolio():\n"
        "    for seed in range(3):\n"
        "        run = strategy(design, keyed(seed, name), Luck(0.2, 300, 60, 0.1))\n"
        "        print(name, seed, record(design, run.steps, run.waits_ms).digest)\n"
    )
    outputs = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert len(set(outputs[0].splitlines())) == 27


@pytest.mark.parametrize("path", REPLAYS, ids=lambda path: path.stem)
def test_old_replays_still_end_as_recorded(path: Path) -> None:
    """Each replay file in the repository ends with the finding and the digest that it was saved with."""
    tape = load(path)
    trace = replay(catalogue.build(tape.spec), tape)
    assert (trace.found, trace.digest) == (tape.found, tape.digest)
    assert tape.found


def test_there_are_old_replays() -> None:
    """The folder of replay files is not empty, so that the test above tests something."""
    assert len(REPLAYS) >= 5
    assert all(json.loads(path.read_text())["story"] for path in REPLAYS)


def test_runs_of_one_doing_are_folded() -> None:
    """Thirty plans made in a row are told in one line that keeps the last number."""
    told = [Told("planner", f"makes plan {number}", "", "-") for number in range(1, 31)]
    told.append(Told("enactor-1", "takes plan 30", "", "-"))
    folded = fold(told)
    assert [(first, last) for first, last, _ in folded] == [(1, 30), (31, 31)]
    assert folded[0][2].what == "makes plan 1, and so on until it makes plan 30"
