"""Telemetry: which facts become log lines, at which level, and what they do to the metrics."""

import io
import json

import pytest
from prometheus_client import generate_latest

from outlast.app.troubles import Troubles
from outlast.drivers.facts import Event, Fact
from outlast.drivers.telemetry import Metrics, make_logger, to_all


def fact(event: Event, **fields: str | float) -> Fact:
    """A fact told by a planner, unless another role is given."""
    return Fact(event=event, **{"role": "planner", **fields})  # type: ignore[arg-type]


def page(*facts: Fact) -> str:
    """What is measured after some facts."""
    metrics = Metrics()
    for one in facts:
        metrics.count(one)
    return generate_latest(metrics.registry).decode()


def test_every_fact_is_counted_by_role_and_event() -> None:
    for event in Event:
        text = page(fact(event), fact(event))
        assert f'outlast_facts_total{{event="{event}",role="planner"}} 2.0' in text


def test_the_time_of_a_publication_is_measured_where_it_is_known() -> None:
    text = page(fact(Event.PUBLISHED, took_s=0.02), fact(Event.HEALED, took_s=0.3))
    assert "outlast_publish_seconds_count 2.0" in text
    assert 'outlast_publish_seconds_bucket{le="0.025"} 1.0' in text
    assert "outlast_publish_seconds_count 0.0" in page(fact(Event.PUBLISHED))


@pytest.mark.parametrize(
    ("lost", "back", "line"),
    [
        (Event.STORE_LOST, Event.STORE_BACK, 'outlast_store_lost{role="planner"}'),
        (Event.PROVIDER_LOST, Event.PROVIDER_BACK, 'outlast_provider_lost{provider="dns"}'),
    ],
)
def test_a_loss_stands_until_it_is_over(lost: Event, back: Event, line: str) -> None:
    assert f"{line} 1.0" in page(fact(lost, subject="dns"))
    assert f"{line} 0.0" in page(fact(lost, subject="dns"), fact(back, subject="dns"))


def lines(*facts: Fact) -> list[dict[str, object]]:
    """The log lines of some facts."""
    stream = io.StringIO()
    write = make_logger(as_json=True, stream=stream)
    for one in facts:
        write(one)
    return [json.loads(one) for one in stream.getvalue().splitlines()]


def test_a_line_has_what_the_fact_has_and_nothing_else() -> None:
    (line,) = lines(fact(Event.PUBLISHED, subject="api", detail="plan 2", generation=2, took_s=0.1))
    line.pop("timestamp")
    assert line == {
        "event": "published",
        "level": "info",
        "role": "planner",
        "subject": "api",
        "detail": "plan 2",
        "generation": 2,
        "took_s": 0.1,
    }
    (bare,) = lines(fact(Event.STARTED))
    assert bare.keys() == {"event", "level", "role", "timestamp"}


def test_daily_business_is_not_logged_and_trouble_is_loud() -> None:
    assert lines(fact(Event.VERIFIED), fact(Event.RACE_LOST)) == []
    levels = {str(one["event"]): one["level"] for one in lines(*(fact(it) for it in Event))}
    assert levels["bug"] == "critical"
    assert levels["provider-lost"] == "error"
    assert levels["drift"] == "warning"
    assert levels["planned"] == "info"


def test_columns_for_people_have_the_same() -> None:
    stream = io.StringIO()
    make_logger(as_json=False, stream=stream)(fact(Event.DRIFT, detail="no addresses"))
    assert "drift" in stream.getvalue()
    assert "no addresses" in stream.getvalue()


def test_every_listener_hears_every_fact() -> None:
    heard: list[str] = []
    to_all(lambda one: heard.append(f"a {one.event}"), lambda one: heard.append(f"b {one.event}"))(
        fact(Event.STARTED)
    )
    assert heard == ["a started", "b started"]


def test_troubles_last_from_their_beginning_to_their_end() -> None:
    troubles = Troubles()
    troubles.hear(fact(Event.STORE_LOST, detail="gone"))
    troubles.hear(fact(Event.PROVIDER_LOST, subject="dns", detail="silent"))
    assert troubles.now() == {"provider dns": "silent", "store planner": "gone"}
    troubles.hear(fact(Event.STORE_BACK))
    assert troubles.now() == {"provider dns": "silent"}
    troubles.hear(fact(Event.PROVIDER_BACK, subject="dns"))
    assert troubles.now() == {}


def test_a_refused_topology_and_a_sick_vantage_do_not_make_a_process_unready() -> None:
    troubles = Troubles()
    troubles.hear(fact(Event.TOPOLOGY_REFUSED, detail="line 3"))
    troubles.hear(fact(Event.VANTAGE_SICK, subject="local", detail="2 of 3"))
    assert len(troubles.now()) == 2
    assert troubles.stopping() == {}
