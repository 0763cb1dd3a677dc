"""A board in this process, with one account of each role."""

from pathlib import Path

import pytest
from tests.support.boarding import Boarding, make_boarding

from outlast.glass.access import Role


@pytest.fixture
def boarding(tmp_path: Path) -> Boarding:
    """A board on loopback with rita (reader), otto (operator), ann and abe (approvers)."""
    made = make_boarding(tmp_path)
    made.add("rita", Role.READER)
    made.add("otto", Role.OPERATOR)
    made.add("ann", Role.APPROVER)
    made.add("abe", Role.APPROVER)
    return made
