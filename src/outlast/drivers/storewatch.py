"""What a role tells of its store: that it is lost, once for each cause, and that it is back.

A cause is known by its remedy, since the words name another member of the same etcd each time. Told
only once for all causes, a store that was away and came back full would look like one that is still away.
"""

from outlast.drivers.facts import Event, Fact, Tell
from outlast.model.errors import StoreError


class StoreWatch:
    """One role's view of its store."""

    def __init__(self, tell: Tell, role: str) -> None:
        self._tell = tell
        self._role = role
        self._remedy: str | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the last thing heard of it was that it is lost."""
        return self._remedy is not None

    def lost(self, error: StoreError) -> None:
        """Take note that it cannot be used."""
        if error.remedy != self._remedy:
            self._tell(Fact(event=Event.STORE_LOST, role=self._role, detail=error.what))
        self._remedy = error.remedy

    def back(self) -> None:
        """Take note that it can."""
        if self.is_lost:
            self._tell(Fact(event=Event.STORE_BACK, role=self._role))
        self._remedy = None
