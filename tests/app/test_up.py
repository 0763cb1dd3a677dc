"""`outlast up` as a process: starting, being edited, losing what it needs, ending."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import dns.update
import pytest
from tests.support.system import AP, EU, TOPOLOGY, US, System, invoke, system, until

from outlast.app.cli import COMMANDS
from outlast.drivers.regions import FailureMode

pytestmark = pytest.mark.slow


def get(world: System, path: str) -> tuple[int, str]:
    """Ask the process's own pages."""
    url = f"http://127.0.0.1:{world.http_port}{path}"
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return int(reply.status), reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


# ending


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ending_leaves_the_dns_as_it_is(still: System, number: signal.Signals) -> None:
    still.up("--role", "nameserver", ready="started")
    control = still.up("--role", "planner", "--role", "prober", "--role", "enactor")
    still.wait_for(EU, US, AP)
    before = still.fence()
    control.signal(number)
    assert control.ends() == 0
    assert "what is published stays" in control.said()
    assert still.answer() == {EU, US, AP}
    assert still.fence() == before
    status = still.outlast("status").out
    assert "alive planner" not in status, "whoever ends in order is not missed"
    assert "alive enactor" not in status


def test_play_regions_serve_the_targets_themselves(tmp_path: Path) -> None:
    with system(tmp_path, served=False) as world:
        process = world.up("--play-regions")
        world.wait_for(EU, US, AP)
        process.signal(signal.SIGINT)
        assert process.ends() == 0


# starting


def test_a_second_up_by_mistake_ends_at_once_and_names_the_first(running: System) -> None:
    running.edit(f"http: 127.0.0.1:{running.http_port}", "http: 127.0.0.1:1")
    second = running.up("--role", "planner", "--role", "enactor", "--role", "prober")
    assert second.ends() == 3
    assert f"process {running.processes[0].popen.pid} is the" in second.said()
    assert running.answer() == {EU, US, AP}


def test_a_whole_second_up_runs_into_the_first_ones_port(running: System) -> None:
    second = running.up()
    assert second.ends() == 2
    assert str(running.http_port) in second.said()
    assert "another `outlast up` may run already" in second.said()
    assert running.answer() == {EU, US, AP}


def test_a_taken_dns_port_is_told_with_its_address(running: System) -> None:
    running.processes[0].kill()
    first = running.up("--role", "nameserver", ready="started")
    second = running.up("--role", "nameserver")
    assert second.ends() == 2
    assert f"127.0.0.1:{running.dns_port}" in second.said() or (
        f"port {running.dns_port}" in second.said()
    )
    assert first.popen.poll() is None


def test_an_unknown_vantage_is_refused(still: System) -> None:
    process = still.up("--role", "prober", "--vantage", "mars")
    assert process.ends() == 2
    assert "choose one of: local" in process.said()


def test_a_corrupt_store_is_a_clear_error_and_leaves_the_dns_alone(running: System) -> None:
    running.processes[0].signal(signal.SIGTERM)
    assert running.processes[0].ends() == 0
    for path in running.state_folder.root.glob("store.db-*"):
        if not path.name.endswith(".lock"):
            path.unlink()
    running.state_folder.store.write_bytes(b"this is no database" * 400)
    running.up("--role", "nameserver", ready="started")
    process = running.up("--role", "planner", "--role", "enactor", "--role", "prober")
    assert process.ends() == 3
    assert "store.db" in process.said()
    assert "->" in process.said(), "what to do next"
    assert "Traceback" not in process.said()
    assert running.answer() == {EU, US, AP}
    status = running.outlast("status")
    assert status.code == 3
    assert "UNUSABLE" in status.out
    assert f"{AP}:1 {EU}:1 {US}:1" in status.out, "the DNS is still asked and shown"


# while it runs


def test_a_foreign_hand_is_mended(running: System) -> None:
    before = running.fence()
    assert before is not None

    def alter(update: dns.update.UpdateMessage) -> None:
        update.replace("www", 60, "A", "192.0.2.99")

    running.wipe()
    until(lambda: running.fence() not in (None, before), "written again")
    running.wait_for(EU, US, AP)
    wiped = running.fence()
    running.foreign_hand(alter)
    until(lambda: running.fence() not in (None, wiped), "written again")
    running.wait_for(EU, US, AP)
    after = running.fence()
    assert after is not None
    assert after.generation == before.generation
    until(
        lambda: "healed" in running.outlast("history", "shop").out, "written down after it is done"
    )


