"""The real control plane in a drill's virtual time: what it does, and what its losses do to people."""

from dataclasses import replace

import numpy as np
import pytest

from outlast.app.drill.library import find_world
from outlast.config import parse
from outlast.config.scenario import START
from outlast.core.observe import VantageView
from outlast.drill.conditions import Conditions, suffer
from outlast.drill.control.pilot import Pilot
from outlast.drill.control.planner import Asked, Planner
from outlast.drill.control.resolvers import Resolvers
from outlast.drill.engine import run
from outlast.drill.layout import lay_out
from outlast.drill.outcome import EventKind, Outcome
from outlast.drill.running import Run
from outlast.drill.scenario import Act, ActionKind, ControlPlane, Fault, FaultKind, Scenario
from outlast.drill.steering import move
from outlast.drivers.wellness import Wellness
from outlast.model.health import Verdict, Vote
from outlast.model.names import Subject
from outlast.model.override import Evacuation
from outlast.model.topology import Topology
from outlast.model.units import Nanos, seconds

TWO = find_world("two-providers")
SHOP = find_world("shop")


def drill(
    topology: Topology,
    *faults: Fault,
    acts: tuple[Act, ...] = (),
    who: ControlPlane = ControlPlane.REAL,
    minutes: int = 20,
) -> Outcome:
    scenario = Scenario(
        name="test", world="", start=START, length_s=minutes * 60.0, control_plane=who, faults=faults,
        actions=acts,
    )  # fmt: skip
    return run(topology, scenario)


def fault(
    kind: FaultKind, subject: str, at_min: float = 5, for_min: float = 10, **more: object
) -> Fault:
    at_s = at_min * 60.0
    until_s = at_s + for_min * 60.0
    return Fault(kind=kind, subject=subject, at_s=at_s, until_s=until_s, **more)  # type: ignore[arg-type]


def lost_region(at_min: float = 5, for_min: float = 10, name: str = "us-east") -> Fault:
    return fault(FaultKind.REGION, name, at_min, for_min)


def down_min(shown: Outcome, service: str = "shop", region: str = "us-east") -> int:
    """Return for how many minutes less than nine tenths were served."""
    served = shown.served[:, shown.services.index(service), shown.regions.index(region)]
    return int((served < 0.9).sum())


def notes(shown: Outcome) -> list[tuple[int, str]]:
    return [(round(one.at_s), one.note) for one in shown.events if one.kind is EventKind.NOTE]


def test_the_model_and_the_real_one_take_a_lost_region_out_alike_on_shop() -> None:
    """Same minutes down, within one; and with nobody to take it out, it is down for as long as it is gone."""
    real, model, nobody = (
        drill(SHOP, lost_region(), who=who, minutes=25)
        for who in (ControlPlane.REAL, ControlPlane.MODEL, ControlPlane.NONE)
    )
    shown = [down_min(one, "storefront") for one in (real, model, nobody)]
    assert shown[0] <= 1
    assert abs(shown[0] - shown[1]) <= 1
    assert shown[2] >= 10
    difference = real.served[:, 0] - model.served[:, 0]
    assert abs(float(np.nanmean(difference))) < 0.005


def test_a_plan_tells_which_target_it_takes_out_and_when() -> None:
    """The last of three bad probes, two seconds of time-out, and the way through the store."""
    shown = notes(drill(SHOP, lost_region(), minutes=10))
    assert len(shown) == 1
    assert 301 <= shown[0][0] <= 303
    assert shown[0][1].startswith("plan 2: us-1 ipv4 out: down")


@pytest.mark.parametrize(
    "part",
    [
        fault(FaultKind.STORE, "dns", 2, 16),
        fault(FaultKind.CONTROL_PLANE, "planner", 2, 16),
        fault(FaultKind.CONTROL_PLANE, "enactors", 2, 16),
        fault(FaultKind.CONTROL_PLANE, "probers", 2, 16),
    ],
    ids=["store", "planner", "enactors", "probers"],
)
def test_without_any_one_part_nothing_is_taken_out_and_nothing_else_is_lost(part: Fault) -> None:
    shown = drill(TWO, part, lost_region(), minutes=20)
    assert down_min(shown) >= 9
    assert down_min(shown, region="eu-west") == 0


