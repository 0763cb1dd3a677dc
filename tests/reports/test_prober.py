"""What a prober would have seen of a drill, and what it tells: a name from what it leads to, with no hint."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from outlast.app.drill.library import find_scenario, open_scenario
from outlast.app.drill.running import run_case
from outlast.app.reports.evidence import read_evidence
from outlast.app.reports.fromdrill import people_of
from outlast.app.reports.grids import grid_of
from outlast.app.reports.prober import write_evidence
from outlast.app.reports.watching import Entry, Watcher
from outlast.detect.blame import blame
from outlast.detect.cells import ProbeSeen, Road
from outlast.detect.evidence import rows_of, touched
from outlast.detect.intake import Intake, Rules
from outlast.detect.roads import name_in, part_of, roads_of
from outlast.detect.synth import Manner, reports, scaled
from outlast.detect.verdict import Cause, CauseKind
from outlast.detect.verdict import Outcome as Answer
from outlast.drill.outcome import Outcome
from outlast.drill.vary import Case
from outlast.drill.worlds.oct2025 import oct2025
from outlast.drivers.reports.decode import Coder
from outlast.drivers.reports.files import FileReader
from outlast.drivers.reports.identity import Identity, Key
from outlast.drivers.reports.people import write_stream
from outlast.model.behaviour import Audience, Resolving
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, Service
from outlast.model.topology import Region, Topology
from outlast.model.units import NS_PER_S, iso

EAST, WEST = RegionName("east"), RegionName("west")
BOTH = (EAST, WEST)
APPS = 120
INNER = ("disks", "tables", "gateway")


def world() -> Topology:
    """Apps in the east: half need tables, half a gateway that needs tables; tables stand on disks."""

    def needing(*names: str) -> tuple[Dependency, ...]:
        return tuple(Dependency(service=ServiceName(one)) for one in names)

    audience = Audience(people=1e6, countries=(("US", 1.0),))
    return Topology(
        regions=(Region(name=EAST, country="US"), Region(name=WEST, country="US")),
        services=(
            Service(name=ServiceName("disks"), regions=BOTH),
            Service(
                name=ServiceName("tables"),
                regions=BOTH,
                needs=needing("disks"),
                resolving=Resolving(),
            ),
            Service(name=ServiceName("gateway"), regions=BOTH, needs=needing("tables")),
            *(
                Service(
                    name=ServiceName(f"app-{one}"),
                    regions=(EAST,),
                    needs=needing("tables" if one % 2 else "gateway"),
                    audience=audience,
                )
                for one in range(APPS)
            ),
            *(
                Service(name=ServiceName(f"own-{one}"), regions=(EAST,), audience=audience)
                for one in range(APPS)
            ),
        ),
    )


def outcome(*, name: float, disks: float) -> Outcome:
    """Four minutes; in the last two so much of the name, and of the disks, is there in the east."""
    topology, minutes = world(), 4
    served = np.ones((minutes, len(topology.services), 2), np.float32)
    served[2:, 0, 0] = disks
    served[2:, 1:3, 0] = min(name, disks)
    names = np.ones((minutes, 1), np.float32)
    names[2:] = name
    many = np.ones((len(topology.services), 1), np.float32)
    return Outcome(
        scenario="small",
        title="",
        start=datetime(2025, 10, 20, tzinfo=UTC),
        services=tuple(one.name for one in topology.services),
        regions=BOTH,
        countries=("US",),
        name_of=("tables",),
        served=served,
        degraded=np.zeros_like(served),
        meters={},
        names=names,
        people=many,
        homes=np.ones((len(topology.services), 1, 2), np.float32),
        awake=np.ones((minutes, 1), np.float32),
        reports=np.zeros((minutes, 1), np.float32),
    )


def seen(folder: Path, drill: Outcome) -> list[ProbeSeen]:
    """What the prober last saw."""
    path = folder / "probes.jsonl"
    write_evidence(path, world(), drill, seed=1)
    last = {
        (one.probe.subject, one.probe.road, one.probe.country): one.probe
        for one in read_evidence(path)
        if one.probe is not None
    }
    return [*last.values()]


def bad(probes: list[ProbeSeen]) -> set[tuple[str, Road]]:
    return {(one.subject, one.road) for one in probes if not one.good}


def test_every_service_without_users_is_probed_by_every_road_where_it_runs(tmp_path: Path) -> None:
    """Not only what is broken: the list would give it away."""
    probed = {(one.subject, one.road) for one in seen(tmp_path, outcome(name=0.0, disks=1.0))}
    assert probed == {
        probe
        for service in INNER
        for region in BOTH
        for probe in (
            (name_in(service, region), Road.RESOLVED),
            (part_of(service, region), Road.RESOLVED),
            (part_of(service, region), Road.PINNED),
        )
    }


def test_a_lost_name_fails_all_but_the_pinned_address_of_its_own_service(tmp_path: Path) -> None:
    """What stands on it resolves by itself, so a pinned address of the gateway does not help."""
    assert bad(seen(tmp_path, outcome(name=0.0, disks=1.0))) == {
        ("tables.east", Road.RESOLVED),
        ("tables in east", Road.RESOLVED),
        ("gateway in east", Road.RESOLVED),
        ("gateway in east", Road.PINNED),
    }


@pytest.mark.parametrize(
    ("name", "disks", "wanted"),
    [
        (0.0, 1.0, Cause(CauseKind.NAME, "tables.east")),
        (1.0, 0.0, Cause(CauseKind.SERVICE, "disks in east")),
    ],
)
def test_probes_tell_a_name_from_what_it_leads_to(
    tmp_path: Path, name: float, disks: float, wanted: Cause
) -> None:
    """By reports alone both are alike: the same apps are down; and so is the gateway between."""
    probes = seen(tmp_path, outcome(name=name, disks=disks))
    down = {f"app-{one}" for one in range(APPS)}
    well = {f"own-{one}" for one in range(APPS)}
    roads = roads_of(world(), {one.subject for one in probes})
    assert blame(roads, down, well).outcome is Answer.UNKNOWN
    verdict = blame(roads, down, well, probes)
    assert verdict.outcome is Answer.CAUSE
    assert [one.cause for one in verdict.suspects] == [wanted]


def test_a_service_that_passes_a_failure_on_is_no_cause(tmp_path: Path) -> None:
    """All of the gateway's apps are down and few others, so it explains much; but it leans on the name."""
    probes = seen(tmp_path, outcome(name=0.0, disks=1.0))
    down = {f"app-{one}" for one in range(APPS) if one % 2 == 0 or one < 24}
    well = {f"app-{one}" for one in range(APPS)} - down
    verdict = blame(roads_of(world(), {one.subject for one in probes}), down, well, probes)
    assert [one.cause for one in verdict.suspects] == [Cause(CauseKind.NAME, "tables.east")]
    assert "gateway in east" in {one.name for one in verdict.carried}


