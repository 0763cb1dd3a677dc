"""Blame: what is named, what is not, and what cannot move it."""

import numpy as np
import pytest
from evaluate import graphs
from evaluate.graphs import Condition
from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.detect.blame import FALSE_ATTRIBUTION, blame
from outlast.detect.cells import ProbeSeen, Road
from outlast.detect.roads import roads_of
from outlast.detect.verdict import Cause, CauseKind, Outcome, Roads
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Region, Topology

EAST = Cause(CauseKind.REGION, "us-east")
WEST = Cause(CauseKind.REGION, "us-west")
TABLES = Cause(CauseKind.NAME, "tables.us-east")
CAUSES = (EAST, WEST, TABLES)
SERVICES = tuple(f"s{one}" for one in range(120))


def nested(users: int = 50, east: int = 60) -> Roads:
    """Of 120 services the first `east` run in us-east, the first `users` of them use its tables."""
    edges = [(one, 0) for one in range(east)] + [(one, 2) for one in range(users)]
    edges += [(one, 1) for one in range(east, 120)]
    rows, columns = np.array(edges).T
    return Roads(SERVICES, CAUSES, rows, columns, {TABLES: (EAST,)})


def names(*numbers: range) -> set[str]:
    return {SERVICES[one] for some in numbers for one in some}


def test_a_name_is_named_where_the_rest_of_its_region_stays_well() -> None:
    """Ten services in the region that do not use the name are up: the region is not it."""
    verdict = blame(nested(), names(range(40)), names(range(40, 120)))
    assert verdict.outcome is Outcome.CAUSE
    assert [one.cause for one in verdict.suspects] == [TABLES]
    assert verdict.runner_up is not None
    assert verdict.runner_up.cause == EAST
    assert verdict.suspects[0].posterior > 0.6
    assert len(verdict.suspects[0].explained) == 40


def test_two_candidates_with_the_same_dependents_are_unknown_and_a_probe_is_asked_for() -> None:
    """Nothing but a probe that needs no name can tell them apart, and it is the one that is named."""
    roads = nested(users=60)
    down, well = names(range(45)), names(range(45, 120))
    verdict = blame(roads, down, well)
    assert verdict.outcome is Outcome.UNKNOWN
    question = verdict.question
    assert question is not None
    assert question.road is Road.PINNED
    assert question.bad_means == str(EAST)
    assert question.good_means == str(TABLES)
    assert question.gain_bits > 0.8
    for good, wanted in ((True, TABLES), (False, EAST)):
        answer = ProbeSeen(subject=question.subject, good=good, road=question.road)
        told = blame(roads, down, well, [answer])
        assert told.outcome is Outcome.CAUSE
        assert told.suspects[0].cause == wanted
    # The same at the name's own address: it answers there, so only the name can be gone.
    pinned = ProbeSeen(subject=TABLES.name, good=True, road=Road.PINNED)
    assert blame(roads, down, well, [pinned]).suspects[0].cause == TABLES


def test_what_depends_on_no_suspect_is_told() -> None:
    """A service that fails for its own reasons is not swept under the cause."""
    verdict = blame(nested(), {*names(range(40)), "s100"}, names(range(40, 120)) - {"s100"})
    assert [one.cause for one in verdict.suspects] == [TABLES]
    assert verdict.unexplained == ("s100",)


def test_nothing_down_is_quiet_and_little_down_is_nothing_shared() -> None:
    """Both are answers, with how likely chance is."""
    assert blame(nested(), (), names(range(120))).outcome is Outcome.QUIET
    verdict = blame(nested(), {"s3", "s70", "s99"}, names(range(120)))
    assert verdict.outcome is Outcome.NOTHING_SHARED
    assert verdict.chance > FALSE_ATTRIBUTION
    assert set(verdict.unexplained) == {"s3", "s70", "s99"}


def test_silence_is_not_health() -> None:
    """Services that nobody hears of speak neither for nor against: the answer is less sure, not other."""
    down = names(range(40))
    heard = blame(nested(), down, names(range(40, 120)))
    unheard = blame(nested(), down, names(range(60, 120)))
    assert heard.suspects[0].posterior > unheard.suspects[0].posterior
    assert {*unheard.suspects[0].healthy} == set()


@settings(max_examples=25, deadline=None)
@given(st.sets(st.sampled_from(SERVICES)), st.sets(st.sampled_from(SERVICES)))
def test_an_answer_is_consistent_whatever_is_seen(down: set[str], well: set[str]) -> None:
    """Posteriors are probabilities; explained services are down and lean on the cause, healthy are well."""
    roads = nested()
    verdict = blame(roads, down, well)
    members = {
        cause: {SERVICES[row] for row in roads.service_of[roads.cause_of == code]}
        for code, cause in enumerate(CAUSES)
    }
    for one in (*verdict.suspects, *verdict.alternatives):
        assert 0 <= one.posterior <= 1
        assert {*one.explained} == members[one.cause] & down
        assert {*one.healthy} == members[one.cause] & (well - down)
    assert blame(roads, down, well) == verdict


