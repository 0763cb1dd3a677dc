"""From a drill: the people whom an outcome hit, as the maker of reports wants them.

Only people go over, by service, country and minute: no fault, no name, no region.
"""

from collections.abc import Iterator

import numpy as np

from outlast.app.drill.library import find_scenario, open_scenario
from outlast.detect.cells import Grid
from outlast.detect.synth import People, Shares
from outlast.drill.outcome import Outcome
from outlast.drill.vary import Case


def people_of(outcome: Outcome, before_minutes: int = 0) -> People:
    """Return whom a drill hit. Services that nobody uses directly send no reports.

    Args:
        before_minutes: of an ordinary day before the drill begins; as many people are awake in it as at
            the drill's first minute.
    """
    quiet = np.zeros((len(outcome.services), len(outcome.countries)), np.float32)

    def hit() -> Iterator[Shares]:
        for _ in range(before_minutes):
            yield quiet
        yield from outcome.affected()

    first = np.repeat(outcome.awake[:1], before_minutes, axis=0)
    return People(
        Grid(outcome.services, outcome.countries),
        (int(outcome.start.timestamp()) // 60 - before_minutes) * 60,
        outcome.minutes + before_minutes,
        np.nan_to_num(outcome.people).astype(np.float32),
        np.concatenate([first, outcome.awake]).astype(np.float32),
        hit,
    )


def find_case(name: str) -> Case | None:
    """Return the drill of a scenario, by name or path, ready to run; None where it is no scenario."""
    path = find_scenario(name)
    if path is None:
        return None
    loaded = open_scenario(path)
    return Case(loaded.topology, loaded.scenario)
