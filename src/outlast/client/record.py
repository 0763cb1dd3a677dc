"""What was degraded in the request at hand: a list in a context variable.

A guarded function of the application, or the middleware, opens a record; every dependency that does not
serve under it adds a line. Tasks started inside share it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from outlast.client.facts import Degraded, Failed

Note = Degraded | Failed

RECORD: ContextVar[list[Note] | None] = ContextVar("outlast_record", default=None)


@contextmanager
def recording() -> Iterator[list[Note]]:
    """Collect what is degraded inside; an outer record hears of it too."""
    outer = RECORD.get()
    notes: list[Note] = []
    token = RECORD.set(notes)
    try:
        yield notes
    finally:
        RECORD.reset(token)
        if outer is not None:
            outer.extend(notes)


def degraded_here() -> tuple[Note, ...]:
    """Return what is degraded in the request at hand, for templates; empty outside of one."""
    return tuple(RECORD.get() or ())
