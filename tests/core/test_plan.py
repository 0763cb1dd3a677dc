"""Plan: deterministic, canonical, with digest, weights and a capacity proof."""

from dataclasses import replace

import pytest
from tests.support.builders import (
    NAME,
    UNKNOWN,
    V4,
    V6,
    endpoint,
    evacuation,
    failover,
    health,
    healths,
    member,
    plan,
    published,
    situation,
    target,
    waiver,
)

from outlast.core.plan import (
    evacuations_of,
    make,
    prove,
    shed,
    waivers_of,
    what_if_down,
)
from outlast.model.names import DnsName, Subject
from outlast.model.plan import Plan
from outlast.model.records import RecordType, digest_of
from outlast.model.topology import Budget, PublishedName, subject_of
from outlast.model.units import Generation

OF = endpoint("eu-1", "eu-2", "us-1")
WWW = DnsName("www.example.net")


def weights(found: Plan) -> dict[str, int]:
    """Return the published weights by address, read by the test itself."""
    values = [one for two in found.record_sets if "_weights" in two.name for one in two.values]
    return {one.split("=")[0]: int(one.split("=")[1]) for one in values}


def test_the_same_situation_in_any_order_gives_the_same_bytes() -> None:
    """Two planners that know the same must not fight over the order of what they know."""
    asked = situation(OF, healthy=healths(OF, "eu-1"))
    turned = replace(asked, health=tuple(reversed(asked.health)))
    assert make(asked, Generation(1)) == make(turned, Generation(1))
    shuffled = endpoint("us-1", "eu-2", "eu-1")
    other = make(situation(shuffled, healthy=healths(OF, "eu-1")), Generation(1))
    assert other.record_sets == make(asked, Generation(1)).record_sets
    assert other.digest == make(asked, Generation(1)).digest


def test_the_digest_is_that_of_the_records() -> None:
    """Anybody who can ask the DNS can compute it again."""
    found = plan(OF)
    assert found.digest == digest_of(found.record_sets)
    assert found.digest != plan(OF, "eu-1").digest


def test_records_stand_in_canonical_order_at_each_name_in_its_families() -> None:
    """Names that share an endpoint need not have the same families."""
    of = endpoint(
        target("eu-1", families="46"),
        names=(PublishedName(name=WWW), PublishedName(name=NAME, families=(V4,))),
    )
    found = [(one.name, one.rtype) for one in plan(of).record_sets]
    assert found == [(NAME, RecordType.A), (WWW, RecordType.A), (WWW, RecordType.AAAA)]
    assert plan(of).layout.fence_at == f"_outlast.{WWW}"


def test_equal_weights_are_not_published() -> None:
    """A record that says nothing is only one more to keep right."""
    assert weights(plan(OF)) == {}
    assert weights(plan(endpoint(target("eu-1", weight=5), target("us-1", weight=5)))) == {}


def test_equal_ratios_give_equal_records() -> None:
    """Weights in lowest terms: 20 to 40 is 1 to 2."""
    small = endpoint(target("eu-1", weight=1), target("us-1", weight=2))
    large = endpoint(target("eu-1", weight=20), target("us-1", weight=40))
    assert plan(small).record_sets == plan(large).record_sets
    assert sorted(weights(plan(large)).values()) == [1, 2]


def test_weights_fit_sixteen_bits_and_a_small_share_stays_one() -> None:
    """65535 beside 1 at half its weight: scaled, but never to nothing."""
    of = endpoint(target("eu-1", weight=65535), target("us-1", weight=1))
    leaving = evacuation("us", begins=100, steps=2, step_s=10)
    found = make(situation(of, head=plan(of), overrides=(leaving,)), Generation(2))
    assert all(1 <= one <= 65535 for one in weights(found).values())


def test_a_server_without_weights_gets_none() -> None:
    """On BIND a `_weights` record would be noise."""
    of = endpoint(target("eu-1", weight=1), target("us-1", weight=2))
    assert weights(plan(of, weighted=False)) == {}


def test_a_plan_names_its_base() -> None:
    """What it was derived from, so that a stale one can be told."""
    first = plan(OF)
    assert (first.base, plan(OF, generation=2, head=first).base) == (0, 1)


@pytest.mark.parametrize(
    ("owned", "adopt", "waived", "owns"),
    [
        (False, False, False, False),
        (True, False, False, True),
        (False, True, False, True),
        (False, False, True, True),
    ],
)
def test_who_may_replace_records_without_a_fence(
    *, owned: bool, adopt: bool, waived: bool, owns: bool
) -> None:
    """Published before, adopted by the topology, or `ownership` waived: else the enactor would refuse
    what the guard let pass, for ever.
    """
    of = endpoint("eu-1", adopt=adopt)
    overrides = (waiver("ownership"),) if waived else ()
    found = make(situation(of, owned=owned, overrides=overrides), Generation(1))
    assert found.owns is owns


