"""What happened, as values, handed to hooks. A hook is any callable that takes one fact.

Logging, metrics and tracing are hooks (`outlast.client.hooks`); the guards know none of them. Facts are made
only off the way of a good call: full service costs nothing here, except `Served`, once per guarded function
of the application.
"""

import warnings
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple


class Mode(StrEnum):
    """How a function was served."""

    FULL = "full"
    DEGRADED = "degraded"
    DOWN = "down"


class Degraded(NamedTuple):
    """A call was answered by a fallback.

    Attributes:
        dependency: which dependency did not serve.
        why: `open`, `full`, `overdue`, `switched-off`, or the name of the exception.
        by: the fallback's kind, such as `last-good`.
        age_s: how old the answer is, where it has an age.
    """

    dependency: str
    why: str
    by: str
    age_s: float | None = None


class Failed(NamedTuple):
    """A call got neither an answer nor a fallback."""

    dependency: str
    why: str


class Retried(NamedTuple):
    """A call is tried again after `wait_s`."""

    dependency: str
    attempt: int
    wait_s: float


class Hedged(NamedTuple):
    """A second copy of a slow call was sent."""

    dependency: str


class Moved(NamedTuple):
    """A circuit changed its state."""

    dependency: str
    host: str
    state: str


class Levelled(NamedTuple):
    """The brown-out level changed."""

    level: int
    why: str


class StaleName(NamedTuple):
    """A remembered address was handed out because the DNS gave none. RFC 8914's code 3, in Python."""

    name: str
    why: str
    age_s: float


class Served(NamedTuple):
    """A function of the application ended."""

    function: str
    mode: Mode
    essential: bool


Fact = Degraded | Failed | Retried | Hedged | Moved | Levelled | StaleName | Served
Hook = Callable[[Fact], None]


class Hooks:
    """Those who are told. A hook that raises is warned about and never breaks the call it heard of."""

    __slots__ = ("listeners",)

    def __init__(self) -> None:
        self.listeners: tuple[Hook, ...] = ()

    def add(self, hook: Hook) -> Callable[[], None]:
        """Add a hook and return what removes it."""
        self.listeners = (*self.listeners, hook)

        def remove() -> None:
            self.listeners = tuple(one for one in self.listeners if one is not hook)

        return remove

    def tell(self, fact: Fact) -> None:
        """Tell everybody."""
        for hook in self.listeners:
            try:
                hook(fact)
            except Exception as error:  # noqa: BLE001 - a broken log must not take the shop down
                warnings.warn(f"hook {hook!r} failed on {fact!r}: {error!r}", RuntimeWarning, 2)
