"""Shares: which endpoints an enactor looks after, and how long after its peers it takes one up.

Each endpoint has an order of enactors, drawn from its name. Where its cell has enactors of its own the order
is theirs; the others do not touch it. That saves work and bounds the blast radius of a sick enactor; no
write is safe because of it: that is the fence's business.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from outlast.model.names import CellName, EnactorName, EndpointName
from outlast.model.plan import Layout
from outlast.model.policy import Reach


def order_of(endpoint: EndpointName, enactors: Sequence[EnactorName]) -> list[EnactorName]:
    """Return the enactors in the order in which they take up an endpoint (rendezvous hashing)."""
    return sorted(
        enactors,
        key=lambda name: hashlib.blake2b(f"{endpoint}/{name}".encode(), digest_size=8).digest(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one enactor looks after.

    Attributes:
        peers: those who serve the cells without enactors of their own, itself perhaps among them.
        own: the enactors of each cell that has its own.
        reach: the cells that it may write in.
    """

    peers: tuple[EnactorName, ...] = ()
    own: Mapping[CellName, tuple[EnactorName, ...]] = field(default_factory=dict)
    reach: Reach = Reach()

    def rank(self, name: EnactorName, layout: Layout) -> int:
        """How many others take an endpoint up before it does."""
        order = order_of(layout.endpoint, self.own.get(layout.cell, self.peers))
        return order.index(name) if name in order else len(order)
