"""Scenario files: what they may say, and how every mistake in one is told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outlast.config import parse
from outlast.config.faults import ScenarioErrors
from outlast.config.scenario import load_scenario, parse_scenario
from outlast.config.times import Clock, parse_amount, parse_instant, parse_span, parse_when
from outlast.drill.scenario import ActionKind, ExpectKind, FaultKind
from outlast.drill.vary import Case, NoSuchParameter, value_at, varied
from outlast.model.behaviour import Discipline
from outlast.model.errors import ConfigError
from outlast.model.topology import Topology

WORLD = """
outlast: 1
regions: {eu: {zones: 3}, us: {}}
providers: {dns: {kind: embedded, server: 127.0.0.1:5300, zones: [a.test]}}
endpoints:
  api:
    names: [api.a.test]
    targets: {eu-1: {region: eu, ipv4: 192.0.2.1}, us-1: {region: us, ipv4: 192.0.2.2}}
services:
  shop:
    essential: true
    regions: [eu, us]
    needs: [{endpoint: api}, {service: shop.db, kind: cached, cached_s: 60}]
    behaviour: {serving: {rate: 100, discipline: lifo}, retrying: {attempts: 3}}
    audience: {people: 1000, countries: {DE: 0.5, US: 0.5}}
  shop.db: {regions: [eu], behaviour: {leasing: {count: 5, drop_expired: true}}}
"""

HEAD = "drill: 1\nworld: it\nlength: 2h\n"


EVERYTHING = """
drill: 1
title: Everything
world: it
start: 2025-10-20 22:30
length: 6h
step: 2s
seed: 7
faults:
  - {kind: region, subject: us, at: 10m, for: 1h30m}
  - {kind: empty-name, subject: api, at: 23:00, until: 01:15}
  - {kind: capacity, subject: shop, region: eu, amount: 40%}
actions:
  - {kind: repair, subject: api, at: 2025-10-21 02:00:30, note: by hand}
  - kind: throttle
    subject: shop
    amount: 0.5
    ramp: 5m
    when: {service: shop, below: 90%, for: 2m, delay: 10m}
expectations:
  - {name: pays, kind: served-min, service: shop, country: DE, value: 99%}
  - {kind: window, service: shop, edge: end, value: 03:00, tolerance: 10m}
  - {kind: recovered-within, value: 30m}
variations:
  - {name: rate, path: services.shop.serving.rate, values: [50, 200], label: How much it carries}
