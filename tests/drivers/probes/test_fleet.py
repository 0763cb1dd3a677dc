"""The fleet's schedule in virtual time: exact counts, exact instants."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from tests.drivers.probes.virtual import VirtualLoop, run_virtual

from outlast.drivers.probes import Fleet
from outlast.drivers.probes.fleet import GRAIN_NS, concurrency_default
from outlast.drivers.probes.schedule import Schedule, phase_ns
from outlast.model.health import Report
from outlast.model.names import Subject, VantageName
from outlast.model.topology import CheckKind, HealthCheck
from outlast.model.units import NS_PER_S, Nanos, seconds
from outlast.ports import Assignment, Unjudged

HERE = VantageName("here")
GRAIN_S = GRAIN_NS / NS_PER_S


class LoopClock:
    """The event loop's time, as UTC."""

    def now_ns(self) -> Nanos:
        return seconds(asyncio.get_running_loop().time())

    def nonce(self) -> str:
        return "0" * 16


@dataclass
class FakeProber:
    """Takes as long as told, and judges as told; remembers when each probe began."""

    takes_s: Callable[[str], float] = lambda subject: 0.01
    judge: Callable[[Report], Report | Unjudged] = lambda report: report
    began_s: dict[str, list[float]] = field(default_factory=dict)
    running: Counter[str] = field(default_factory=Counter)
    running_max: int = 0

    async def probe(self, assignment: Assignment) -> Report | Unjudged:
        loop = asyncio.get_running_loop()
        subject = assignment.subject
        self.began_s.setdefault(subject, []).append(loop.time())
        assert not self.running[subject], "two probes of one subject at a time"
        self.running[subject] += 1
        self.running_max = max(self.running_max, self.running.total())
        try:
            await asyncio.sleep(self.takes_s(subject))
        finally:
            self.running[subject] -= 1
        now_ns = seconds(loop.time())
        report = Report(vantage=HERE, subject=subject, good=True, at_ns=now_ns, latency_ns=Nanos(1))
        return self.judge(report)


def assigned(
    name: str, *, interval_s: float = 1.0, timeout_s: float = 1.0, port: int = 80
) -> Assignment:
    check = HealthCheck(kind=CheckKind.TCP, port=port, interval_s=interval_s, timeout_s=timeout_s)
    return Assignment(subject=Subject(name), host="192.0.2.1", server_name="x", check=check)


def many(count: int, *, interval_s: float = 1.0) -> list[Assignment]:
    return [assigned(f"e{one}/t/ipv4", interval_s=interval_s) for one in range(count)]


def fleet_with(prober: FakeProber, *, concurrency_max: int = 10_000) -> tuple[Fleet, list[Report]]:
    reports: list[Report] = []
    fleet = Fleet(HERE, LoopClock(), reports.extend, concurrency_max=concurrency_max, prober=prober)
    return fleet, reports


def test_every_subject_is_probed_once_in_each_of_its_slots_and_never_drifts() -> None:
    async def main() -> None:
        prober = FakeProber(takes_s=lambda subject: 0.3)
        fleet, reports = fleet_with(prober)
        fleet.update(many(200))
        await asyncio.sleep(100.0)
        done = fleet.statistics()
        await fleet.close()
        for instants in prober.began_s.values():
            assert len(instants) == 100
            for number, instant in enumerate(instants):
                assert instants[0] + number == pytest.approx(instant, abs=2 * GRAIN_S)
        assert (done.late, done.skipped, done.bad, done.unjudged, done.failed) == (0, 0, 0, 0, 0)
        assert done.probes_per_s == pytest.approx(200.0, rel=0.05)
        assert done.subjects == 200
        assert len(reports) == done.good

    run_virtual(main())


def test_first_probes_are_spread_over_the_interval() -> None:
    """No thundering herd at the start: no twentieth of the interval gets twice its share."""

    async def main() -> None:
        prober = FakeProber()
        fleet, _ = fleet_with(prober)
        fleet.update(many(2_000, interval_s=10.0))
        begin_s = asyncio.get_running_loop().time()
        await asyncio.sleep(10.0)
        await fleet.close()
        firsts = [instants[0] - begin_s for instants in prober.began_s.values()]
        assert len(firsts) == 2_000
        shares = Counter(int(one * 2) for one in firsts)
        assert max(shares.values()) < 200

    run_virtual(main())


