"""Fallbacks, in the order in which they are tried.

A ladder is a tuple of rungs. What each is for:

- `OtherRegion`: the same question to the next host of the list. The answer is as good, its data may be older.
- `LastGood`: the last good result for the same arguments, with a bound on its age.
- `Instead`: another function with the same parameters.
- `Value`: a constant, such as an empty list.
- `Later`: the call is written to a durable outbox and replayed by you. For what must not be lost.
- `Off`: the feature is off, the function returns None.

The first two are tried in their place only if there is another region, or a remembered result.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from outlast.client.outbox_port import OutboxPort

LAST_GOOD_ENTRIES = 1024
"""Results remembered for one function; the one unused for longest goes first."""


class ResultStore(Protocol):
    """Where last good results lie: any object with these two, such as a cache client of yours."""

    def get(self, key: object) -> tuple[float, Any] | None:
        """Return the wall-clock second of storing and the result, or None."""

    def set(self, key: object, value: tuple[float, Any]) -> None:
        """Keep a result with the wall-clock second of storing."""


class OtherRegion(NamedTuple):
    """Ask the next healthy host of the dependency's list."""

    @property
    def kind(self) -> str:
        """Its name in reports."""
        return "other-region"


class LastGood(NamedTuple):
    """The last good result for the same arguments.

    Attributes:
        max_age_s: older results are not given.
        key: makes a key of the arguments; by default the arguments themselves, which must be hashable.
        store: where results lie; by default in memory, 1,024 for each function.
    """

    max_age_s: float
    key: Callable[..., object] | None = None
    store: ResultStore | None = None

    @property
    def kind(self) -> str:
        """Its name in reports."""
        return "last-good"


class Instead(NamedTuple):
    """Call another function with the same arguments."""

    function: Callable[..., Any]

    @property
    def kind(self) -> str:
        """Its name in reports."""
        return "instead"


class Value(NamedTuple):
    """Return a constant."""

    value: Any

    @property
    def kind(self) -> str:
        """Its name in reports."""
        return "value"


class Later(NamedTuple):
    """Write the call to an outbox and return None.

    Attributes:
        outbox: where, such as `Outbox("audit.sqlite")`.
    """

    outbox: OutboxPort

    @property
    def kind(self) -> str:
        """Its name in reports."""
        return "later"


class Off(NamedTuple):
    """Return None: the feature is off."""

    @property
    def kind(self) -> str:
        """Its name in reports."""
        return "off"


Rung = OtherRegion | LastGood | Instead | Value | Later | Off
Ladder = tuple[Rung, ...]
