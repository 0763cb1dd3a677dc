"""Targets from a watched file, while `outlast up` runs and for commands."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.system import AP, EU, US, System, system, until

from outlast.app.options import open_world

pytestmark = pytest.mark.slow

TOPOLOGY = """\
outlast: 1
settings:
  {verify_interval_s: 0.3, evidence_max_age_s: 5, sick_window_s: 0.1, http: "127.0.0.1:@HTTP@"}
regions: {eu-west: {}, us-east: {}, ap-south: {}}
providers:
  local: {kind: embedded, server: 127.0.0.1:@DNS@, zones: [shop.test], negative_ttl_s: 1}
endpoints:
  shop:
    names: [www.shop.test]
    ttl_s: 1
    budget: {removed_ratio: 0.5, window_s: 3600}
    check: {kind: http, port: @PORT@, path: /healthz, interval_s: 0.1, timeout_s: 0.09, rise: 2, fall: 3}
    policy: {recovery_s: 5}
    targets_from: {file: targets.json, interval_s: 0.1}
"""


def listing(world: System, *regions: str) -> str:
    """What the source says when it names these regions' targets."""
    targets = {f"{one}-1": {"region": one, "ipv4": world.places[one]} for one in regions}
    return json.dumps({"outlast_targets": 1, "targets": targets})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[System]:
    """A topology that names a source; the source is not there yet."""
    with system(tmp_path, TOPOLOGY) as made:
        yield made


def test_targets_come_and_go_with_the_source_within_the_budget(world: System) -> None:
    """A list that grows is followed; emptied, it changes nothing; halved, the guard stops it and says so."""
    file = world.folder / "targets.json"
    up = world.up()
    until(lambda: "source-lost" in up.said(), "a missing source is told")
    assert world.answer() == set()
    file.write_text(listing(world, EU, US))
    world.wait_for(EU, US)
    file.write_text(listing(world, EU, US, AP))
    world.wait_for(EU, US, AP)
    generation = world.generation()
    for nothing, why in (
        (listing(world), "names no target"),
        ("{", "truncated"),
        ("[]", "Expected `obj"),
    ):
        file.write_text(nothing)
        until(lambda why=why: why in up.said(), f"it is told: {why}")  # type: ignore[misc]
    file.write_text(listing(world, AP))
    until(lambda: "2 of 3 (ipv4) would go" in up.said(), f"it is blocked\n{up.said()[-1500:]}")
    assert world.answer() == {EU, US, AP}
    assert world.generation() == generation
    file.write_text(listing(world, EU, AP))
    world.wait_for(EU, AP)
    preview = world.outlast("plan")
    assert "1 as wanted" in preview.out, preview.out


def test_a_command_alone_asks_the_source(world: System, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing runs, commands ask for themselves; a source that is gone is told, not believed."""
    file = world.folder / "targets.json"
    file.write_text(listing(world, EU, US))
    heard = open_world(world.file, None).topology.endpoints[0]
    assert {one.region for one in heard.targets} == {EU, US}
    file.unlink()
    assert open_world(world.file, None).topology.endpoints[0].targets == ()
    assert "cannot be read" in capsys.readouterr().err
