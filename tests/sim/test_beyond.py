"""Beyond one transaction and one provider: trees and pairs explored, and every mutant of them caught."""

import pytest

from outlast.model.names import DnsName
from outlast.model.records import RecordSet, RecordType
from outlast.sim.design import Size, Spec
from outlast.sim.designs import catalogue, dual
from outlast.sim.designs.trees import turned
from outlast.sim.exhaust import Bound, explore
from outlast.sim.liveness import heal
from outlast.sim.mutantlist import mutants
from outlast.sim.mutants import hunt
from outlast.sim.search import Wish, search_batch
from outlast.sim.world import put


@pytest.mark.slow
def test_every_interleaving_of_a_small_world_of_trees_is_safe() -> None:
    """An enactor, three generations, a sweeper, resolvers that remember, time: nothing breaks."""
    spec = Spec(design="trees", size=Size(enactors=1, plans=2, age=1))
    seen = explore(catalogue.build(spec))
    assert seen.complete
    assert seen.states > 10_000
    assert not seen.traces


@pytest.mark.slow
@pytest.mark.parametrize("choice", [(), *((one,) for one in dual.SWITCHES)], ids=str)
def test_two_providers_meet_whatever_strikes(choice: tuple[str, ...]) -> None:
    """Late writes, lost replies, a provider away: each only goes forward, and both meet in the end."""
    size = Size(enactors=2, plans=5, faults=4)
    spec = Spec(design="dual", size=size, faults=dual.FAULTS, switches=choice)
    tally, finding = search_batch(catalogue.build, Wish(spec=spec), 0)
    assert finding is None, finding
    assert tally.healed > 5


@pytest.mark.parametrize("design", ["trees", "dual"])
def test_left_alone_the_newest_plan_stands(design: str) -> None:
    """Without a fault the world comes to rest, in a bounded number of moves."""
    made = catalogue.build(Spec(design=design, size=Size(enactors=2, plans=1)))
    healing = heal(made, (), 400)
    assert (healing.broken, healing.unsettled) == ("", "")


BEYOND = [one.name for one in mutants() if one.design != "outlast"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [one for one in BEYOND if "epoch alone" not in one])
def test_mutants_are_caught(name: str) -> None:
    """Clean-up by age, no quarantine, a flip unseen, a gate that opens for one: each breaks a promise."""
    (mutant,) = [one for one in mutants() if one.name == name]
    assert hunt(mutant, seconds=120, shrinking=False).found


def test_resolvers_remember_what_a_pointer_was() -> None:
    """Only pointers, and only where they changed."""
    name, one, two = (DnsName(f"{it}.example.net") for it in ("www", "a", "b"))
    before = put((), RecordSet(name, RecordType.CNAME, 60, (one,)))
    after = put((), RecordSet(name, RecordType.CNAME, 60, (two,)))
    assert turned(before, after, 7) == [(name, one, 7)]
    assert turned(before, before, 7) == []
    assert turned((), after, 7) == []


def test_a_choice_that_is_none_is_refused() -> None:
    """The switches are the operator's choices by name."""
    assert set(dual.SWITCHES) == {"go_on", "roll_back"}
    spec = Spec(design="dual", size=Size(enactors=1, plans=1), switches=("go_on",))
    assert explore(catalogue.build(spec), Bound(states=2_000)).traces == {}
