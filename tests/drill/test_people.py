"""Who is hit: people whose service fails, and people who are cut off from a service that fares well."""

import numpy as np
import pytest

from outlast.config.scenario import START
from outlast.drill.engine import run
from outlast.drill.judging import judge, served_of
from outlast.drill.outcome import Outcome
from outlast.drill.scenario import Expectation, ExpectKind, Fault, FaultKind, Scenario
from outlast.model.behaviour import Audience
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Service
from outlast.model.topology import Region, Topology

NEAR, FAR = RegionName("near"), RegionName("far")
USED = Service(
    name=ServiceName("shop"),
    essential=True,
    audience=Audience(people=1000.0, countries=(("EG", 0.5), ("US", 0.5)), swing_ratio=0.0),
)
WORLD = Topology(
    regions=(Region(name=NEAR, country="EG"), Region(name=FAR, country="US")), services=(USED,)
)


def cable(amount: float = 1.0, region: str = "") -> Scenario:
    fault = Fault(
        kind=FaultKind.COUNTRY,
        subject="EG",
        region=region,
        at_s=300.0,
        until_s=600.0,
        amount=amount,
    )
    return Scenario(
        name="cable", world="", start=START, length_s=900.0, step_s=5.0, faults=(fault,)
    )


def hit(shown: Outcome, minute: int) -> list[float]:
    """Return the share of each country's people on line that is hit."""
    affected = list(shown.affected())[minute].sum(axis=0)
    return [
        round(float(affected[at] / (shown.people[:, at].sum() * shown.awake[minute, at])), 3)
        for at in (shown.countries.index("EG"), shown.countries.index("US"))
    ]


def test_people_in_a_country_that_is_cut_off_are_hit_and_nobody_else() -> None:
    shown = run(WORLD, cable())
    assert [hit(shown, minute) for minute in (3, 7, 12)] == [[0, 0], [1, 0], [0, 0]]
    assert np.nanmin(shown.served) == 1.0
    assert shown.reports[:, shown.countries.index("EG")].sum() > 0


def test_a_cable_that_carries_two_fifths_cuts_off_three() -> None:
    assert hit(run(WORLD, cable(0.6)), 7) == [0.6, 0]


def test_a_cut_from_a_region_that_serves_nobody_there_is_not_felt() -> None:
    assert hit(run(WORLD, cable(region="far")), 7) == [0, 0]


def test_trouble_and_a_cut_are_not_counted_twice() -> None:
    """Half of the answers are errors and half of the road is gone: three quarters are hit."""
    both = cable(0.5)
    errors = Fault(kind=FaultKind.ERRORS, subject="shop", at_s=300.0, until_s=600.0, amount=0.5)
    shown = run(
        WORLD,
        Scenario(
            name="both", world="", start=START, length_s=900.0, step_s=5.0,
            faults=(*both.faults, errors),
        ),
    )  # fmt: skip
    assert hit(shown, 7) == [0.75, 0.5]


@pytest.mark.parametrize(("country", "least"), [("EG", 0.0), ("US", 1.0), ("", 0.5)])
def test_an_expectation_sees_who_is_cut_off(country: str, least: float) -> None:
    wanted = Expectation(name="x", kind=ExpectKind.SERVED_MIN, country=country, value=0.99)
    shown = run(WORLD, cable())
    assert served_of(shown, wanted, "shop").min() == pytest.approx(least, abs=1e-6)
    scenario = Scenario(name="x", world="", start=START, length_s=900.0, expectations=(wanted,))
    assert judge(shown, scenario, WORLD)[0].held is (least > 0.99)
