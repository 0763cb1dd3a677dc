"""The second proof of an evacuation, where its engine is not installed."""

import io
import sys

import pytest
from rich.console import Console

from outlast.app.carrying import carries
from outlast.model.names import ServiceName
from outlast.model.service import Service
from outlast.model.topology import Topology


async def test_without_the_engine_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word, the brackets too, which rich takes for markup."""
    monkeypatch.setitem(sys.modules, "outlast.drill.steady", None)
    out = io.StringIO()
    topology = Topology(services=(Service(name=ServiceName("shop"), essential=True),))
    assert await carries(Console(file=out, width=200), topology, "us-east")
    assert "pip install 'outlast[drill]'" in out.getvalue()