def test_two_regions_failing_at_once_for_the_only_vantage_mean_that_the_vantage_is_sick(
    still: System,
) -> None:
    still.edit("sick_window_s: 0.1", "sick_window_s: 5")
    process = still.up_and_published()
    still.regions.fail(US)
    still.regions.fail(AP)
    until(lambda: "vantage-sick" in process.said(), "the vantage counts as sick")
    assert "sick vantage" in still.outlast("status").out
    assert still.outlast("status").code == 1
    still.regions.recover()
    until(lambda: "vantage-well" in process.said(), "it is well again")
    assert len(still.answer()) >= 2, "no more than one region was taken out before"


def test_a_deleted_store_stops_nothing(running: System) -> None:
    before = running.fence()
    assert before is not None
    for path in running.state_folder.root.glob("store.db*"):
        if not path.name.endswith(".lock"):
            path.unlink()
    process = running.processes[0]
    until(lambda: "store-back" in process.said(), f"a new store is made\n{process.said()}")
    assert running.answer() == {EU, US, AP}
    running.regions.fail(US, FailureMode.HANG)
    running.wait_for(EU, AP)
    after = running.fence()
    assert after is not None
    assert after.generation > before.generation


def test_an_edited_topology_takes_effect_and_an_invalid_one_does_not(running: System) -> None:
    process = running.processes[0]
    good = running.file.read_text()
    running.edit("endpoints:", "endponts:")
    until(lambda: "topology-refused" in process.said(), "the invalid file is refused")
    assert "endponts" in process.said()
    code, page = get(running, "/readyz")
    assert code == 200, "a restart would meet the broken file"
    assert "topology" in page
    assert running.answer() == {EU, US, AP}

    running.file.write_text(good.replace("ttl_s: 1\n", "ttl_s: 2\n", 1))
    process.signal(signal.SIGHUP)
    until(
        lambda: (
            running.ask("_weights.www.shop.test", "TXT") != []
            and "digest" in process.said()
            and get(running, "/readyz")[0] == 200
        ),
        "the valid file is in force",
    )
    until(lambda: running.generation() > 1, "and published")


def test_a_target_taken_out_of_the_file_leaves_the_answer(running: System) -> None:
    line = next(one for one in running.file.read_text().splitlines() if "ap-1" in one)
    running.edit(line + "\n", "")
    running.wait_for(EU, US)


def test_a_dns_server_that_stands_still_is_told_and_survived(still: System) -> None:
    server = still.up("--role", "nameserver", ready="started")
    still.edit("negative_ttl_s: 1}", "negative_ttl_s: 1, timeout_s: 0.5}")
    control = still.up(
        "--role", "planner", "--role", "enactor", "--role", "prober", "--http", str(still.http_port)
    )
    still.wait_for(EU, US, AP)
    server.signal(signal.SIGSTOP)
    until(lambda: "provider-lost" in control.said(), "the loss is told")
    assert get(still, "/readyz")[0] == 503
    status = still.outlast("status")
    assert status.code == 1
    assert "unreadable" in status.out
    assert still.outlast("plan").code == 1
    still.regions.fail(US)
    server.signal(signal.SIGCONT)
    still.wait_for(EU, AP)
    until(lambda: get(still, "/readyz")[0] == 200, "ready again")


def test_a_wrong_key_is_told_as_such(running: System) -> None:
    running.processes[0].signal(signal.SIGTERM)
    assert running.processes[0].ends() == 0
    other = running.folder / "other"
    shutil.copytree(running.folder / ".outlast" / "world", other)
    (other / "embedded.key").unlink()
    running.up("--role", "nameserver", ready="started")
    done = running.outlast("plan", "--state", str(other))
    assert done.code == 1
    assert "cannot be read" in done.out
    assert "key" in done.out.lower()
    applied = running.outlast("apply", "--yes", "--state", str(other), "--wait", "1s")
    assert applied.code == 1
    assert running.answer() == {EU, US, AP}


