"""A limit on calls at once, so that one slow dependency cannot hold every worker.

Permits are items of a list: `pop` and `append` are single steps of the interpreter, so a permit is taken
and given back by threads and tasks alike without a lock, and an empty list refuses at once. There is no
queue in front: waiting for a place is how a slow dependency spreads.
"""


class Bulkhead:
    """`limit` permits.

    Attributes:
        limit: calls at once, at least 1.
        permits: those not in use. Take one with `permits.pop()`, which raises `IndexError` when there is
            none; give it back with `permits.append(permit)`.
    """

    __slots__ = ("limit", "permits")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.permits = [None] * limit

    @property
    def busy(self) -> int:
        """Calls under way."""
        return self.limit - len(self.permits)