@pytest.mark.parametrize("part", ["planner", "enactors", "store"])
def test_what_comes_back_takes_up_what_happened_meanwhile(part: str) -> None:
    """The votes are in the store, and the plan is: a region lost in between is taken out at once."""
    kind = FaultKind.STORE if part == "store" else FaultKind.CONTROL_PLANE
    shown = drill(TWO, fault(kind, part, 2, 6), lost_region(5, 14), minutes=19)
    assert 2 <= down_min(shown) <= 5


def test_enactors_that_come_back_publish_the_plan_that_was_made_without_them() -> None:
    shown = drill(TWO, fault(FaultKind.CONTROL_PLANE, "enactors", 2, 6), lost_region(5, 14))
    assert [at_s < 8 * 60 for at_s, note in notes(shown) if "us-1 ipv4 out" in note] == [True]


def test_a_vantage_in_the_dark_says_nothing_and_is_not_missed() -> None:
    one = replace(TWO.vantages[0], region=TWO.regions[1].name)
    topology = replace(TWO, vantages=(one, *TWO.vantages[1:]))
    shown = drill(topology, lost_region(), minutes=15)
    assert down_min(shown) <= 2
    assert "frankfurt says down" not in "".join(note for _, note in notes(shown))


def test_a_monitor_that_sees_half_the_world_fall_is_not_believed() -> None:
    """One place to probe from, two regions at once: it counts as sick, and the second one stays in."""
    shown = drill(SHOP, lost_region(), lost_region(5.02, 10, "eu-west"), minutes=20)
    assert any("counts as sick" in note for _, note in notes(shown))
    assert down_min(shown, "storefront", "eu-west") >= 9


def test_votes_mean_here_what_they_mean_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two regions fall together and come back together: after each vote, the same sick, the same verdicts.

    The first good probe makes the vantage well. The other region, which it believes dead for one more probe,
    stays in: what was found dead in the bad time is doubted.
    """
    judged: list[int] = []

    class Beside(Planner):
        def __init__(self, topology: Topology) -> None:
            super().__init__(topology)
            self.twin = Wellness(topology.settings)

        def note(self, view: VantageView, subject: Subject, vote: Vote) -> None:
            super().note(view, subject, vote)
            self.twin.hear([view], [(subject, vote)], view.heard_at_ns)

        def heard(self, subject: Subject, at_ns: Nanos) -> Asked:
            asked = super().heard(subject, at_ns)
            mine = [self._judge(one, at_ns).verdict for one in sorted(self._votes)]
            assert mine == [self.twin.judge(one, at_ns)[0].verdict for one in sorted(self._votes)]
            assert self.sick == self.twin.sick
            judged.append(len(self.sick))
            return asked

    monkeypatch.setattr("outlast.drill.control.plane.Planner", Beside)
    shown = drill(SHOP, lost_region(5, 5), lost_region(5.02, 4.98, "eu-west"), minutes=11)
    assert {*judged} == {0, 1}
    assert [note for _, note in notes(shown) if "eu-1 ipv4 out" in note] == []


def test_a_region_that_stays_dead_when_the_other_one_is_back_is_taken_out_a_little_later() -> None:
    """What is doubted is probed again, and then it counts: `evidence_max_age_s` after the other's return."""
    shown = drill(SHOP, lost_region(5, 5), lost_region(5.02, 14.98, "eu-west"), minutes=20)
    out = [at_s for at_s, note in notes(shown) if "eu-1 ipv4 out" in note]
    assert [at_s - 600 for at_s in out] == [SHOP.settings.evidence_max_age_s + 1]


@pytest.mark.parametrize("who", [ControlPlane.REAL, ControlPlane.MODEL])
def test_what_answers_later_than_its_checks_wait_is_taken_out_like_what_is_gone(
    who: ControlPlane,
) -> None:
    """Its checks wait 2 s: a region that takes 3 s longer has no users soon, one that takes 1 s has."""
    pointed = []
    for amount in (3.0, 1.0):
        slow = fault(FaultKind.LATENCY, "shop", region="us-east", amount=amount)
        made = Run(
            TWO,
            Scenario(
                name="t", world="", start=START, length_s=900.0, control_plane=who, faults=(slow,)
            ),
        )
        for _ in range(9):
            made.minute()
        pointed.append(float(made.world.keep[0, 1]))
    assert pointed == [0.0, 1.0]


