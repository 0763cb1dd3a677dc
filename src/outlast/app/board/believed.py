"""What detection left in the store, as values that pages are made from.

Where nobody ever detected, nothing of detection is imported: a control plane runs without its libraries.
"""

from typing import TYPE_CHECKING

from outlast.glass.detection import (
    MINUTE_NS,
    Alarm,
    Curve,
    Detection,
    Feed,
    Outcome,
    Suggestion,
    Suspect,
)
from outlast.model.units import Nanos
from outlast.ports import Store

if TYPE_CHECKING:
    from outlast.detect.belief import Belief, Held, Order, Trace
    from outlast.detect.verdict import Alarm as BeliefAlarm
    from outlast.detect.verdict import Question

KEY = "detection/now"


async def believed(store: Store, now_ns: Nanos) -> Detection | None:
    """Return what detection believes; None: nobody has ever detected here.

    Raises:
        StoreError: the store cannot be used.
    """
    if await store.get(KEY) is None:
        return None
    from outlast.drivers.reports.beliefs import read_belief  # noqa: PLC0415

    belief = await read_belief(store)
    return None if belief is None else shown(belief, now_ns)


def shown(belief: "Belief", now_ns: Nanos) -> Detection:
    """Return a belief as pages show it."""
    question = belief.question
    return Detection(
        at_ns=belief.at_ns,
        since_ns=belief.since_ns,
        outcome=Outcome(belief.outcome),
        stale=belief.is_stale(now_ns),
        down=belief.down,
        chance=belief.chance,
        suspects=tuple(_suspect(one) for one in belief.suspects),
        runner_up=_suspect(belief.runner_up) if belief.runner_up is not None else None,
        carried=tuple(str(one) for one in belief.carried),
        unexplained=belief.unexplained,
        unexplained_count=belief.unexplained_count,
        question=_asked(question) if question is not None else "",
        orders=tuple(_ordered(one) for one in belief.orders),
        alarms=tuple(_alarm(one) for one in belief.alarms),
        alarm_count=belief.alarm_count,
        curves=tuple(_curve(one) for one in belief.traces),
        suggestions=tuple(
            Suggestion(
                text=f"{one.advice} {one.subject}",
                command=one.command,
                proof=one.proof,
                refused=one.refused,
                forecast=one.forecast,
            )
            for one in belief.suggestions
        ),
        feeds=tuple(
            Feed(
                evidence=str(one.evidence),
                name=one.name,
                heard_ns=one.heard_ns,
                silent=one.silent,
                says=one.says,
            )
            for one in belief.feeds
        ),
        replay=belief.replay,
    )


def _suspect(one: "Held") -> Suspect:
    return Suspect(
        cause=str(one.cause),
        posterior=one.posterior,
        hit_ratio=one.hit_ratio,
        explained=one.explained,
        explained_count=one.explained_count,
        healthy=one.healthy,
        healthy_count=one.healthy_count,
    )


def _asked(one: "Question") -> str:
    means = [f"good speaks for {one.good_means}"] if one.good_means else []
    means += [f"bad for {one.bad_means}"] if one.bad_means else []
    return f"probe {one.subject} ({one.road}): {', '.join(means)}"


def _ordered(one: "Order") -> str:
    return f"{one.subject} ({one.road}): {one.answer or 'no answer yet'}"


def _alarm(one: "BeliefAlarm") -> Alarm:
    return Alarm(
        series=str(one.series),
        service=one.series.service,
        country=one.series.country,
        state=str(one.state),
        since_ns=Nanos(one.since * MINUTE_NS),
        window_min=one.window,
        observed=one.observed,
        expected=one.expected,
        high=one.high,
        evidence=tuple(str(it) for it in one.evidence),
        countries=one.countries,
    )


def _curve(one: "Trace") -> Curve:
    moments = one.moments
    return Curve(
        series=one.series,
        at_ns=tuple(Nanos(it.minute * MINUTE_NS) for it in moments),
        observed=tuple(it.observed for it in moments),
        expected=tuple(it.expected for it in moments),
        high=tuple(it.high for it in moments),
    )
