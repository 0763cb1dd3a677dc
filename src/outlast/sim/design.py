"""What the explorer explores: a design, as actors that move one step at a time over shared cells.

A design keeps the *shared* state (the DNS, the store, which faults are left) apart from each actor's
*local* state (what it believes, what it has under way), and each move of an actor touches the shared
state and that actor's own state, nothing else. This one rule is what everything lives on:

- exhaustive search computes each (shared, local) pair once and adds the difference to every state that
  holds the pair, so that a state costs a few integer operations however dear a step of the design is;
- identical actors can be exchanged (`twins`), since no shared cell names one of them.

Cells are mutable while a run lasts, because copying frozen states costs a search in the large most of its
schedules a second; `freeze` and `thaw` turn them into hashable values and back. Waiting is blocking with
a guard (no option until there is something new), never polling: under an unfair strategy such as PCT a
poller eats the whole budget of the highest priority and hides the others.

Every open decision is one bounded integer: *who* moves (an actor's index) and *how* (which of its options;
0 is the ordinary one, the others are faults and other turns of fortune).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from outlast.model.units import Nanos

Shared = TypeVar("Shared")
Local = TypeVar("Local")

Deed = tuple[int, int, int] | tuple[str, ...]
"""What a move did to the DNS, for `Design.judge`; false where there is nothing to be judged. Small designs
say endpoint, generation before and generation after (see `NOTHING`, `EMPTY`)."""

Step = tuple[int, int]
"""Who and how: an actor's index and its option."""

NOTHING = 0
"""Generation of an endpoint at which nothing was published yet."""

EMPTY = -1
"""Generation of an endpoint that was published and now answers with no address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a configuration is. Small ones are for proof, large ones for search.

    Attributes:
        enactors, plans, endpoints: how many there are; plans is how often the planner plans.
        age: clean-up removes plans this many generations older than its own.
        faults: how many faults a run may have in total; 0: none but delay.
    """

    enactors: int = 3
    plans: int = 4
    endpoints: int = 1
    age: int = 2
    faults: int = 0

    def __post_init__(self) -> None:
        if min(self.enactors, self.plans, self.endpoints, self.age) < 1 or self.faults < 0:
            raise ValueError(f"a configuration needs one of each at least: {self}")

    def __str__(self) -> str:
        return (
            f"{self.enactors} enactors, {self.plans} plans, {self.endpoints} endpoints, "
            f"clean-up at age {self.age}, at most {self.faults} faults"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Names a design so that another process can build the same: the head of every replay file.

    Attributes:
        design: name in `outlast.sim.designs.catalogue`.
        switches: guardrails or mutations that are on, sorted.
        faults: kinds of fault that may happen, sorted; empty: none but delay.
        tolerate: invariants that are not judged, by name (`S2 monotone`), to see what lies behind them.
    """

    design: str
    size: Size = field(default_factory=Size)
    switches: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    tolerate: tuple[str, ...] = ()

    def __str__(self) -> str:
        extra = f" with {', '.join(self.switches)}" if self.switches else ""
        return f"{self.design}{extra}"


class Design(Protocol[Shared, Local]):
    """A design under exploration. All methods are pure but `move` and `calm`, which change the cells."""

    @property
    def spec(self) -> Spec:
        """What was built."""
        ...

    @property
    def actors(self) -> tuple[str, ...]:
        """Names of the actors, in order; an actor is its index everywhere else."""
        ...

    @property
    def twins(self) -> tuple[int, ...]:
        """Actors that can be exchanged for each other without anybody noticing; may be empty."""
        ...

    @property
    def rare(self) -> frozenset[int]:
        """Actors that strategies let move less often than others: what strikes by itself."""
        ...

    def begin(self) -> tuple[Shared, list[Local]]:
        """Return fresh cells in the initial state."""
        ...

    def options(self, actor: int, shared: Shared, local: Local) -> int:
        """Return in how many ways an actor can move now; 0: it waits for something."""
        ...

    def move(self, actor: int, option: int, shared: Shared, local: Local) -> Deed | None:
        """Carry out one move in place, and say what it did to the DNS, if anything."""
        ...

    def judge(self, shared: Shared, deed: Deed) -> str:
        """Return which invariant a deed broke, as `S2 monotone: ...`; empty: none."""
        ...

    def freeze(self, shared: Shared, local: Local) -> tuple[Hashable, Hashable]:
        """Return both as hashable values; equal values behave equally."""
        ...

    def thaw(self, shared: Hashable, local: Hashable) -> tuple[Shared, Local]:
        """Undo `freeze`: fresh cells with these values."""
        ...

    def calm(self, shared: Shared, locals_: Sequence[Local]) -> None:
        """Stop all faults, and let the planner make the plans that healing may wait for."""
        ...

    def unsettled(self, shared: Shared) -> str:
        """Return which promise of liveness does not hold yet, as `L2 heals: ...`; empty: all hold."""
        ...

    def tell(self, actor: int, option: int, shared: Shared, local: Local) -> str:
        """Say in one line what an actor is about to do. Called before the move."""
        ...

    def dns(self, shared: Shared) -> str:
        """Say in one line what the DNS holds."""
        ...

    def belief(self, actor: int, shared: Shared, local: Local) -> str:
        """Say in one line what an actor believes and intends; empty: nothing worth telling."""
        ...

    def pace_ns(self, actor: int, shared: Shared, local: Local) -> Nanos:
        """Return how long the actor's next move takes on average, for runs in virtual time."""
        ...


def invariant_of(broken: str) -> str:
    """Return the name of a broken invariant or promise: `S1 never empty` of its whole text."""
    return broken.partition(":")[0]


def judged(spec: Spec, *broken: str) -> str:
    """Return the first of the texts that is not empty and not tolerated."""
    for text in broken:
        if text and invariant_of(text) not in spec.tolerate:
            return text
    return ""


AnyDesign = Design[Any, Any]
"""A design whose cells the explorer passes around without looking into them."""
