"""What `Later` needs of an outbox. `outlast.client.outbox` has one in a SQLite file."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class OutboxPort(Protocol):
    """Keeps calls until they are replayed."""

    def put(self, operation: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """Keep a call durably and return its idempotency key.

        Raises:
            TypeError: the arguments cannot be written as JSON.
            OSError: they could not be kept.
        """