@pytest.mark.slow
def test_half_of_the_dependents_and_a_wrong_map_are_enough() -> None:
    """The goals of large graphs, on fewer runs: first in 93 %, precision and recall of three 0.9."""
    made = Condition(hit=0.5, background=0.02, missing=0.2, wrong=0.0)
    assert graphs.score(made, 60, seed=11).top1 >= 0.93
    three = graphs.score(
        Condition(hit=0.5, background=0.02, missing=0.2, wrong=0.0, causes=3), 40, seed=12
    )
    assert min(three.precision, three.recall) >= 0.9


@pytest.mark.slow
def test_nothing_is_blamed_where_nothing_shared_has_failed() -> None:
    """Fewer than one in a thousand; here on two hundred, with background noise and a wrong map."""
    made = Condition(hit=0, background=0.03, missing=0.2, wrong=0.1, causes=0)
    assert graphs.score(made, 200, seed=13).answered == 0


@pytest.mark.slow
def test_a_campaign_against_one_service_does_not_move_blame() -> None:
    """However many shout: a service is down or not, and one more changes no suspect, up or down the list.

    Fifty outages of one thing each; in each a service that has nothing to do with it is attacked until it
    counts as down. Suspects must stay, their posteriors move by less than a hundredth.
    """
    rng = np.random.default_rng(14)
    condition = Condition(hit=0.5, background=0.02, missing=0.2, wrong=0.1)
    true = graphs.world(rng)
    sizes = np.bincount(true.cause_of, minlength=len(true.causes))
    moved: list[float] = []
    for _ in range(50):
        failed = rng.choice(np.flatnonzero(sizes >= 60), 1)
        shown = graphs.symptoms(true, condition, failed, rng)
        roads = graphs.drawn_map(true, condition, rng)
        everything = np.array(roads.services)
        victim = str(rng.choice(everything[~shown]))
        down, well = {*everything[shown].tolist()}, {*everything[~shown].tolist()}
        before = blame(roads, down, well)
        after = blame(roads, down | {victim}, well - {victim})
        assert [one.cause for one in after.suspects] == [one.cause for one in before.suspects]
        moved += [
            abs(one.posterior - two.posterior)
            for one, two in zip(before.suspects, after.suspects, strict=True)
        ]
    assert len(moved) >= 45
    assert max(moved) < 0.1
    assert float(np.median(moved)) < 0.01


def test_a_campaign_on_a_quiet_day_names_nothing() -> None:
    """Reports against one service alone are no shared cause, and its suppliers stay unblamed."""
    verdict = blame(nested(), {"s3"}, names(range(120)) - {"s3"})
    assert verdict.outcome is Outcome.NOTHING_SHARED
    assert verdict.suspects == ()


def test_roads_lead_through_services_and_regions_and_round_in_circles() -> None:
    """Near or far, once each; what matters only while starting takes nothing down."""
    a, b, c = (ServiceName(one) for one in "abc")
    east = RegionName("east")
    topology = Topology(
        regions=tuple(
            Region(name=RegionName(one), vendor="cloudy", country="US", network=64_500)
            for one in ("east", "west")
        ),
        services=(
            Service(name=a, needs=(Dependency(service=b),)),
            Service(name=b, regions=(east,), needs=(Dependency(service=a),)),
            Service(name=c, needs=(Dependency(service=b, kind=DependencyKind.STARTUP),)),
        ),
    )
    roads = roads_of(topology)
    leans = {
        name: {str(roads.causes[one]) for one in roads.cause_of[roads.service_of == row]}
        for row, name in enumerate(roads.services)
    }
    both = {
        "service `a`",
        "service `b`",
        "region `east`",
        "vendor `cloudy`",
        "country `US`",
        "network `AS64500`",
    }
    assert leans == {"a": both, "b": both, "c": {"service `c`"}}


def test_what_one_thing_alone_leans_on_is_no_candidate_of_its_own() -> None:
    """A country with one region: nobody could choose between the two, and the answer would be "unknown"."""
    east, west = RegionName("east"), RegionName("west")
    topology = Topology(
        regions=(
            Region(name=east, country="US", vendor="cloudy", shares=("grid",)),
            Region(name=west, country="IE", vendor="cloudy"),
        ),
        services=tuple(
            Service(name=ServiceName(f"{region}-{one}"), regions=(region,))
            for region in (east, west)
            for one in range(15)
        ),
    )
    roads = roads_of(topology)
    kinds = {one.kind for one in roads.causes}
    assert kinds == {CauseKind.SERVICE, CauseKind.REGION, CauseKind.VENDOR}
    down = {one for one in roads.services if one.startswith("east")}
    verdict = blame(roads, down, set(roads.services) - down)
    assert verdict.outcome is Outcome.CAUSE
    assert [str(one.cause) for one in verdict.suspects] == ["region `east`"]
