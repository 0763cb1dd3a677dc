"""Faults are drawn from a seed: the same again for the same seed, and never two on one thing."""

from collections import defaultdict

from chaos.catalogue import CATALOGUE
from chaos.drawing import draw
from chaos.page import LANES

ALL = frozenset({"disk", "cable", "netem", "file", "etcd", "dual"})


def test_one_seed_draws_the_same_faults_again() -> None:
    """What repeats a run is its seed."""
    assert draw(7, count=60, per_s=2, offers=ALL) == draw(7, count=60, per_s=2, offers=ALL)
    assert draw(7, count=60, per_s=2, offers=ALL) != draw(8, count=60, per_s=2, offers=ALL)


def test_two_faults_never_hold_one_thing_at_once() -> None:
    """Each begins after the last one on that thing has ended, and its quiet time has passed."""
    free: dict[str, float] = defaultdict(float)
    for one in draw(3, count=400, per_s=4, offers=ALL):
        for thing in one.kind.things(one.target):
            assert free[thing] <= one.at_s
            free[thing] = one.at_s + one.for_s + one.kind.apart_s


def test_every_kind_is_drawn_sooner_or_later() -> None:
    """No entry of the catalogue is dead."""
    drawn = {one.kind.name for one in draw(1, count=2000, per_s=4, offers=ALL)}
    assert drawn == {one.name for one in CATALOGUE}


def test_what_the_machine_does_not_offer_is_not_drawn() -> None:
    """Without root there is no disk to fill and no cable to pull."""
    drawn = {one.kind.name for one in draw(1, count=1000, per_s=4, offers=frozenset())}
    assert drawn == {one.name for one in CATALOGUE if not one.needs}


def test_every_target_has_a_lane_in_the_page() -> None:
    """What operators do has a lane of its own."""
    people = {"us", "ap"}
    assert {target for one in CATALOGUE for target in one.targets} - people <= set(LANES)
