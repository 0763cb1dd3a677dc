"""Degrade gracefully: names that keep answering, dependencies declared once, outages rehearsed in tests.

Importing this module imports the standard library alone, and of that little: what needs asyncio, sockets,
SQLite or a third party lies in modules of its own and is imported when it is used.
"""

from typing import TYPE_CHECKING, Any

from outlast.client.application import Application, Degradation
from outlast.client.brownout import Climb
from outlast.client.deadline import deadline, left_s
from outlast.client.dependency import Dependency
from outlast.client.errors import DeclarationError, Overdue, Refused, Unavailable
from outlast.client.facts import Fact, Mode
from outlast.client.ladder import Instead, LastGood, Later, Off, OtherRegion, Value
from outlast.client.record import degraded_here

if TYPE_CHECKING:
    from outlast.client.answers import NamePolicy
    from outlast.client.outbox import Outbox
    from outlast.client.resolver import Resolver

__all__ = [
    "Application",
    "Climb",
    "DeclarationError",
    "Degradation",
    "Dependency",
    "Fact",
    "Instead",
    "LastGood",
    "Later",
    "Mode",
    "NamePolicy",
    "Off",
    "OtherRegion",
    "Outbox",
    "Overdue",
    "Refused",
    "Resolver",
    "Unavailable",
    "Value",
    "deadline",
    "degraded_here",
    "left_s",
]

_ON_DEMAND = {
    "NamePolicy": "outlast.client.answers",
    "Outbox": "outlast.client.outbox",
    "Resolver": "outlast.client.resolver",
}


def __getattr__(name: str) -> Any:
    """Import what needs more of the standard library only when it is asked for."""
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_ON_DEMAND[name]), name)
