"""Every interleaving of a small world, with the enactor's own machine: what holds, and what would break.

Checked in every reachable world: S1 never empty, S2 no lower generation, S3 content is that of the fence, S6
records beside ours untouched, no request that nobody answers; and that from there, once faults stop, a fair
schedule ends with the newest plan standing. Then the rules are broken one by one, and the search must notice.
"""

from dataclasses import replace

import pytest
from tests.support.smallworld import Broken, Budgets, Physics, explore

from outlast.core import enact, transact, verify
from outlast.model.fence import Fence
from outlast.model.plan import Drift, DriftKind, Observation, Plan, Proof, Transaction

STATES_MAX = 60_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("machines", "left"),
    [
        (2, Budgets(plans=1, wipes=2)),
        (2, Budgets(plans=1, wipes=1, delays=1)),
        (2, Budgets(plans=1, wipes=1, crashes=1)),
        (2, Budgets(plans=1, wipes=1, stale_stores=1)),
        (2, Budgets(plans=1, epoch_wipes=1)),
        (2, Budgets(plans=1, delays=1, lost_replies=1)),
        (2, Budgets(plans=1, crashes=2)),
        (3, Budgets(plans=1)),
    ],
    ids=str,
)
def test_no_interleaving_breaks_a_promise(machines: int, left: Budgets) -> None:
    """From a published plan on."""
    physics = Physics()
    start = physics.begin_published(machines, left)
    assert explore(physics, start, states_max=STATES_MAX) > 100


@pytest.mark.slow
@pytest.mark.parametrize(
    ("machines", "left"), [(2, Budgets(plans=1)), (2, Budgets(plans=0, delays=1))], ids=str
)
def test_no_interleaving_of_a_first_publication_breaks_a_promise(
    machines: int, left: Budgets
) -> None:
    """From an empty zone on: no epoch, no fence."""
    physics = Physics()
    assert explore(physics, physics.begin(machines, left), states_max=STATES_MAX) > 100


def search(physics: Physics, left: Budgets) -> None:
    explore(physics, physics.begin_published(2, left), states_max=STATES_MAX)


@pytest.mark.slow
def test_without_the_epoch_two_wipes_go_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """An enactor that saw the first absence writes into the second one."""

    def move(plan: Plan, found: Observation, fence: Fence, *, spend_epoch: bool) -> Transaction:
        return transact.move(plan, found, fence, spend_epoch=False)

    monkeypatch.setattr(enact, "move", move)
    with pytest.raises(Broken, match="S2") as broken:
        search(Physics(), Budgets(plans=1, wipes=2))
    assert str(broken.value).count("wiped") == 2


@pytest.mark.slow
def test_choosing_before_reading_goes_backwards() -> None:
    """With the fence wiped there is nothing to hold the old plan against."""
    with pytest.raises(Broken, match="S2"):
        search(Physics(chooses_first=True), Budgets(plans=1, wipes=1))


def test_writes_without_their_condition_go_backwards() -> None:
    """The server is where safety lives."""
    with pytest.raises(Broken, match="S2"):
        search(Physics(unconditional=True), Budgets(plans=2))


def test_an_enactor_that_overwrites_what_is_ahead_goes_backwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A store gone back is enough, without any wipe."""

    def compare(plan: Plan, observation: Observation) -> Proof | Drift:
        found = verify.compare(plan, observation)
        if isinstance(found, Drift) and found.kind is DriftKind.AHEAD:
            return replace(found, kind=DriftKind.BEHIND)
        return found

    def forget(state: enact.State, _: Observation) -> enact.State:
        return state

    monkeypatch.setattr(enact, "compare", compare)
    monkeypatch.setattr(enact, "_with_seen", forget)
    with pytest.raises(Broken, match="S2"):
        search(Physics(), Budgets(plans=1, stale_stores=1))


@pytest.mark.slow
def test_a_phase_that_waits_for_nothing_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would ignore every wake-up for ever, unseen while another enactor does the work."""

    def stuck(state: enact.State, *_: object) -> enact.Step:
        return replace(state, phase=enact.Seeding()), ()

    monkeypatch.setattr(enact, "_on_written", stuck)
    with pytest.raises(Broken, match="stuck"):
        search(Physics(), Budgets(plans=1))
