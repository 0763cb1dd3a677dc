"""Bounds: an enactor of one cell gets no plan of another.

The plan says in whose cell it lies (`Layout.cell`), so no topology, no store and no other role has to be
right about it. An enactor that is handed a plan of another cell is told that there is none: it writes
nothing then. Both interpreters ask here, each time a plan is fetched, for the cell of an endpoint can
change while its enactor is at work. Two enactors on one endpoint while it does are an ordinary day: the
fence lets one win.
"""

from dataclasses import replace

from outlast.core.messages import Newest
from outlast.model.policy import Reach


def within(reach: Reach, newest: Newest) -> Newest:
    """Return the newest plan as an enactor of this reach may know it."""
    if newest.plan is None or reach.covers(newest.plan.layout.cell):
        return newest
    return replace(newest, plan=None)
