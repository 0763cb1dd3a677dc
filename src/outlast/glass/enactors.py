"""Enactors: who publishes, how far each is behind, and what waits.

An enactor's lag is measured where it shows: from taking up a plan to reading it back from the DNS. A lost
race is no fault: the DNS refused a write that was prepared against something older, as it must.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from outlast.model.plan import Plan, Receipt
from outlast.model.units import NS_PER_S, Nanos

MS_PER_S = 1_000


class Sign(Protocol):
    """A role's sign of life."""

    @property
    def kind(self) -> str:
        """Which role."""

    @property
    def name(self) -> str:
        """Who."""

    @property
    def doing(self) -> str:
        """One line for people."""

    @property
    def at_ns(self) -> Nanos:
        """When it was given."""

    @property
    def races(self) -> int | None:
        """Writes that the DNS refused since it started; None: it did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One role at work.

    Attributes:
        published: endpoints whose present publication is this one's.
        last_ns: when it last confirmed one; 0: never.
        median_ms, worst_ms: from taking up a plan to reading it back, of those; None: not measured.
    """

    sign: Sign
    published: int = 0
    last_ns: Nanos = Nanos(0)
    median_ms: float | None = None
    worst_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A plan that is not confirmed yet: the lag that matters."""

    endpoint: str
    wanted: int
    confirmed: int
    made_ns: Nanos


def at_work(signs: Iterable[Sign], receipts: Sequence[Receipt]) -> list[Work]:
    """Return each role with what it did."""
    mine: dict[str, list[Receipt]] = {}
    for receipt in receipts:
        mine.setdefault(receipt.enactor, []).append(receipt)
    return [_work(one, mine.get(one.name, [])) for one in signs]


def _work(sign: Sign, receipts: list[Receipt]) -> Work:
    if sign.kind != "enactor":
        return Work(sign=sign)
    took = [one.took_ns * MS_PER_S / NS_PER_S for one in receipts if one.took_ns]
    return Work(
        sign=sign,
        published=len(receipts),
        last_ns=max((one.at_ns for one in receipts), default=Nanos(0)),
        median_ms=statistics.median(took) if took else None,
        worst_ms=max(took, default=None),
    )


def waiting(pairs: Iterable[tuple[Plan, int]]) -> list[Waiting]:
    """Return the plans that are newer than what is confirmed, the oldest first.

    Args:
        pairs: each endpoint's newest plan, and the generation that is confirmed.
    """
    found = [
        Waiting(
            endpoint=plan.endpoint,
            wanted=int(plan.generation),
            confirmed=confirmed,
            made_ns=plan.made_at_ns,
        )
        for plan, confirmed in pairs
        if plan.generation > confirmed
    ]
    return sorted(found, key=lambda one: one.made_ns)
