"""Retire: never the live plan, never its predecessor, and never by age."""

from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.core.retire import Delete, SeenLive, State, Stored, step
from outlast.model.names import ProviderName
from outlast.model.units import Generation

DNS, OTHER = ProviderName("dns"), ProviderName("other")


def fold(*events: Stored | SeenLive, kept: int = 0) -> tuple[State, list[Delete]]:
    state = State()
    deletions: list[Delete] = []
    for event in events:
        state, commands = step(state, event, kept=kept)
        deletions += commands
    return state, deletions


def stored(*generations: int) -> list[Stored]:
    return [Stored(generation=Generation(one)) for one in generations]


def seen(generation: int, provider: ProviderName = DNS) -> SeenLive:
    return SeenLive(provider=provider, generation=Generation(generation))


def test_nothing_goes_while_nothing_was_seen_live() -> None:
    """Not to know what is live is not to know that something is not."""
    assert fold(*stored(1, 2, 3, 4, 5))[1] == []


def test_the_live_plan_and_its_predecessor_stay() -> None:
    """With 4 live, 3 is what a rollback needs; 1 and 2 may go."""
    state, (deletion,) = fold(*stored(1, 2, 3, 4), seen(4))
    assert (deletion.generations, deletion.newest) == ((1, 2), 4)
    assert state.stored == (3, 4)


def test_newer_plans_do_not_push_out_a_live_one() -> None:
    """A provider that could not be reached for a week still serves what it serves."""
    state, deletions = fold(*stored(1, 2), seen(2), *stored(3, 4, 5, 6, 7))
    assert deletions == []
    assert state.stored[:2] == (1, 2)


def test_the_oldest_of_several_live_plans_counts() -> None:
    """What is live *anywhere* can be fetched."""
    state, _ = fold(*stored(1, 2, 3), seen(2), seen(3, OTHER), *stored(4))
    assert set(state.stored) >= {1, 2, 3}, "2 is live at one provider, 1 is its predecessor"


def test_spare_plans_are_kept_by_number() -> None:
    """`kept` more than what must stay, the newest ones."""
    state, (deletion,) = fold(*stored(1, 2, 3, 4, 5), seen(5), kept=2)
    assert deletion.generations == (1,)
    assert state.stored == (2, 3, 4, 5)


def test_a_plan_put_back_by_a_delayed_enactor_was_never_deleted_from_under_it() -> None:
    """October 2025: clean-up by age deleted the plan that a late write had just made live again."""
    state, _ = fold(*stored(1, 2, 3), seen(1), *stored(4, 5, 6))
    assert 1 in state.stored


EVENTS = st.one_of(
    st.builds(Stored, generation=st.integers(1, 12).map(Generation)),
    st.builds(
        SeenLive,
        provider=st.sampled_from([DNS, OTHER]),
        generation=st.integers(1, 12).map(Generation),
    ),
)


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=30), st.integers(0, 3))
def test_no_order_of_events_deletes_what_is_live_or_its_predecessor(
    events: list[Stored | SeenLive], kept: int
) -> None:
    """Counted by the test itself: at each deletion, against everything stored and live at that time."""
    state = State()
    for event in events:
        before = set(state.stored) | ({event.generation} if isinstance(event, Stored) else set())
        state, commands = step(state, event, kept=kept)
        live = {generation for _, generation in state.live}
        for command in commands:
            for one in live:
                assert one not in command.generations
                older = [two for two in before if two < one]
                assert not older or max(older) not in command.generations
            assert max(before) not in command.generations
            assert set(state.stored) == before - set(command.generations)