def test_phases_are_the_same_at_every_start_and_differ_between_vantages() -> None:
    one, other = VantageName("one"), VantageName("other")
    subjects = [each.subject for each in many(100)]
    phases = [phase_ns(one, each, NS_PER_S) for each in subjects]
    assert phases == [phase_ns(one, each, NS_PER_S) for each in subjects]
    assert phases != [phase_ns(other, each, NS_PER_S) for each in subjects]
    assert all(0 <= each < NS_PER_S for each in phases)
    assert phase_ns(one, Subject("e0/t/ipv4"), NS_PER_S) == 892_315_849


def test_a_dead_target_has_its_third_bad_report_within_three_intervals() -> None:
    """Whenever it dies; one time-out more where it is a black hole."""

    async def main(dies_s: float, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        death_s = loop.time() + dies_s

        def judge(report: Report) -> Report:
            began_s = report.at_ns / NS_PER_S - prober.takes_s(report.subject)
            alive = began_s < death_s
            return Report(vantage=HERE, subject=report.subject, good=alive, at_ns=report.at_ns)

        prober = FakeProber(
            takes_s=lambda subject: timeout_s if loop.time() >= death_s else 0.0, judge=judge
        )
        fleet, reports = fleet_with(prober)
        fleet.update([assigned("e/t/ipv4", interval_s=1.0, timeout_s=timeout_s)])
        await asyncio.sleep(dies_s + 6.0)
        await fleet.close()
        bad = [each for each in reports if each.at_ns > death_s * NS_PER_S]
        assert bad[2].at_ns / NS_PER_S - death_s <= 3.0 + timeout_s + 2 * GRAIN_S

    for dies_s in (2.0, 2.25, 2.3, 2.5, 2.74, 2.99):
        for timeout_s in (0.0, 0.4, 1.0):
            run_virtual(main(dies_s, timeout_s))


def test_a_probe_that_lasts_the_whole_interval_costs_no_slot() -> None:
    """A black hole whose time-out equals the interval: every second probe lost would double detection."""

    async def main() -> None:
        prober = FakeProber(takes_s=lambda subject: 1.0)
        fleet, reports = fleet_with(prober)
        fleet.update([assigned("e/t/ipv4")])
        await asyncio.sleep(50.5)
        done = fleet.statistics()
        await fleet.close()
        assert len(reports) >= 48
        assert done.skipped <= 1

    run_virtual(main())


def test_black_holes_beyond_the_limit_delay_the_others_but_starve_nobody() -> None:
    async def main() -> None:
        prober = FakeProber(takes_s=lambda subject: 1.0 if int(subject[1:-7]) < 30 else 0.01)
        fleet, _ = fleet_with(prober, concurrency_max=10)
        fleet.update(many(60))
        await asyncio.sleep(60.0)
        done = fleet.statistics()
        await fleet.close()
        counts = [len(prober.began_s[each.subject]) for each in many(60)]
        assert prober.running_max == 10
        assert min(counts) >= 12  # 30 probes of 1 s on 10 places: one round takes 3 s and a bit
        assert max(counts) <= 2 * min(counts)
        assert done.late > 0
        assert done.late_max_s > 1.0
        assert done.skipped > 0
        assert (done.in_flight, done.waiting > 0) == (10, True)

    run_virtual(main())


def test_an_update_leaves_those_alone_that_stay_as_they_are() -> None:
    async def main() -> None:
        prober = FakeProber()
        fleet, _ = fleet_with(prober)
        stays, goes, changes = many(3)
        fleet.update([stays, goes, changes])
        await asyncio.sleep(3.0)
        changed = assigned(changes.subject, interval_s=0.5)
        comes = assigned("new/t/ipv4")
        for _ in range(7):  # again and again, as a topology is reloaded
            fleet.update([stays, changed, comes])
            await asyncio.sleep(1.0)
        await fleet.close()
        counts = {name: len(instants) for name, instants in prober.began_s.items()}
        assert counts == {"e0/t/ipv4": 10, "e1/t/ipv4": 3, "e2/t/ipv4": 17, "new/t/ipv4": 7}

    run_virtual(main())


def test_an_update_breaks_off_no_probe_of_those_that_stay() -> None:
    async def main() -> None:
        prober = FakeProber(takes_s=lambda subject: 0.9)
        fleet, reports = fleet_with(prober)
        fleet.update(many(20))
        await asyncio.sleep(0.85)
        in_flight = fleet.statistics().in_flight
        fleet.update(many(21))
        await asyncio.sleep(0.001)
        assert 0 < in_flight <= fleet.statistics().in_flight
        await asyncio.sleep(0.9)
        assert len(reports) >= in_flight
        await fleet.close()

    run_virtual(main())


def test_a_removed_or_changed_subject_reports_nothing_of_a_probe_under_way() -> None:
    """It asked what nobody wants to know any more, perhaps at an address that is another's now."""

    async def main() -> None:
        prober = FakeProber(takes_s=lambda subject: 0.9)
        fleet, reports = fleet_with(prober)
        fleet.update(many(20))
        await asyncio.sleep(0.85)
        assert fleet.statistics().in_flight > 10
        fleet.update([])
        await asyncio.sleep(0.001)
        assert fleet.statistics().in_flight == 0
        await asyncio.sleep(5.0)
        assert not reports
        assert not prober.running.total()
        fleet.update(many(1))
        await asyncio.sleep(5.0)
        await fleet.close()
        assert {each.subject for each in reports} == {"e0/t/ipv4"}

    run_virtual(main())


def test_two_assignments_of_one_subject_are_refused_with_nothing_changed() -> None:
    async def main() -> None:
        fleet, _ = fleet_with(FakeProber())
        fleet.update(many(2))
        with pytest.raises(ValueError, match="two assignments of e/t/ipv4"):
            fleet.update([assigned("e/t/ipv4", port=1), assigned("e/t/ipv4", port=2)])
        assert fleet.statistics().subjects == 2
        await fleet.close()
        with pytest.raises(RuntimeError, match="closed"):
            fleet.update(many(2))

    run_virtual(main())


def test_what_could_not_be_judged_is_no_report_but_counted() -> None:
    async def main() -> None:
        prober = FakeProber(
            judge=lambda report: Unjudged(report.subject, report.at_ns, "no handle")
        )
        fleet, reports = fleet_with(prober)
        fleet.update(many(5))
        await asyncio.sleep(10.0)
        done = fleet.statistics()
        await fleet.close()
        assert not reports
        assert (done.unjudged, done.unjudged_reason) == (50, "no handle")

    run_virtual(main())


def test_a_probe_that_raises_is_told_and_counted_and_the_next_one_runs() -> None:
    async def main() -> None:
        def judge(report: Report) -> Report:
            raise LookupError("a bug of ours")

        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: told.append(f"{context['message']}: {context['exception']}")
        )
        fleet, reports = fleet_with(FakeProber(judge=judge))
        fleet.update(many(1))
        await asyncio.sleep(4.0)
        assert fleet.statistics().failed == 4
        await fleet.close()
        assert not reports
        assert told == ["the probe of e0/t/ipv4 raised: a bug of ours"] * 4

    run_virtual(main())


