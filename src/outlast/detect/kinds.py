"""Kinds of evidence, and of roads to it: the words without the arrays, for whoever only names them."""

from enum import StrEnum


class Evidence(StrEnum):
    """Classes of evidence. Two of one class can share a cause of error; two classes hardly can."""

    USER = "user"
    """People say that it fails."""
    PROBE = "probe"
    """Our own probes, or our own look at what the DNS answers."""
    OFFICIAL = "official"
    """The supplier's status page."""


class Road(StrEnum):
    """How a probe found its way: what tells a name from the region that it leads to."""

    RESOLVED = "resolved"
    """It asked the DNS, as clients do."""
    PINNED = "pinned"
    """It used a fixed address and needed no name."""
    ASKED = "asked"
    """It asked the DNS for a name and went no further: it needs nothing of what stands behind it."""
