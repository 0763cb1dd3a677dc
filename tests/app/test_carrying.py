"""The second proof of an evacuation, where its engine is not installed."""

import io
import sys

import pytest
from rich.console import Console

from outlast.app.carrying import carries
from outlast.drill import steady
from outlast.drill.steady import Steady
from outlast.model.names import ServiceName
from outlast.model.override import Waiver
from outlast.model.service import Service
from outlast.model.topology import Topology
from outlast.model.units import Nanos


async def test_without_the_engine_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word, the brackets too, which rich takes for markup."""
    monkeypatch.setitem(sys.modules, "outlast.drill.steady", None)
    out = io.StringIO()
    topology = Topology(services=(Service(name=ServiceName("shop"), essential=True),))
    assert await carries(Console(file=out, width=200), topology, "us-east")
    assert "pip install 'outlast[drill]'" in out.getvalue()


@pytest.mark.parametrize(
    ("before", "after", "rule", "fits"),
    [
        (1.0, 0.995, "", True),
        (1.0, 0.98, "", False),
        (0.8, 0.8, "", True),
        (0.8, 0.7, "", False),
        (1.0, 0.5, "capacity", True),
        (1.0, 0.5, "floor", False),
    ],
)
async def test_what_fared_badly_before_is_not_laid_to_the_evacuation(
    monkeypatch: pytest.MonkeyPatch,
    before: float,
    after: float,
    rule: str,
    fits: bool,  # noqa: FBT001
) -> None:
    """And a waiver waives what it names."""
    shop = ServiceName("shop")
    monkeypatch.setattr(steady, "without", lambda *_: (Steady(shop, before, after),))
    waiver = Waiver(rule=rule, endpoint=None, reason="x", by="x", at_ns=Nanos(0), until_ns=Nanos(1))
    topology = Topology(services=(Service(name=shop, essential=True),))
    out = Console(file=io.StringIO())
    assert await carries(out, topology, "us-east", [waiver] if rule else []) is fits
