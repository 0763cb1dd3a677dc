"""Wellness: what the votes of all vantages make of each subject, as the planner remembers it."""

from tests.support.builders import DOWN, UNKNOWN, at, vote

from outlast.core.observe import RegionView, VantageView
from outlast.drivers.wellness import Wellness
from outlast.model.names import RegionName, Subject, VantageName
from outlast.model.topology import Settings

EU, US = Subject("api/eu-1/ipv4"), Subject("api/us-1/ipv4")


def view(heard_s: float, **onsets: float | None) -> VantageView:
    """How two regions look from the only vantage."""
    regions = tuple(
        RegionView(
            region=RegionName(region),
            judged=1,
            failing=int(onset is not None),
            onset_ns=at(onset) if onset is not None else None,
        )
        for region, onset in onsets.items()
    )
    return VantageView(vantage=VantageName("v1"), regions=regions, heard_at_ns=at(heard_s))


def test_what_a_lone_vantage_found_dead_while_it_was_cut_off_counts_only_a_minute_later() -> None:
    """Its network returns, one region is probed first; the other one stays in until it is known."""
    wellness = Wellness(Settings())
    dead = [(EU, vote(DOWN, second=25)), (US, vote(DOWN, second=26))]
    assert wellness.hear([view(26, eu=10, us=11)], dead, at(26)) is None
    assert set(wellness.sick) == {"v1"}
    assert wellness.hear([view(40, eu=None, us=11)], [(EU, vote(second=40))], at(40)) is None
    assert wellness.sick == {}
    assert wellness.judge(US, at(40))[0].verdict is UNKNOWN
    assert wellness.hear([view(100, eu=None, us=11)], [], at(100)) == set()
    assert wellness.judge(US, at(100))[0].verdict is UNKNOWN
    assert wellness.hear([view(101, eu=None, us=11)], [], at(101)) is None, "all is judged anew"
    assert wellness.judge(US, at(101))[0].verdict is DOWN