def test_after_a_standstill_each_subject_is_probed_once_not_once_for_each_slot_missed() -> None:
    async def main() -> None:
        prober = FakeProber()
        fleet, _ = fleet_with(prober)
        fleet.update(many(10))
        await asyncio.sleep(2.0)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.jump(30.0)
        await asyncio.sleep(2.0)
        done = fleet.statistics()
        await fleet.close()
        assert all(4 <= len(instants) <= 5 for instants in prober.began_s.values())
        assert done.skipped >= 10 * 29

    run_virtual(main())


def test_reports_come_in_batches() -> None:
    async def main() -> None:
        batches: list[tuple[Report, ...]] = []
        prober = FakeProber(takes_s=lambda subject: 0.0)
        fleet = Fleet(HERE, LoopClock(), batches.append, prober=prober)
        fleet.update(many(2_000))
        await asyncio.sleep(2.0)
        await fleet.close()
        assert sum(len(batch) for batch in batches) == 4_000
        assert all(batches)
        assert len(batches) <= 2 * NS_PER_S // GRAIN_NS + 1

    run_virtual(main())


def test_closing_breaks_off_what_is_under_way_and_may_be_repeated() -> None:
    async def main() -> None:
        prober = FakeProber(takes_s=lambda subject: 0.9)
        fleet, _ = fleet_with(prober)
        fleet.update(many(50))
        await asyncio.sleep(0.5)
        await fleet.close()
        await fleet.close()
        assert not prober.running.total()
        assert fleet.statistics().in_flight == 0
        began = sum(len(each) for each in prober.began_s.values())
        await asyncio.sleep(5.0)
        assert began == sum(len(each) for each in prober.began_s.values())

    run_virtual(main())


def test_an_interval_of_nothing_counts_as_the_shortest() -> None:
    schedule = Schedule(HERE)
    slots = schedule.add(assigned("e/t/ipv4", interval_s=0.0), now_ns=0)
    assert slots.interval_ns == 10_000_000
    assert schedule.take_due(slots.next_ns - 1) is None
    assert 1 <= concurrency_default() <= 2_000