def test_a_name_wiped_by_a_foreign_hand_is_healed_within_seconds() -> None:
    wiped = fault(FaultKind.EMPTY_NAME, "www")
    healed, lame = drill(TWO, wiped), drill(TWO, wiped, who=ControlPlane.MODEL)
    assert down_min(healed) == 0
    assert any("healed" in note for _, note in notes(healed))
    assert down_min(lame) >= 9


def test_a_wiped_name_that_nobody_heals_is_put_back_by_hand() -> None:
    shown = drill(
        TWO, fault(FaultKind.CONTROL_PLANE, "enactors", 2, 16), fault(FaultKind.EMPTY_NAME, "www")
    )
    assert 8 <= down_min(shown) <= 11
    assert shown.served[19].min() > 0.99


def test_of_two_providers_one_is_enough_and_both_are_not() -> None:
    one = fault(FaultKind.PROVIDER, "dns-one")
    other = fault(FaultKind.PROVIDER, "dns-two")
    assert down_min(drill(TWO, one)) == 0
    assert down_min(drill(TWO, one, other)) >= 9
    assert down_min(drill(TWO, one, who=ControlPlane.MODEL)) == 0


def walk(pilot: Pilot, faults: tuple[Fault, ...], length_s: int) -> list[list[list[float]]]:
    """Move a control plane on by itself; return what it publishes each second [endpoint][region]."""
    layout, seen = pilot.layout, []
    for at_s in range(length_s):
        now = Conditions.calm(layout)
        for one in faults:
            if one.at_s <= at_s and (one.until_s is None or at_s < one.until_s):
                suffer(now, one, layout)
        lives = np.ones((len(layout.endpoints), len(layout.regions)))
        pilot.step(lives * ~now.dark, now, 1.0)
        seen.append(np.round(pilot.published, 3).tolist())
    return seen


def test_a_provider_that_was_away_comes_back_with_what_it_had_and_follows() -> None:
    """Between its return and the enactors' next try half of the answers lead to the region that is gone."""
    away = (fault(FaultKind.PROVIDER, "dns-one", 2, 6), lost_region(4, 14))
    seen = [one[0][1] for one in walk(Pilot(lay_out(TWO), 1), away, 10 * 60)]
    assert seen[1] == 0.333
    assert seen[7 * 60] == 0.0
    assert max(seen[8 * 60 - 1 : 8 * 60 + 3]) == 0.167
    assert seen[8 * 60 + 10] == 0.0


def test_without_a_store_votes_are_not_heard_and_a_plan_on_its_way_is_not_committed() -> None:
    pilot = Pilot(lay_out(TWO), 1)
    walk(pilot, (fault(FaultKind.STORE, "dns", 1, 9), lost_region(2, 8)), 300)
    known = pilot.plane.planner.states[TWO.endpoints[0].name].health
    assert {one.verdict for one in known} == {Verdict.UP}

    plane = Pilot(lay_out(TWO), 1).plane
    name, lives = TWO.endpoints[0].name, np.ones((1, 3))
    away = Evacuation(region=TWO.regions[1].name, reason="x", by="x", at_ns=plane.now_ns)
    plane.ask((away,))
    plane.run(plane.now_ns + 1_000_000, lives)
    plane.suffer(frozenset({"store"}), frozenset(), frozenset())
    plane.run(plane.now_ns + seconds(5), lives)
    head = plane.rows[name].head
    assert head is not None
    assert head.generation == 1
    plane.suffer(frozenset(), frozenset(), frozenset())
    plane.run(plane.now_ns + seconds(5), lives)
    head = plane.rows[name].head
    assert head is not None
    assert head.generation == 2


@pytest.mark.parametrize(
    "lead", [(0.2, 0.5, 0.3), (0.0, 0.1, 0.9), (0.4, 0.4, 0.2), (1.0, 0.0, 0.0)]
)
def test_users_go_where_answers_lead_and_none_is_lost_on_the_way(
    lead: tuple[float, float, float],
) -> None:
    """Forty, forty and twenty in a hundred at home; whatever is published, that is where they are."""
    layout = lay_out(SHOP)
    pilot, row = Pilot(layout, 1), layout.row("storefront")
    pilot.held[layout.endpoint_row("shop")] = lead
    keep = pilot.keep()
    homes = np.tile([40.0, 40.0, 20.0], (len(layout.services), 1))
    moved = move(homes, keep, pilot.shares(keep))
    assert moved[row].tolist() == pytest.approx([100 * one for one in lead], abs=1e-6)


