"""L3: an unlucky enactor starves in the published design, and does not in ours."""

import pytest

from outlast.sim.tables import starving


@pytest.mark.slow
def test_losers_do_not_drag_old_plans_along() -> None:
    """The published design publishes plans far behind the newest; ours is never more than three behind."""
    rows = [line.split("|") for line in starving(runs=30).splitlines()[2:]]
    farthest = {row[1].strip(): int(row[6]) for row in rows}
    publications = {row[1].strip(): int(row[3].replace(",", "")) for row in rows}
    assert min(publications.values()) > 100
    assert farthest["aws-2025"] >= 10
    assert farthest["outlast"] <= 3
