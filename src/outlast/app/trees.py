"""Trees: where the plans of big endpoints lie, and when the old ones go; a part of `outlast status`.

Told from the store: the list of trees that may stand, and what was last confirmed to be live. When a tree
goes is decided by the sweeping enactor's own look and clock (`core.sweep`): not before the moment named here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outlast.core.sweep import Laid, Looked, leaving, quarantine_ns
from outlast.drivers.entries import EndpointRow
from outlast.model.names import EndpointName
from outlast.model.plan import Receipt
from outlast.model.treenames import label
from outlast.model.units import NO_GENERATION, iso


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeLine:
    """One tree that stands, or may stand, in the DNS.

    Attributes:
        generation: of the plan that lies there.
        label: what its names begin with.
        records: how many it holds; 0: not known.
        state: `live`, or what will become of it, for people.
    """

    endpoint: str
    generation: int
    label: str
    records: int
    state: str

    @property
    def told(self) -> str:
        """One line for people."""
        size = f"{self.records:,} records" if self.records else "records not counted"
        return f"tree {self.endpoint}: plan {self.generation} ({self.label}), {size}: {self.state}"


def tree_lines(
    rows: Mapping[EndpointName, EndpointRow], trees: Mapping[EndpointName, Sequence[Laid]]
) -> tuple[TreeLine, ...]:
    """Return a line for each tree, endpoint by endpoint, the newest first."""
    return tuple(
        TreeLine(
            endpoint=name,
            generation=one.generation,
            label=one.top,
            records=one.records,
            state=_state(one, rows.get(name), standing),
        )
        for name, standing in sorted(trees.items())
        for one in reversed(standing)
    )


def _state(tree: Laid, row: EndpointRow | None, standing: Sequence[Laid]) -> str:
    if row is None or row.receipt is None:
        return "nothing is confirmed of its endpoint"
    looked = _looked(row, row.receipt, standing)
    if tree.top == looked.top:
        return "live"
    if tree in leaving(looked):
        until = iso(row.receipt.at_ns + quarantine_ns(looked))
        return f"quarantined until {until} or later, then swept"
    if tree.generation < looked.fence.generation:
        return "kept, it was live before"
    wanted = row.head.plan.generation if row.head is not None else NO_GENERATION
    return "being laid" if tree.generation == wanted else "given up, not live"


def _looked(row: EndpointRow, receipt: Receipt, standing: Sequence[Laid]) -> Looked:
    """What an enactor that found the confirmed plan in order would judge by."""
    plan = row.head.plan if row.head is not None else None
    ttl_s = max((one.ttl_s for one in plan.record_sets), default=0) if plan is not None else 0
    return Looked(
        fence=receipt.fence,
        top=label(receipt.fence.generation, receipt.fence.digest),
        trees=tuple(standing),
        ttl_s=ttl_s,
        agreed=True,
        at_ns=receipt.at_ns,
    )
