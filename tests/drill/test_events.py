"""The exact engine against what is known in closed form, and both engines against each other."""

from collections import deque
from datetime import UTC, datetime
from typing import cast

import pytest

from outlast.drill import cases
from outlast.drill.cases import Case, erlang_b, erlang_c
from outlast.drill.events import Line, Rate
from outlast.drill.metastable import healed_s, loops
from outlast.drill.running import Run
from outlast.drill.scenario import Fault, FaultKind, Scenario
from outlast.drill.validate import main
from outlast.model.behaviour import Behaviour, Retrying, Serving
from outlast.model.facts import Load
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Service
from outlast.model.topology import Region, Topology


def test_erlang_formulas_give_the_tabled_values() -> None:
    assert erlang_b(10.0, 10) == pytest.approx(0.21458, abs=1e-5)
    assert erlang_b(100.0, 120) == pytest.approx(0.00569, abs=1e-5)
    assert erlang_c(9.0, 10) == pytest.approx(0.6687, abs=1e-4)


def test_one_seed_gives_one_run() -> None:
    one, two = (Line(Serving(rate=10.0), seed=5).run([Rate(0.0, 8.0)], 500.0) for _ in range(2))
    assert one == two


def test_no_request_is_lost_from_the_count() -> None:
    """Every try is served, refused, or still there; every first try comes to an end or is still there."""
    serving = Serving(rate=10.0, timeout_s=3.0, queue_max=20.0)
    tally = Line(serving, Retrying(attempts=3), seed=2).run([Rate(0.0, 15.0)], 600.0)
    assert tally.tries == tally.served + tally.refused + tally.left
    assert tally.area == pytest.approx(tally.waited_s + tally.unfinished_s, rel=1e-9)


def lease_by_lease(count: int, rate: int, deadline_s: int, length_s: int) -> int:
    """Work leases off one by one; return how many hold at last."""
    line = deque((0, one) for one in range(count))
    submitted, held = [0] * count, set[int]()
    waiting = deque(line)
    for now in range(length_s):
        for _ in range(min(rate, len(line))):
            at, one = line.popleft()
            if one not in held and submitted[one] == at:
                held.add(one)
        while waiting and now + 1 - waiting[0][0] >= deadline_s:
            at, one = waiting.popleft()
            if one not in held and submitted[one] == at:
                submitted[one] = now + 1
                line.append((now + 1, one))
                waiting.append((now + 1, one))
    return len(held)


def test_the_lease_threshold_holds_lease_by_lease() -> None:
    """2 r T = 6000: just below it all come back, just above it what is done by T is all that ever is."""
    assert lease_by_lease(5_900, 50, 60, 600) == 5_900
    assert lease_by_lease(6_100, 50, 60, 2_000) == 3_000


@pytest.mark.slow
@pytest.mark.parametrize("part", ["_clients", "_names", "_leases"])
def test_cases_of_a_part_hold(part: str) -> None:
    found = [*getattr(cases, part)()]
    assert found
    assert [one.name for one in found if not one.held] == []


def test_a_case_out_of_tolerance_fails_the_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Case("two and two", "2, 2", "arithmetic", 4.0, 5.0, 0.1)
    monkeypatch.setattr("outlast.drill.validate.every", lambda: [bad])
    assert main([]) == 1


def storm(length_s: float) -> Scenario:
    fault = Fault(
        kind=FaultKind.CAPACITY, subject="s", at_s=60.0, until_s=60.0 + length_s, amount=0.9
    )
    return Scenario(
        name="storm",
        world="",
        start=datetime(2025, 1, 1, tzinfo=UTC),
        length_s=900.0,
        faults=(fault,),
    )


def topology(load: int) -> Topology:
    behaviour = Behaviour(
        serving=Serving(rate=1000.0, timeout_s=3.0, base_s=0.0),
        retrying=Retrying(attempts=3, backoff_s=0.1),
    )
    service = Service(name=ServiceName("s"), load=Load(demand=load), behaviour=behaviour)
    return Topology(regions=(Region(name=RegionName("here")),), services=(service,))


def shortest_that_sticks_s(load: int) -> float:
    """Return by bisection, to 2 s, how long a storm must last so that the world does not come back."""
    heals, sticks = 1.0, 60.0
    assert not loops(topology(load), storm(heals))
    assert loops(topology(load), storm(sticks))
    while sticks - heals > 2.0:
        middle = (heals + sticks) / 2.0
        if loops(topology(load), storm(middle)):
            sticks = middle
        else:
            heals = middle
    return sticks


@pytest.mark.slow
def test_a_trigger_just_long_enough_does_not_come_back_and_less_load_allows_a_longer_one() -> None:
    """Shape of Huang et al., OSDI 2022: 9 s recover, 10 s do not, and with 30 % less load they do."""
    assert 1.0 < shortest_that_sticks_s(700) < shortest_that_sticks_s(450) < 60.0


class Scripted:
    """A run of which it is written down in which minutes something is down."""

    def __init__(self, script: str) -> None:
        self.script, self.now_s, self.minute_index, self.meters = script, 0.0, 0, self

    def minute(self) -> None:
        self.now_s += 60.0
        self.minute_index += 1

    def lengthen(self, minutes: int) -> None:
        """There is room."""

    def down(self) -> tuple[str, ...]:
        at = self.minute_index - 1
        return ("s",) if at < len(self.script) and self.script[at] == "x" else ()


@pytest.mark.parametrize(
    ("script", "healed"),
    [
        ("", 1),
        ("xx", 3),
        ("x.x....x", 9),
        ("x" * 60, None),
        ("x" + 9 * "." + "x", 12),
        ("x" + 12 * "." + "x", 2),
    ],
)
def test_a_world_that_falls_again_has_not_healed(script: str, healed: int | None) -> None:
    """Until it has stayed up for ten minutes; counted is the minute from which it stayed up."""
    found = healed_s(cast("Run", Scripted(script)), 3600.0)
    assert found == (None if healed is None else healed * 60.0)
