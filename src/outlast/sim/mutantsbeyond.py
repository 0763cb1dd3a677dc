"""Mutants beyond one transaction and one provider: what a tired programmer might do to trees and to gates."""

from outlast.sim import mutations as change
from outlast.sim import mutationstree as treeing
from outlast.sim.mutants import Mutant

SWEEP, LAYING, GATE = "outlast.core.sweep", "outlast.core.laying", "outlast.core.dual"
TREES = (
    Mutant(
        name="sweep by age",
        exhaustive=True,
        enactors=1,
        about="October 2025: what is not live is taken for old, also the tree that waits for its flip",
        changes=((f"{SWEEP}:may_go", treeing.by_age),),
        design="trees",
        plans=2,
        count=0,
    ),
    Mutant(
        name="sweep without a quarantine",
        about="resolvers still follow the pointer that led there",
        changes=((f"{SWEEP}:quarantine_ns", change.always(value=0)),),
        design="trees",
        plans=4,
        count=0,
    ),
    Mutant(
        name="flip before the tree is read back",
        about="a piece that never arrived is missing in what clients get",
        changes=((f"{LAYING}:surveyed", treeing.once),),
        faults=("late-write",),
        design="trees",
        plans=1,
        count=1,
    ),
    Mutant(
        name="flip without laying",
        about="the pointers lead to nothing",
        changes=((f"{LAYING}:surveyed", change.always(value=None)),),
        design="trees",
        plans=1,
        count=0,
    ),
)

DUAL = (
    Mutant(
        name="one provider flips without the other's mark",
        about="the world gets two answers for as long as the other is away",
        changes=((f"{GATE}:is_open", change.always(value=True)),),
        design="dual",
        plans=1,
        count=0,
    ),
    Mutant(
        name="one mark opens the gate",
        about="the first that is ready flips alone",
        changes=((f"{GATE}:is_open", treeing.wait_for_one),),
        design="dual",
        plans=1,
        count=0,
    ),
    Mutant(
        name="the second provider is written to on its epoch alone",
        about="a delayed write drags one of the two back",
        changes=(("outlast.core.transact:_conditions", treeing.second_unfenced),),
        design="dual",
        faults=("late-write",),
    ),
)

BEYOND = (*TREES, *DUAL)