def test_an_evacuation_that_leaves_too_little_is_blocked_by_the_guard_and_one_that_does_not_is_done() -> (
    None
):
    """2 x 600 carry 900; without a third region they do not carry 1300, and the guard says why."""
    act = Act(kind=ActionKind.EVACUATE, subject="us-east", at_s=300.0)
    fits = drill(TWO, acts=(act,), minutes=10)
    tight = replace(TWO, endpoints=(replace(TWO.endpoints[0], demand=1300),))
    blocked = drill(tight, acts=(act,), minutes=10)
    assert any("us-1 ipv4 out: evacuated" in note for _, note in notes(fits))
    assert any("is blocked" in note for _, note in notes(blocked))


def test_a_freeze_holds_the_real_one_too() -> None:
    act = Act(kind=ActionKind.FREEZE, subject="dns", at_s=60.0)
    assert down_min(drill(TWO, lost_region(), acts=(act,))) >= 9


def test_one_seed_gives_one_run_where_probes_are_a_matter_of_chance() -> None:
    half = fault(FaultKind.ERRORS, "shop", region="us-east", amount=0.6)
    one, two = (drill(TWO, half, minutes=12) for _ in range(2))
    assert one.served.tobytes() == two.served.tobytes()
    assert one.events == two.events


def test_a_fork_has_a_control_plane_of_its_own() -> None:
    scenario = Scenario(
        name="t", world="", start=START, length_s=600.0, control_plane=ControlPlane.REAL
    )
    made = Run(TWO, scenario)
    other = made.fork()
    assert isinstance(made.world.steering, Pilot)
    assert isinstance(other.world.steering, Pilot)
    other.world.steering.plane.wipe(0)
    assert made.world.steering.plane.names.generation(0, TWO.providers[0].name) == 1
    assert other.world.steering.plane.names.generation(0, TWO.providers[0].name) == 0


def test_an_endpoint_in_tiers_leads_to_the_next_one() -> None:
    """`api` of the shop: Ireland first; with it gone the two others share what it had."""
    layout = lay_out(SHOP)
    pilot, door = Pilot(layout, 1), layout.endpoint_row("api")
    assert pilot.published[door].tolist() == [1.0, 0.0, 0.0]
    seen = walk(pilot, (lost_region(1, 9, "eu-west"),), 120)
    assert seen[-1][door] == [0.0, 0.5, 0.5]


def test_weights_that_a_server_does_not_honour_lead_nobody() -> None:
    text = """
outlast: 1
regions: {a: {}, b: {}}
providers: {dns: {kind: rfc2136, server: 127.0.0.1:53, zones: [x.test], key: {name: k, secret: env:K}}}
endpoints:
  x:
    names: [www.x.test]
    provider: dns
    ttl_s: 30
    policy: weighted
    targets: {a1: {region: a, ipv4: 192.0.2.1, weight: 3}, b1: {region: b, ipv4: 192.0.2.2}}
services:
  s: {regions: [a, b], needs: [{endpoint: x}], audience: {people: 10}}
"""
    topology = parse(text, "x.yaml").topology
    pilot = Pilot(lay_out(topology), 1)
    assert pilot.published[0].tolist() == [0.5, 0.5]
    embedded = replace(
        TWO.providers[0], name=topology.providers[0].name, zones=topology.providers[0].zones
    )
    weighted = Pilot(lay_out(replace(topology, providers=(embedded,))), 1)
    assert weighted.published[0].tolist() == [0.75, 0.25]


def test_resolvers_hold_the_mean_of_what_was_published_over_the_last_ttl() -> None:
    """One change is a straight line over the TTL; a flap of a tenth of it moves a tenth of the users."""
    here, there = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    one = Resolvers(100.0, here, 0.0)
    one.publish(there, 500.0)
    assert [one.hold(at_s)[1] for at_s in (500.0, 525.0, 600.0, 700.0)] == [0.0, 0.25, 1.0, 1.0]
    flap = Resolvers(100.0, here, 0.0)
    flap.publish(there, 500.0)
    flap.publish(here, 510.0)
    assert [round(float(flap.hold(at_s)[1]), 9) for at_s in (515.0, 550.0, 605.0, 620.0)] == [
        0.1, 0.1, 0.05, 0.0,
    ]  # fmt: skip
