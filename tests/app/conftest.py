"""Systems for the tests of the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.system import System, system


@pytest.fixture
def still(tmp_path: Path) -> Iterator[System]:
    """A topology with its regions, and nothing of Outlast running."""
    with system(tmp_path) as made:
        yield made


@pytest.fixture
def running(still: System) -> System:
    """The same, with `outlast up` and both names published."""
    still.up_and_published()
    return still