# its own pages


def test_pages_tell_metrics_health_and_readiness(running: System) -> None:
    assert get(running, "/healthz") == (200, '{"status":"alive"}')
    until(lambda: get(running, "/readyz")[0] == 200, "ready")
    until(lambda: "outlast_endpoints 2.0" in get(running, "/metrics")[1], "metrics are measured")
    page = get(running, "/metrics")[1]
    assert 'outlast_facts_total{event="published"' in page
    assert "outlast_publish_seconds_bucket" in page


def test_log_lines_are_json_where_asked_for(still: System) -> None:
    process = still.up("--json-logs")
    still.wait_for(EU, US, AP)
    process.signal(signal.SIGTERM)
    process.ends()
    lines = [one for one in process.said().splitlines() if one.startswith("{")]
    events = {json.loads(one)["event"] for one in lines}
    assert {"started", "planned", "published", "stopped"} <= events


# the entry point


def test_the_installed_program_completes_and_answers() -> None:
    program = [sys.executable, "-m", "outlast"]
    version = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
    assert "outlast" in version.stdout
    for shell in ("bash", "zsh", "fish"):
        environment = os.environ | {"_OUTLAST_COMPLETE": f"{shell}_source"}
        script = Path(sys.executable).with_name("outlast")
        done = subprocess.run(
            [str(script)], capture_output=True, text=True, env=environment, check=False
        )
        assert "_OUTLAST_COMPLETE" in done.stdout, done.stderr


def test_completion_offers_every_command() -> None:
    script = Path(sys.executable).with_name("outlast")
    environment = os.environ | {
        "_OUTLAST_COMPLETE": "bash_complete",
        "COMP_WORDS": "outlast ",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [str(script)], capture_output=True, text=True, env=environment, check=False
    )
    offered = {line.split(",")[1] for line in done.stdout.splitlines() if "," in line}
    assert offered == set(COMMANDS)


def test_the_program_refuses_to_run_without_its_assertions() -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-m", "outlast", "schema"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "-O" in done.stderr


def test_play_regions_are_refused_for_targets_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "world.yaml"
    text = TOPOLOGY.replace("@EU@", "192.0.2.1").replace("@US@", "192.0.2.2")
    for mark, value in (("@AP@", "192.0.2.3"), ("@DNS@", "53"), ("@HTTP@", "1"), ("@PORT@", "80")):
        text = text.replace(mark, value)
    file.write_text(text)
    done = invoke("up", str(file), "--play-regions")
    assert done.code == 2
    assert "leave --play-regions away" in done.err


@pytest.fixture
def roles(tmp_path: Path) -> Iterator[System]:
    """Each role in a process of its own, all on one store."""
    with system(tmp_path) as world:
        world.up("--role", "nameserver", ready="started")
        world.up("--role", "planner", ready="started")
        world.up("--role", "prober", ready="started")
        for number in (1, 2, 3):
            world.up("--role", "enactor", "--name", f"enactor-{number}", ready="started")
        world.wait_for(EU, US, AP)
        yield world


def test_roles_in_processes_of_their_own_survive_the_death_of_each(roles: System) -> None:
    """kill -9 of any role: the answer stands meanwhile, and work goes on once it is back."""
    commands = (
        ("--role", "nameserver"),
        ("--role", "planner"),
        ("--role", "prober"),
        ("--role", "enactor", "--name", "enactor-1"),
    )
    for index, arguments in enumerate(commands):
        roles.processes[index].kill()
        if index:
            assert roles.answer() == {EU, US, AP}, arguments
        roles.up(*arguments, ready="started")
        roles.regions.fail(US)
        roles.wait_for(EU, AP)
        roles.regions.recover(US)
        roles.wait_for(EU, US, AP)


def test_one_enactor_of_three_is_enough(roles: System) -> None:
    roles.processes[3].kill()
    roles.processes[4].signal(signal.SIGSTOP)
    roles.regions.fail(US)
    roles.wait_for(EU, AP)
    roles.processes[4].signal(signal.SIGCONT)
    roles.regions.recover(US)
    roles.wait_for(EU, US, AP)
