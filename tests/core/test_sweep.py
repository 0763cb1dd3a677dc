"""Sweep: never the live tree, its predecessor, or one yet to come; not before one TTL; never by age."""

from dataclasses import replace

import pytest
from tests.support.builders import NAME, ZONE, at, fence

from outlast.core.messages import Read, ReadFailed, ReadProvider, Write, Wrote
from outlast.core.sweep import Command, Laid, Looked, State, Swept, step
from outlast.core.tree import place_of
from outlast.model.fence import fence_name, parse_fence
from outlast.model.names import EndpointName, ProviderName
from outlast.model.plan import Held, Layout, Observation, Outcome, OutcomeKind
from outlast.model.records import RecordSet, RecordType
from outlast.model.treenames import label, under
from outlast.model.units import Generation

TTL_S = 60
LAYOUT = Layout(
    endpoint=EndpointName("api"),
    provider=ProviderName("dns"),
    zone=ZONE,
    fence_at=fence_name(NAME),
    names=(NAME,),
    tree=True,
)


def tree(generation: int, *, live: bool = True, ttl_s: int = TTL_S) -> Laid:
    """A tree of this generation."""
    top = label(Generation(generation), f"{generation:032x}")
    return Laid(
        layout=LAYOUT, generation=Generation(generation), top=top, ttl_s=ttl_s, was_live=live
    )


def looked(live: int, second: float, *trees: Laid, agreed: bool = True) -> Looked:
    """What was found at a time: this generation live, these trees standing."""
    found = parse_fence((str(fence(live)),))
    assert found is not None
    return Looked(
        fence=found, top=tree(live).top, trees=trees, ttl_s=TTL_S, agreed=agreed, at_ns=at(second)
    )


def standing(live: int, *record_sets: RecordSet) -> Read:
    """A reading of a tree while this generation is live."""
    seen = Observation(
        endpoint=LAYOUT.endpoint,
        provider=LAYOUT.provider,
        epoch=("outlast-epoch1 e=1 n=0000000000000001",),
        fence=(str(fence(live)),),
        record_sets=record_sets,
        at_ns=at(0),
    )
    return Read(observation=seen, at_ns=at(0))


def leaf(of: Laid, rtype: RecordType = RecordType.A, value: str = "10.0.0.1") -> RecordSet:
    """A record of a tree."""
    return RecordSet(under(of.top, NAME), rtype, TTL_S, (value,))


def watched(
    *trees: Laid, live: int = 3, stood_s: float = TTL_S
) -> tuple[State, tuple[Command, ...]]:
    """Two looks, so far apart."""
    state, commands = step(State(), looked(live, 0, *trees))
    assert not commands, "at first sight nobody knows for how long it has stood"
    return step(state, looked(live, stood_s, *trees))


@pytest.mark.parametrize(
    ("trees", "stood_s", "going"),
    [
        ((tree(1), tree(2), tree(3)), TTL_S, 1),
        (
            (tree(1), tree(2), tree(3)),
            TTL_S - 1,
            0,
        ),  # somebody's resolver may follow the old pointer
        ((tree(2), tree(3)), TTL_S, 0),  # the one before: somebody may have to go back to it
        ((tree(3),), TTL_S, 0),  # live
        ((tree(2), tree(3), tree(4)), TTL_S, 0),  # laid, and about to be live
        ((tree(1), tree(2, live=False), tree(3)), TTL_S, 2),  # never live: not the one before
        ((tree(1, live=False), tree(2, live=False), tree(3)), TTL_S, 1),  # nobody knows: the newest
        ((tree(1, ttl_s=300), tree(2), tree(3)), TTL_S, 0),  # the longest TTL of all counts
        ((tree(1, ttl_s=300), tree(2), tree(3)), 300, 1),
    ],
)
def test_what_may_go(trees: tuple[Laid, ...], stood_s: float, going: int) -> None:
    """Age decides nothing."""
    state, commands = watched(*trees, stood_s=stood_s)
    assert (state.doomed.generation if state.doomed else 0) == going
    assert bool(commands) is bool(going)


