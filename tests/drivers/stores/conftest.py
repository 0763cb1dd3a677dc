"""What the tests of stores share."""

from collections.abc import Iterator

import pytest
from tests.support.engines import Etcds, all_etcds


@pytest.fixture(scope="session")
def etcds() -> Iterator[Etcds]:
    """The etcds of this process."""
    yield from all_etcds()
