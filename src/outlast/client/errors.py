"""What can go wrong for a caller, by situation. All carry the remedy, none hides its cause."""

from outlast.model.errors import ConfigError, OutlastError


class DeclarationError(ConfigError):
    """A declaration that cannot be meant: found at import, before any call."""


class Unavailable(OutlastError):
    """A dependency gave nothing, and no fallback did either.

    Attributes:
        dependency: its declared name.
        why: one word: `open`, `full`, `overdue`, `switched-off`, `failed`.
    """

    def __init__(self, dependency: str, why: str, *, what: str = "", remedy: str = "") -> None:
        super().__init__(what or f"{dependency}: {why}", remedy=remedy)
        self.dependency = dependency
        self.why = why


class Refused(Unavailable):
    """Nothing was sent: the circuit is open, the bulkhead full, or the feature switched off."""


class Overdue(Unavailable, TimeoutError):
    """The declared time-out, or what was left of the caller's deadline, has passed."""

    def __init__(self, dependency: str, limit_s: float) -> None:
        super().__init__(
            dependency,
            "overdue",
            what=f"{dependency} did not answer within {limit_s:.3g} s",
            remedy="raise timeout_s only if the dependency is healthy at that speed",
        )
        self.limit_s = limit_s


class MemoryDamaged(UserWarning):
    """A last-known-good file could not be read; it was set aside and names start unknown."""
