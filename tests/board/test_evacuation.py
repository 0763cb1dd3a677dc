"""Evacuation on the board: what is under way, and what is over."""

from dataclasses import replace

from tests.support.boarding import Boarding

from outlast.model.names import RegionName
from outlast.model.override import Evacuation


async def test_a_region_that_is_back_is_not_listed_any_more(boarding: Boarding) -> None:
    """It came back in steps, and the last one is done; nobody lifted the order."""
    regions = [one.name for one in boarding.world.topology.regions]
    going = Evacuation(
        region=RegionName(regions[0]),
        reason="the flood",
        by="otto",
        at_ns=boarding.clock.now_ns(),
        step_count=1,
        step_s=0.0,
    )
    back = replace(going, region=RegionName(regions[1]), reason="the exercise", returning=True)
    ledger = boarding.world.ledger(boarding.store, "operator")
    for one in (going, back):
        await ledger.place(one, "asked for")
    async with boarding.client() as client:
        page = (await client.get("/evacuation")).text
    assert "the flood" in page
    assert "the exercise" not in page
