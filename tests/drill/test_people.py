"""Who is hit: people whose service fails, and people who are cut off from a service that fares well."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from outlast.config.scenario import START
from outlast.drill.compiled.wanted import stepped_by
from outlast.drill.engine import run
from outlast.drill.judging import judge, served_of
from outlast.drill.layout import lay_out
from outlast.drill.outcome import Outcome
from outlast.drill.people import COUNTRIES
from outlast.drill.population import Population
from outlast.drill.scenario import Expectation, ExpectKind, Fault, FaultKind, Scenario
from outlast.model.behaviour import Audience
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Service
from outlast.model.topology import Region, Topology

NEAR, FAR = RegionName("near"), RegionName("far")
AUDIENCE = Audience(people=1000.0, countries=(("EG", 0.5), ("US", 0.5)), swing_ratio=0.0)
USED = Service(name=ServiceName("shop"), essential=True, audience=AUDIENCE)
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
    assert [hit(shown, minute)[0] for minute in (3, 4, 5, 9, 10, 12)] == [0, 0, 1, 1, 0, 0]
    assert {hit(shown, minute)[1] for minute in range(15)} == {0}
    assert np.nanmin(shown.served) == 1.0
    assert shown.reports[:, shown.countries.index("EG")].sum() > 0


def test_everybody_has_one_home_and_regions_at_one_distance_share() -> None:
    twin = Region(name=RegionName("twin"), country="EG")
    population = Population.of(lay_out(replace(WORLD, regions=(*WORLD.regions, twin))), START)
    assert population.homes[population.pattern[0]].tolist() == [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]


def test_whoever_is_cut_off_asks_for_nothing() -> None:
    population = Population.of(lay_out(WORLD), START)
    asked = population.load(0.0, None)[0]
    cut = np.array([[float(code == "EG")] * 2 for code in population.countries])
    assert asked.min() > 0
    assert population.load(0.0, cut)[0].tolist() == [0.0, asked[1]]


def test_a_cable_that_carries_two_fifths_cuts_off_three() -> None:
    assert hit(run(WORLD, cable(0.6)), 7) == [0.6, 0]


def test_a_cut_from_a_region_that_serves_nobody_there_is_not_felt() -> None:
    assert hit(run(WORLD, cable(region="far")), 7) == [0, 0]


def with_errors() -> Scenario:
    """Half of the answers are errors and half of the road is gone."""
    errors = Fault(kind=FaultKind.ERRORS, subject="shop", at_s=300.0, until_s=600.0, amount=0.5)
    both = cable(0.5)
    return replace(both, faults=(*both.faults, errors))


def test_trouble_and_a_cut_are_not_counted_twice() -> None:
    """Three quarters are hit, and half where nothing is cut."""
    assert hit(run(WORLD, with_errors()), 7) == [0.75, 0.5]


def test_what_gets_through_one_cut_has_to_get_through_the_next() -> None:
    two = replace(cable(0.6), faults=(*cable(0.6).faults, *cable(0.5).faults))
    assert hit(run(WORLD, two), 7) == [0.8, 0]


@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_those_who_are_hit_report_and_whoever_sleeps_does_not(engine: str) -> None:
    """In the first minute as many as are newly hit: by all of the cable, a part, or a part and errors."""
    with stepped_by(engine):
        whole, part, both = (run(WORLD, one) for one in (cable(), cable(0.6), with_errors()))
        by_day = replace(USED, audience=replace(AUDIENCE, peak_hour=12.0, swing_ratio=0.9))
        midnight = replace(cable(), start=START.replace(hour=21))
        night = run(replace(WORLD, services=(by_day,)), midnight)
    egypt = whole.countries.index("EG")
    first = [float(one.reports[5, egypt]) for one in (whole, part, both, night)]
    assert first[1] == pytest.approx(0.6 * first[0], rel=1e-3)
    assert first[2] == pytest.approx(0.75 * first[0], rel=1e-3)
    assert first[3] == pytest.approx(0.1 * first[0], rel=0.02)


@pytest.mark.parametrize(("country", "least"), [("EG", 0.0), ("US", 1.0), ("", 0.5)])
def test_an_expectation_sees_who_is_cut_off(country: str, least: float) -> None:
    wanted = Expectation(name="x", kind=ExpectKind.SERVED_MIN, country=country, value=0.99)
    shown = run(WORLD, cable())
    assert served_of(shown, wanted, "shop").min() == pytest.approx(least, abs=1e-6)
    scenario = Scenario(name="x", world="", start=START, length_s=900.0, expectations=(wanted,))
    assert judge(shown, scenario, WORLD)[0].held is (least > 0.99)


TABLE = (
    "AE Asia/Dubai AR America/Argentina/Buenos_Aires AT Europe/Vienna BD Asia/Dhaka BE Europe/Brussels "
    "BG Europe/Sofia BR America/Sao_Paulo CH Europe/Zurich CL America/Santiago CN Asia/Shanghai "
    "CO America/Bogota CZ Europe/Prague DE Europe/Berlin DK Europe/Copenhagen EC America/Guayaquil "
    "EG Africa/Cairo ES Europe/Madrid ET Africa/Addis_Ababa FI Europe/Helsinki FR Europe/Paris "
    "GB Europe/London GH Africa/Accra GR Europe/Athens HK Asia/Hong_Kong HU Europe/Budapest "
    "ID Asia/Jakarta IE Europe/Dublin IL Asia/Jerusalem IN Asia/Kolkata IQ Asia/Baghdad IT Europe/Rome "
    "JP Asia/Tokyo KE Africa/Nairobi KR Asia/Seoul KZ Asia/Almaty LK Asia/Colombo LU Europe/Luxembourg "
    "MA Africa/Casablanca MM Asia/Yangon MX America/Mexico_City MY Asia/Kuala_Lumpur NG Africa/Lagos "
    "NL Europe/Amsterdam NO Europe/Oslo NP Asia/Kathmandu NZ Pacific/Auckland PE America/Lima "
    "PH Asia/Manila PK Asia/Karachi PL Europe/Warsaw PR America/Puerto_Rico PT Europe/Lisbon "
    "RO Europe/Bucharest RS Europe/Belgrade SA Asia/Riyadh SE Europe/Stockholm SG Asia/Singapore "
    "SK Europe/Bratislava TH Asia/Bangkok TR Europe/Istanbul TW Asia/Taipei TZ Africa/Dar_es_Salaam "
    "UA Europe/Kyiv UY America/Montevideo UZ Asia/Tashkent VE America/Caracas VN Asia/Ho_Chi_Minh "
    "ZA Africa/Johannesburg"
)
SEVERAL = {"AU": (8.0, 11.0), "CA": (-7.0, -2.5), "RU": (2.0, 12.0), "US": (-10.0, -4.0)}
"""Countries of several zones, and between which their mean must lie."""


def test_hours_are_those_of_the_tz_database_on_the_day_of_the_incident() -> None:
    """Each country's, or between its zones'; and no country is left out."""
    words = TABLE.split()
    zones = dict(zip(words[::2], words[1::2], strict=True))
    noon = datetime(2025, 10, 20, 12, tzinfo=UTC)
    wrong = []
    for code, zone in zones.items():
        offset = noon.astimezone(ZoneInfo(zone)).utcoffset()
        assert offset is not None
        if offset.total_seconds() / 3600.0 != COUNTRIES[code].utc_h:
            wrong.append(code)
    for code, (low, high) in SEVERAL.items():
        if not low <= COUNTRIES[code].utc_h <= high:
            wrong.append(code)
    assert wrong == []
    assert zones.keys() | SEVERAL.keys() == COUNTRIES.keys()


def test_people_on_line_come_to_about_what_the_itu_counts() -> None:
    assert 4500 < sum(one.online_m for one in COUNTRIES.values()) < 5400