def test_the_capacity_proof_is_that_of_the_tightest_family() -> None:
    """A thousand over IPv4 does not carry a demand over IPv6."""
    of = endpoint(
        target("eu-1", capacity=600, families="46"), target("us-1", capacity=600), demand=700
    )
    proof = plan(of).proof
    assert (proof.family, proof.published, proof.holds) == (V6, 600, False)


def test_a_dead_target_that_is_kept_carries_nothing() -> None:
    """Published is not alive."""
    of = endpoint(target("eu-1", capacity=100), target("us-1", capacity=100), demand=150)
    dead = make(situation(of, healthy=healths(of, "eu-1", "us-1"), head=plan(of)), Generation(2))
    assert published(dead) == ["eu-1", "us-1"]
    assert (dead.proof.published, dead.proof.holds) == (0, False)


def test_nothing_is_proved_without_figures() -> None:
    """Undeclared capacity or demand: the answer is 'not known', not 'enough'."""
    assert prove(OF, plan(OF).members).holds is None
    half = endpoint(target("eu-1", capacity=100), "us-1", demand=1)
    assert plan(half).proof.holds is None


def test_the_reason_says_what_changed() -> None:
    """One line, as it stands in logs and in `outlast plan`."""
    first = plan(OF)
    assert first.reason == "first publication: 3 addresses"
    assert plan(OF, "eu-1", generation=2, head=first).reason.startswith("eu-1 ipv4 out: down")
    smaller = endpoint("eu-1", "eu-2")
    assert plan(smaller, generation=2, head=first).reason == "us-1 ipv4 out: left the topology"
    slower = replace(OF, ttl_s=60)
    assert plan(slower, generation=2, head=first).reason == "TTL 60 s"


def test_shed_counts_the_dead_and_the_departed() -> None:
    """What the budget charges for."""
    first = plan(OF)
    asked = situation(OF, healthy=healths(OF, "eu-1"), head=first)
    assert [one.target for one in shed(asked, make(asked, Generation(2)))] == ["eu-1"]
    smaller = situation(endpoint("eu-1", "eu-2"), head=first)
    assert [one.target for one in shed(smaller, make(smaller, Generation(2)))] == ["us-1"]


def test_shed_counts_neither_an_evacuation_nor_a_better_tier() -> None:
    """The operator's doing, and a change for the better."""
    drained = situation(OF, head=plan(OF), overrides=(evacuation("eu"),))
    assert shed(drained, make(drained, Generation(2))) == ()
    tiers = endpoint("eu-1", "us-1", policy=failover("eu", "us"))
    back = situation(tiers, head=plan(tiers, "eu-1"))
    found = make(back, Generation(2))
    assert published(found) == ["eu-1"]
    assert shed(back, found) == ()


def test_an_evacuation_that_has_not_begun_excuses_nothing() -> None:
    """Planned for tonight, it must not let a target go today without budget or evidence."""
    leaving = evacuation("eu", begins=5000)
    asked = situation(OF, healthy=healths(OF, "eu-1"), head=plan(OF), overrides=(leaving,))
    assert evacuations_of(asked) == ()
    assert [one.target for one in shed(asked, make(asked, Generation(2)))] == ["eu-1"]


def test_waivers_are_for_one_endpoint_or_all_and_end() -> None:
    """Another endpoint's waiver and yesterday's are none."""
    mine, all_of, other, over = (
        waiver("budget"),
        waiver("evidence", of=None),
        waiver("frozen", of="other"),
        waiver("capacity", until=100),
    )
    asked = situation(OF, overrides=(mine, all_of, other, over), now=100)
    assert waivers_of(asked) == (mine, all_of)


def test_what_if_one_more_address_died() -> None:
    """The question that `outlast why` asks, answered with a plan that nobody publishes."""
    wide = replace(OF, budget=Budget(removed_ratio=1))
    asked = situation(wide, head=plan(wide))
    subject = subject_of(OF.name, OF.targets[0].name, V4)
    found = make(what_if_down(asked, subject), Generation(2))
    assert published(found) == ["eu-2", "us-1"]
    assert published(make(asked, Generation(2))) == ["eu-1", "eu-2", "us-1"]


def test_health_of_strangers_is_ignored() -> None:
    """Subjects that left the topology may be reported for a while."""
    stranger = replace(health("eu-1", UNKNOWN), subject=Subject("api/gone-1/ipv4"))
    asked = situation(OF)
    more = replace(asked, health=(*asked.health, stranger))
    assert make(more, Generation(1)) == make(asked, Generation(1))


def test_a_new_family_starts_as_a_first_plan_does() -> None:
    """IPv6 is added to a target: unknown so far, and published; nothing of that family was before."""
    dual = endpoint(target("eu-1", families="46"), "eu-2", "us-1")
    found = make(situation(dual, healthy=healths(OF), head=plan(OF)), Generation(2))
    assert member(found, "eu-1", V6).published
