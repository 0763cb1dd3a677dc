"""Troubles: what is wrong right now, gathered from facts, for `/readyz` and `outlast status`."""

from outlast.drivers.facts import Event, Fact

_OPENS = {
    Event.STORE_LOST: "store",
    Event.PROVIDER_LOST: "provider",
    Event.VANTAGE_SICK: "vantage",
    Event.TOPOLOGY_REFUSED: "topology",
    Event.SOURCE_LOST: "source",
    Event.BUG: "bug",
}
_STOPPING = ("store ", "provider ")

_CLOSES = {
    Event.STORE_BACK: "store",
    Event.PROVIDER_BACK: "provider",
    Event.VANTAGE_WELL: "vantage",
    Event.TOPOLOGY: "topology",
    Event.SOURCE_BACK: "source",
}


class Troubles:
    """A listener that remembers what began and has not ended."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}

    def hear(self, fact: Fact) -> None:
        """Take one fact."""
        opened, closed = _OPENS.get(fact.event), _CLOSES.get(fact.event)
        if opened is not None:
            self._open[_key(opened, fact)] = fact.detail or str(fact.event)
        if closed is not None:
            self._open.pop(_key(closed, fact), None)

    def now(self) -> dict[str, str]:
        """Return what is wrong, by name; empty: nothing."""
        return dict(sorted(self._open.items()))

    def stopping(self) -> dict[str, str]:
        """Return what keeps the process from doing its work: a store or a provider that is lost.

        A refused edit of the topology or a sick vantage is none of that. Whoever restarts processes that
        are not ready would meet the broken file at the next start.
        """
        return {name: why for name, why in self.now().items() if name.startswith(_STOPPING)}


def _key(kind: str, fact: Fact) -> str:
    return f"{kind} {fact.subject or fact.role}"
