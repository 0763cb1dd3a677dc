"""The one tree of errors, named by situation and by whose fault it is.

Expected outcomes are values (`Ruling`, `Outcome`), not errors. Every error says what happened, why,
and what to do next; the message is built from its fields.
"""


class OutlastError(Exception):
    """Anything that Outlast raises on purpose.

    Attributes:
        what: what happened, naming the thing.
        remedy: what to do next; may be empty.
        exit_code: the exit code of a command that ends with it.
    """

    exit_code = 1

    def __init__(self, what: str, *, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}\n  -> {self.remedy}" if self.remedy else self.what


class ConfigError(OutlastError):
    """Yours, before anything started: a wrong file, flag or reference. Nothing was changed."""

    exit_code = 2


class ProviderError(OutlastError):
    """A DNS provider could not be read or did not answer as the protocol says."""

    exit_code = 3


class Unreachable(ProviderError):
    """No connection, or no answer in time."""


class Denied(ProviderError):
    """The provider refused us: wrong key, clock skew, not allowed in this zone."""


class StoreError(OutlastError):
    """The store could not be used. What is published stays published."""

    exit_code = 3


class StoreCorrupt(StoreError):
    """The store's file is damaged. DNS is untouched; `outlast rescue` works without it."""


class StoreReplaced(StoreError):
    """The store is not the one it was: deleted, replaced, or gone back in time. Open it anew."""


class LastGoodError(OutlastError):
    """An entry of a last-known-good file, or a file, that cannot be used. The others still can."""


class Bug(OutlastError):
    """An invariant of our own does not hold. The part that finds it stops and changes nothing."""
