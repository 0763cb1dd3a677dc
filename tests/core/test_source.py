"""Source: what is not said is unknown, never none."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import at, target

from outlast.core.source import (
    EMPTY,
    Event,
    Listed,
    SayKnown,
    SayUnknown,
    Silent,
    State,
    TakeTargets,
    step,
)
from outlast.model.topology import Target
from outlast.model.units import seconds

EU, US = target("eu-1"), target("us-1")


def test_what_is_listed_is_taken_once() -> None:
    """The same list in another order is no news."""
    state, commands = step(State(), Listed(targets=(US, EU), at_ns=at(0)))
    assert commands == (TakeTargets(targets=(EU, US)),)
    assert step(state, Listed(targets=(EU, US), at_ns=at(1))) == (state, ())


def test_an_empty_list_is_unknown() -> None:
    """On no account does it mean that there are no targets."""
    state, commands = step(State(known=(EU,)), Listed(targets=(), at_ns=at(0)))
    assert state.known == (EU,)
    assert commands == (SayUnknown(why=EMPTY),)


def test_silence_is_told_once_for_each_reason_and_its_end_with_its_length() -> None:
    """Nobody wants the same line every five seconds, and everybody wants to know that it is over."""
    state, commands = step(State(known=(EU,)), Silent(why="refused", at_ns=at(0)))
    assert commands == (SayUnknown(why="refused"),)
    state, commands = step(state, Silent(why="refused", at_ns=at(5)))
    assert commands == ()
    state, commands = step(state, Silent(why="broken", at_ns=at(10)))
    assert commands == (SayUnknown(why="broken"),)
    _, commands = step(state, Listed(targets=(EU,), at_ns=at(15)))
    assert commands == (SayKnown(silent_ns=seconds(15)),)


EVENTS = st.one_of(
    st.builds(
        lambda names: Listed(targets=tuple(target(one) for one in names), at_ns=at(1)),
        st.lists(st.sampled_from(["eu-1", "eu-2", "us-1"]), unique=True),
    ),
    st.builds(lambda why: Silent(why=why, at_ns=at(1)), st.sampled_from(["a", "b"])),
)


@given(st.lists(EVENTS))
def test_what_was_known_never_becomes_nothing(events: list[Event]) -> None:
    """After any sequence, exactly the last list that named a target is believed, and was handed on last."""
    state = State()
    taken: tuple[Target, ...] = ()
    expected: tuple[Target, ...] = ()
    for event in events:
        state, commands = step(state, event)
        for command in commands:
            if isinstance(command, TakeTargets):
                taken = command.targets
                assert taken
        if isinstance(event, Listed) and event.targets:
            expected = tuple(sorted(event.targets, key=lambda one: one.name))
        assert state.known == expected == taken