def test_what_went_back_in_place_keeps_its_trees_for_as_long_as_its_own_ttl() -> None:
    """Who asks for a name gets its records for so long, and may get the pointer in the place of others."""
    for stood_s, goes in ((TTL_S, False), (299, False), (300, True)):
        flat = [
            replace(looked(3, one, tree(1), tree(2)), top="", ttl_s=300) for one in (0, stood_s)
        ]
        state, _ = step(State(), flat[0])
        assert bool(step(state, flat[1])[1]) is goes, stood_s


def test_the_quarantine_begins_anew_with_every_fence_and_every_doubt() -> None:
    """A heal moves the fence; a secondary that differs may still serve the old pointer."""
    trees = (tree(1), tree(2), tree(3))
    state, _ = step(State(), looked(3, 0, *trees))
    healed = looked(3, 59, *trees)
    state, _ = step(state, replace(healed, fence=replace(healed.fence, nonce="f" * 16)))
    state, commands = step(state, looked(3, 61, *trees))
    assert not commands
    state, _ = step(state, looked(3, 120, *trees, agreed=False))
    state, commands = step(state, looked(3, 122, *trees))
    assert not commands
    _, commands = step(state, looked(3, 180, *trees))
    assert commands


def test_each_piece_names_the_fence_and_the_end_is_seen() -> None:
    """Read, remove what stands, read again: only an empty tree is struck out."""
    doomed = tree(1)
    state, commands = watched(doomed, tree(2), tree(3))
    assert commands == (ReadProvider(layout=place_of(LAYOUT, doomed.top)),)
    state = replace(state, carries=70)  # one record set a transaction
    both = (leaf(doomed), leaf(doomed, RecordType.AAAA, "2001:db8::1"))
    for _ in both:
        state, commands = step(
            state, standing(3, *both) if not state.left else done(OutcomeKind.APPLIED)
        )
        (write,) = commands
        assert isinstance(write, Write)
        assert Held(name=LAYOUT.fence_at, rtype=RecordType.TXT, values=(str(fence(3)),)) in (
            write.transaction.conditions
        )
        assert not write.transaction.additions
    state, commands = step(state, done(OutcomeKind.APPLIED))
    assert isinstance(commands[0], ReadProvider)
    _, commands = step(state, standing(3))
    assert commands == (Swept(tree=doomed),)


def done(kind: OutcomeKind) -> Wrote:
    """A piece's outcome."""
    return Wrote(outcome=Outcome(kind=kind), at_ns=at(0))


@pytest.mark.parametrize(
    "event",
    [done(OutcomeKind.REFUSED), done(OutcomeKind.UNKNOWN), done(OutcomeKind.BUSY)],
    ids=lambda one: one.outcome.kind,
)
def test_whatever_is_not_taken_ends_the_sweep(event: Wrote) -> None:
    """It is judged anew at the next look, with whatever stands then."""
    doomed = tree(1)
    state, _ = watched(doomed, tree(2), tree(3))
    state, _ = step(state, standing(3, leaf(doomed)))
    state, commands = step(state, event)
    assert (state.doomed, commands) == (None, ())


def test_a_fence_that_moved_before_the_reading_ends_the_sweep() -> None:
    """What allowed it no longer stands."""
    doomed = tree(1)
    state, _ = watched(doomed, tree(2), tree(3))
    state, commands = step(state, standing(4, leaf(doomed)))
    assert (state.doomed, commands) == (None, ())


def test_a_failed_reading_and_late_echoes_do_no_harm() -> None:
    """No event that the machine does not wait for changes anything."""
    state, _ = watched(tree(1), tree(2), tree(3))
    after, commands = step(state, ReadFailed(detail="no answer", at_ns=at(0)))
    assert (after.doomed, commands) == (None, ())
    assert step(after, standing(3, leaf(tree(1)))) == (after, ())
    assert step(after, done(OutcomeKind.APPLIED)) == (after, ())