source: https://example.org/report
record: [It was down.]
"""


def world(name: str) -> Topology:
    """Return the one world that is known here."""
    if name != "it":
        raise ConfigError(f"there is no world {name!r}", remedy="write `it`")
    return parse(WORLD, "world.yaml").topology


def faults_of(text: str) -> list[str]:
    """Return what is said of a scenario, faults or warnings: place, rule and remedy."""
    try:
        found = parse_scenario(text, "drill.yaml", world).warnings
    except ScenarioErrors as errors:
        found = errors.faults
    return [f"{one.line}:{one.column} {one.path} [{one.rule}] {one.remedy}" for one in found]


def test_a_whole_scenario_is_read() -> None:
    """Each field finds its place, and times are seconds after the start."""
    loaded = parse_scenario(EVERYTHING, "folder/everything.yaml", world)
    one = loaded.scenario
    assert (one.name, one.world, one.length_s, one.step_s, one.seed) == (
        "everything",
        "it",
        21_600,
        2,
        7,
    )
    assert one.start == datetime(2025, 10, 20, 22, 30, tzinfo=UTC)
    assert [(f.kind, f.at_s, f.until_s, f.amount) for f in one.faults] == [
        (FaultKind.REGION, 600, 6000, 1),
        (FaultKind.EMPTY_NAME, 1800, 9900, 1),
        (FaultKind.CAPACITY, 0, None, 0.4),
    ]
    assert one.actions[0].at_s == 3.5 * 3600 + 30
    rule = one.actions[1]
    assert rule.kind is ActionKind.THROTTLE
    assert (rule.at_s, rule.when_service, rule.when_below) == (None, "shop", 0.9)
    assert (rule.when_for_s, rule.delay_s, rule.ramp_s, rule.amount) == (120, 600, 300, 0.5)
    assert [w.value for w in one.expectations] == [0.99, 4.5 * 3600, 1800]
    assert one.expectations[1].tolerance == 600
    assert one.expectations[2].name == "each essential service: recovered within"
    assert one.expectations[2].kind is ExpectKind.RECOVERED_WITHIN
    assert one.variations[0].values == (50, 200)
    assert one.record == ("It was down.",)
    assert loaded.warnings == ()


def test_what_is_left_out_has_a_default() -> None:
    """World and length are enough; that nothing is expected is said."""
    loaded = parse_scenario(HEAD, "drill.yaml", world)
    assert (loaded.scenario.step_s, loaded.scenario.seed) == (1, 1)
    assert [one.rule for one in loaded.warnings] == ["no-expectation"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1  [empty] begin with `drill: 1`; see docs/drills.md"),
        ("drill: 1\nlength: 1h\n", "1:1 world [missing]"),
        (
            HEAD + "faluts: []\n",
            "4:1 faluts [unknown-key] did you mean `faults`?",
        ),
        (HEAD + "length: 3h\n", "4:1 length [duplicate-key]"),
        (HEAD.replace("2h", "two"), "3:9 length [value] write `90`, `90s`, `40m`, `2h` or `1h30m`"),
        (HEAD.replace("it", "moon"), "2:8 world [world] write `it`"),
        (
            HEAD + "faults: [{kind: regoin, subject: eu}]\n",
            "4:17 faults[0].kind [value] did you mean `region`?",
        ),
        (
            HEAD + "faults: [{kind: region, subject: eux}]\n",
            "4:34 faults[0].subject [unknown-region] did you mean `eu`?",
        ),
        (
            HEAD + "faults: [{kind: service, subject: api}]\n",
            "4:35 faults[0].subject [unknown-service] known here: `shop`, `shop.db`",
        ),
        (HEAD + "faults: [{kind: region}]\n", "4:10 faults[0].subject [missing] add `subject:`"),
        (
            HEAD + "faults: [{kind: region, subject: eu, at: 40m, until: 10m}]\n",
            "4:54 faults[0].until [order]",
        ),
        (
            HEAD + "faults: [{kind: region, subject: eu, at: 3h}]\n",
            "4:42 faults[0].at [order] begin it earlier",
        ),
        (
            HEAD + "faults: [{kind: region, subject: eu, for: 1h, until: 1h}]\n",
            "4:43 faults[0].for [fault] keep `for` or `until`",
        ),
        (
            HEAD + "faults: [{kind: errors, subject: shop, amount: 40}]\n",
            "4:48 faults[0].amount [share] write it as in `0.4` or `40%`",
        ),
        (
            HEAD + "faults: [{kind: edge, subject: shop}]\n",
            "4:32 faults[0].subject [edge] write `from>to`",
        ),
        (
            HEAD + "faults: [{kind: edge, subject: shop>apj}]\n",
            "4:32 faults[0].subject [unknown-service] did you mean `api`?",
        ),
        (HEAD + "actions: [{kind: restart, subject: shop}]\n", "4:11 actions[0] [action]"),
        (
            HEAD + "actions: [{kind: repair, subject: shop, at: 5m}]\n",
            "4:35 actions[0].subject [repair]",
        ),
        (
            HEAD + "actions: [{kind: evacuate, subject: shop, at: 5m}]\n",
            "4:37 actions[0].subject [unknown-region] known here: `eu`, `us`",
        ),
        (
            HEAD + "expectations: [{kind: served-min, value: 99}]\n",
            "4:42 expectations[0].value [share]",
        ),
        (
            HEAD + "expectations: [{kind: window, service: shop, value: 15:00}]\n",
            "4:16 expectations[0].edge [window]",
        ),
        (
            HEAD + "expectations: [{kind: recovered-within, value: 15:00}]\n",
            "4:48 expectations[0].value [expectation]",
        ),
        (
            HEAD + "expectations: [{kind: served-min, value: 1, from: 3h}]\n",
            "4:51 expectations[0].from [order]",
        ),
        (
            HEAD + "variations: [{name: x, path: services.shop.leasing.rate, values: [1]}]\n",
            "4:30 variations[0].path [parameter]",
        ),
        (HEAD + "step: 2m\n", "4:7 step [step] write a step of a minute at most"),
        (HEAD + "step: 0s\n", "4:7 step [step] write a length above 0"),
    ],
)
def test_each_mistake_is_told_with_place_and_remedy(text: str, said: str) -> None:
    """As in a topology."""
    assert any(one.startswith(said) for one in faults_of(text)), faults_of(text)


def test_all_mistakes_are_told_at_once() -> None:
    """Nobody wants to find them one by one."""
    text = HEAD + "faults: [{kind: region, subject: x}, {kind: zone, subject: y, amount: 3}]\n"
    assert len([one for one in faults_of(text) if "no-expectation" not in one]) == 3


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(ScenarioErrors, match="--list"):
        load_scenario(tmp_path / "none.yaml", world)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("1.5h", 5400),
        ("2d", 172_800),
        ("1h30m", 5400),
        ("1d2h3m4s", 93_784),
    ],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    """As people write them."""
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-5m", "5w", "1:30", "h5"])
def test_what_is_no_length_of_time(text: str) -> None:
    """Is refused."""
    with pytest.raises(ValueError, match="no length"):
        parse_span(text)


def test_a_clock_time_is_the_first_at_or_after_the_start() -> None:
    """So that a drill may run over midnight."""
    start = datetime(2025, 10, 20, 22, 0, tzinfo=UTC)
    for text, hours in (
        ("22:00", 0),
        ("23:30", 1.5),
        ("21:59", 24 - 1 / 60),
        ("2025-10-22 00:00", 26),
    ):
        when = parse_when(text)
        assert isinstance(when, Clock)
        assert timedelta(seconds=when.after(start)) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["25:00", "7:61", "2025-02-30 10:00", "noon"])
def test_what_is_no_time(text: str) -> None:
    """Is refused."""
    with pytest.raises(ValueError, match="no"):
        parse_when(text)


def test_instants_and_amounts() -> None:
    """A day alone is its midnight; a percentage is a share."""
    assert parse_instant("2025-10-20") == datetime(2025, 10, 20, tzinfo=UTC)
    assert [parse_amount(one) for one in ("40%", "1e6", "-2", "30m")] == [0.4, 1e6, -2, 1800]
    with pytest.raises(ValueError, match="no number"):
        parse_amount("much")
    with pytest.raises(ValueError, match="no day"):
        parse_instant("10:00")


def case() -> Case:
    """Return a world with a scenario."""
    text = HEAD + "faults: [{kind: region, subject: eu, for: 1h}]\n"
    loaded = parse_scenario(text, "drill.yaml", world)
    return Case(loaded.topology, loaded.scenario)


@pytest.mark.parametrize(
    ("path", "value", "want"),
    [
        ("services.shop.serving.rate", 55, 55),
        ("services.shop.behaviour.serving.rate", 55, 55),
        ("services.shop.retrying.attempts", 4.4, 4),
        ("services.shop.retrying.jitter", 0, False),
        ("services.shop.serving.discipline", 2, Discipline.FRESH),
        ("services.shop.db.leasing.rate", 5, 5),
        ("services.shop.needs.shop.db.cached_s", 900, 900),
        ("services.shop.audience.people", 5, 5),
        ("services.shop.db.resolving.negative_ttl_s", 9, 9),
        ("endpoints.api.ttl_s", 9, 9),
        ("providers.dns.negative_ttl_s", 900, 900),
        ("faults[0].until_s", 60, 60),
        ("services.*.serving.rate", 1, 1),
    ],
)
def test_a_parameter_is_set_by_its_path(path: str, value: float, want: object) -> None:
    """And nothing else changes: setting it back gives the same case."""
    before = case()
    after = varied(before, path, value)
    assert after != before
    shown = value_at(after, path)
    assert shown == (list(Discipline).index(want) if isinstance(want, Discipline) else want)
    if path != "services.shop.db.resolving.negative_ttl_s":  # said nothing before
        assert varied(after, path, value_at(before, path)) == before


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "services.shup.serving.rate",
        "services.shop.leasing.rate",
        "services.shop.serving.rats",
        "services.shop.needs.other.cached_s",
        "services.*.backlog.rate",
        "services.shop.title",
        "faults[3].amount",
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    """A variation that changes nothing would look like one that does not help."""
    with pytest.raises(NoSuchParameter):
        varied(case(), path, 1)
