"""Source: what a source of targets says, folded into what is believed.

Missing news is no news. A source that fails, answers something broken, or names no target at all is
*unknown*: what was known stays, for as long as it takes. The inventory that came back empty after an
upgrade, and the exporter that wrote half a file, are why; a reader that took them at their word would
have asked for an empty name. (Nobody would have got one, since the guard stands behind it. But a blocked
plan also holds up what is right.)

How many targets may go at once is none of this machine's business: it hands on what it hears, and the
guard's budgets judge it like anything else that takes addresses away.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from outlast.model.topology import Target
from outlast.model.units import Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is believed of one endpoint's targets.

    Attributes:
        known: by name; empty: nothing was ever heard.
        silent_since_ns: since when the source says nothing usable; None: it spoke last time.
        why: what was wrong with its last answer; empty: nothing.
    """

    known: tuple[Target, ...] = ()
    silent_since_ns: Nanos | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The source named these targets; each is fit to be published."""

    targets: tuple[Target, ...]
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """The source could not be asked, or its answer could not be understood as a whole."""

    why: str
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeTargets:
    """Go on with these targets, and remember them across restarts."""

    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SayUnknown:
    """Tell people that the source says nothing usable. Said once for each reason."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SayKnown:
    """Tell people that the source speaks again."""

    silent_ns: Nanos


Event = Listed | Silent
Command = TakeTargets | SayUnknown | SayKnown
EMPTY = "it names no target, which is unknown, never none"


def step(state: State, event: Event) -> tuple[State, tuple[Command, ...]]:
    """Fold one answer in."""
    match event:
        case Listed(targets=()):
            return _silent(state, EMPTY, event.at_ns)
        case Listed():
            return _listed(state, event)
        case Silent():
            return _silent(state, event.why, event.at_ns)
        case _:
            assert_never(event)


def _listed(state: State, event: Listed) -> tuple[State, tuple[Command, ...]]:
    targets = tuple(sorted(event.targets, key=lambda one: one.name))
    commands: tuple[Command, ...] = ()
    if state.silent_since_ns is not None:
        commands = (SayKnown(silent_ns=Nanos(event.at_ns - state.silent_since_ns)),)
    if targets != state.known:
        commands += (TakeTargets(targets=targets),)
    return State(known=targets), commands


def _silent(state: State, why: str, at_ns: Nanos) -> tuple[State, tuple[Command, ...]]:
    since_ns = state.silent_since_ns if state.silent_since_ns is not None else at_ns
    said = () if why == state.why else (SayUnknown(why=why),)
    return replace(state, silent_since_ns=since_ns, why=why), said
