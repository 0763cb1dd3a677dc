"""The production core in the virtual world: nothing breaks, every mutant does."""

import pytest

from outlast.core import enact, transact
from outlast.sim import faults
from outlast.sim.design import Size, Spec
from outlast.sim.designs import catalogue
from outlast.sim.designs.outlast import Outlast
from outlast.sim.liveness import heal
from outlast.sim.mutantlist import mutants
from outlast.sim.mutants import Mutant, applied, hunt
from outlast.sim.search import Wish, search_batch

QUICK = (
    "delete one name too many",
    "provider: half a transaction",
    "a loser keeps its plan",
    "skip the read-back",
    "no branch for an empty endpoint",
    "plan although frozen",
    "retire by age",
    "changes of the topology are not taken up",
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_breaks_under_the_whole_catalogue(seed: int) -> None:
    """Planner, three enactors, two endpoints, every kind of fault: no invariant and no promise breaks."""
    size = Size(enactors=3, plans=5, endpoints=2, faults=5)
    spec = Spec(design="outlast", size=size, faults=faults.NAMES)
    tally, finding = search_batch(Outlast, Wish(spec=spec, seed=seed), 0)
    assert finding is None, finding
    assert tally.schedules == 180
    assert tally.healed > 5


def test_a_world_at_rest_is_published_and_confirmed() -> None:
    """Left alone, the world converges: healthy targets are published under a confirmed plan."""
    design = catalogue.build(Spec(design="outlast", size=Size(enactors=3, plans=1, endpoints=2)))
    healing = heal(design, (), 200)
    assert healing.unsettled == ""
    assert healing.broken == ""
    assert len(healing.steps) < 100


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_mutants_are_caught(name: str) -> None:
    """A mutation of our own code breaks an invariant or a promise."""
    (mutant,) = [one for one in mutants() if one.name == name]
    assert hunt(mutant, seconds=20, shrinking=False).found


def test_a_mutation_is_put_back() -> None:
    """Whatever happens while a mutant is hunted, the original function is there again afterwards."""
    before = enact.step, transact._conditions, enact.move  # type: ignore[attr-defined]
    for mutant in mutants():
        with applied(mutant):
            pass
    assert before == (enact.step, transact._conditions, enact.move)  # type: ignore[attr-defined]


def test_a_mutation_that_names_nothing_fails() -> None:
    """A renamed function makes its mutant fail loudly instead of being tested as if it were mutated."""
    lost = Mutant(
        name="lost",
        about="",
        changes=(("outlast.core.enact:no_such_function", lambda original: original),),
    )
    with pytest.raises(AttributeError), applied(lost):
        pass


def test_there_are_mutants_enough_and_every_fault_is_needed() -> None:
    """At least 25 mutants, all named differently, and each fault of the catalogue hunts one of them."""
    names = [mutant.name for mutant in mutants()]
    assert len(set(names)) == len(names) >= 25
    used = {fault for mutant in mutants() for fault in mutant.faults}
    assert set(faults.NAMES) == used


def test_every_fault_is_explained() -> None:
    """Each kind of fault has a sentence, and no two share a name."""
    assert len(set(faults.NAMES)) == len(faults.CATALOGUE)
    assert all(fault.about.endswith(".") for fault in faults.CATALOGUE)