def test_a_name_that_answers_is_never_named() -> None:
    """From two places it is cleared, whatever else is down; from one it may be a mistake."""
    probed = {made(one, "east") for one in INNER for made in (part_of, name_in)}
    roads = roads_of(world(), probed)
    down = {f"app-{one}" for one in range(APPS)}
    name = Cause(CauseKind.NAME, "tables.east")
    for places, cleared in ((("US",), False), (("US", "DE"), True)):
        probes = [ProbeSeen(subject=name.name, good=True, country=one) for one in places]
        codes = rows_of(roads, down, (), probes).cleared.tolist()
        assert (roads.causes.index(name) in codes) is cleared
        verdict = blame(roads, down, {"own-1"}, probes)
        considered = [*verdict.suspects, *verdict.alternatives]
        assert (name in {one.cause for one in considered if one.posterior > 0}) is not cleared


def test_a_pinned_address_spares_the_own_name_and_no_other() -> None:
    """The gateway behind it still looks its tables up."""
    probed = {made(one, "east") for one in INNER for made in (part_of, name_in)}
    leans = {one.name for one in touched(roads_of(world(), probed), "gateway in east", Road.PINNED)}
    assert "tables.east" in leans
    assert "gateway.east" not in leans


def test_parts_are_candidates_only_where_they_are_probed() -> None:
    """Nobody could choose between them otherwise."""
    plain = {one.name for one in roads_of(world()).causes if one.kind is CauseKind.SERVICE}
    assert "tables" in plain
    assert not any(" in " in one for one in plain)


@pytest.mark.slow
def test_october_2025_thinned_names_the_dns_name_within_ten_minutes(tmp_path: Path) -> None:
    """The first hour of the incident with a tenth of the companies; blame is told nothing of the fault."""
    path = find_scenario("incidents/us-east-1-2025")
    assert path is not None
    scenario = replace(open_scenario(path).scenario, length_s=3600.0, step_s=30.0, expectations=())
    case = Case(oct2025(count=350), scenario)
    named = [one for one in timeline(tmp_path, case, run_case(case)) if one.data["suspects"]]
    first = iso(named[0].minute * 60 * NS_PER_S)
    assert "2025-10-20T06:48:00" < first <= "2025-10-20T06:58:00", named[0].text
    for one in named[1:]:
        causes = {suspect["cause"] for suspect in one.data["suspects"]}
        assert "dynamodb.us-east-1" in causes, one.text
        assert causes <= {"dynamodb.us-east-1", "dynamodb-internal.us-east-1"}, one.text


def timeline(folder: Path, case: Case, drill: Outcome) -> list[Entry]:
    """The verdicts on a drill's reports beside its probes."""
    evidence, stream = folder / "probes.jsonl", folder / "stream.parquet"
    write_evidence(evidence, case.topology, drill, seed=1)
    people = people_of(drill, 120)
    write_stream(stream, people.grid, reports(people, scaled(people, Manner(), 500_000), 1))
    others = read_evidence(evidence)
    probed = {one.probe.subject for one in others if one.probe is not None}
    grid = grid_of(case.topology)
    watcher = Watcher(grid, roads_of(case.topology, probed), others=others)
    reader, intake = FileReader(Coder(grid), Identity(Key(bytes(32), 0)), 2**33), Intake(Rules())
    entries = [one for batch in reader.read(stream) for one in watcher.take(batch, intake)]
    return [one for one in entries if one.kind == "verdict"]
