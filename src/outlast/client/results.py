"""The last good results of one function, by arguments.

Ages are taken from the wall clock, since a store may be shared or outlive the process. A clock that jumped
back makes an age negative; that counts as 0, so that a result is never refused for being from the future.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from outlast.client.ladder import LAST_GOOD_ENTRIES, LastGood, ResultStore


class MemoryStore:
    """Results in memory; above its size the one unused for longest goes."""

    __slots__ = ("entries", "size")

    def __init__(self, size: int = LAST_GOOD_ENTRIES) -> None:
        self.size = size
        self.entries: OrderedDict[object, tuple[float, Any]] = OrderedDict()

    def get(self, key: object) -> tuple[float, Any] | None:
        """Return what `set` kept."""
        return self.entries.get(key)

    def set(self, key: object, value: tuple[float, Any]) -> None:
        """Keep a result."""
        self.entries[key] = value
        self.entries.move_to_end(key)
        while len(self.entries) > self.size:
            self.entries.popitem(last=False)


class Results:
    """Keeps and finds the results of one function."""

    __slots__ = ("_rung", "_store")

    def __init__(self, rung: LastGood) -> None:
        self._rung = rung
        self._store: ResultStore = rung.store or MemoryStore()

    def keep(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object, at_s: float
    ) -> None:
        """Keep a good result."""
        self._store.set(self._key(args, kwargs), (at_s, result))

    def find(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], at_s: float
    ) -> tuple[Any, float] | None:
        """Return a result that is young enough, and its age in seconds."""
        kept = self._store.get(self._key(args, kwargs))
        if kept is None:
            return None
        age_s = max(0.0, at_s - kept[0])
        return (kept[1], age_s) if age_s <= self._rung.max_age_s else None

    def _key(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> object:
        if self._rung.key is not None:
            return self._rung.key(*args, **kwargs)
        return (args, tuple(sorted(kwargs.items()))) if kwargs else args
