"""What operators do: evacuate, freeze, waive, roll back, apply, release, rescue."""

import shutil
import signal
from pathlib import Path

import dns.update
import pytest
from tests.support.system import AP, EU, US, System, until

from outlast.core.adopt import RESCUE_LEAP
from outlast.drivers.lastgood import merge_last_good
from outlast.drivers.regions import FailureMode
from outlast.model.names import ProviderName

pytestmark = pytest.mark.slow


def remembered(world: System) -> set[str]:
    """The endpoints that the last-known-good files of the enactors have."""
    key = world.state_folder.embedded_secret()
    files = world.state_folder.last_good_files()
    return set(merge_last_good(files, {ProviderName("local"): key}).entries)


# evacuate and restore


def test_evacuation_in_steps_ends_with_an_empty_region_and_a_time(running: System) -> None:
    before = running.generation()
    done = running.outlast(
        "evacuate", EU, "--steps", "3", "--every", "0.5s", "--reason", "power work"
    )
    assert done.code == 0, done.out + done.err
    assert "eu-west is empty" in done.out
    assert "safe to power off at" in done.out
    assert running.answer() == {US, AP}
    assert running.answer("api.shop.test") == {US, AP}
    # Two lower weights, then out. How the weights fall is held exactly in tests/core; here a probe that a
    # busy machine delays may add a plan of its own.
    assert running.generation() - before >= 3, "a plan for each step"
    assert "evacuated: eu-west" in running.outlast("status").out

    back = running.outlast("restore", EU)
    assert back.code == 0, back.out + back.err
    running.wait_for(EU, US, AP)
    assert running.outlast("restore", EU).code == 1, "it is not being evacuated any more"


def test_evacuation_is_refused_with_figures_where_the_rest_cannot_carry_the_load(
    running: System,
) -> None:
    running.regions.fail(US)
    running.wait_for(EU, AP)
    done = running.outlast("evacuate", EU, "--reason", "too much")
    assert done.code == 1
    assert "1000 of 3000 CANNOT carry a demand of 1500" in done.out
    assert "refused: eu-west stays in service" in done.out
    assert running.answer() == {EU, AP}
    assert "evacuated" not in running.outlast("status").out, "nothing was begun"

    waived = running.outlast(
        "evacuate", EU, "--waive", "capacity", "--for", "1h", "--reason", "it is on fire"
    )
    assert waived.code == 0, waived.out + waived.err
    assert running.answer() == {AP}
    assert "waived: capacity" in running.outlast("status").out


def test_evacuation_works_where_no_planner_runs(still: System) -> None:
    still.up("--role", "nameserver", ready="started")
    assert still.outlast("apply", "--yes").code == 0
    assert still.answer() == {EU, US, AP}
    done = still.outlast("evacuate", EU, "--reason", "nobody else is here")
    assert done.code == 0, done.out + done.err
    assert still.answer() == {US, AP}
    assert still.outlast("restore", EU).code == 0
    assert still.answer() == {EU, US, AP}


def test_an_unknown_region_is_refused_with_those_there_are(still: System) -> None:
    done = still.outlast("evacuate", "eu-wset", "--reason", "x")
    assert done.code == 2
    assert "eu-west, us-east, ap-south" in done.err


# freeze, thaw, waive


def test_a_frozen_endpoint_keeps_its_answer_until_thawed(running: System) -> None:
    assert running.outlast("freeze", "shop", "--reason", "looking").code == 0
    running.regions.fail(US)
    until(
        lambda: (
            running.answer("api.shop.test") == {EU}
            and "blocked" in running.outlast("history", "shop").out
        ),
        "the planner wanted to and was not allowed",
    )
    assert running.answer() == {EU, US, AP}
    status = running.outlast("status")
    assert status.code == 1
    assert "frozen" in status.out
    assert running.outlast("thaw", "shop").code == 0
    running.wait_for(EU, AP)
    assert running.outlast("thaw", "shop").code == 1, "it is not frozen any more"


def test_a_frozen_endpoint_is_still_mended(running: System) -> None:
    before = running.generation()
    running.outlast("freeze", "--all", "--reason", "looking", "--for", "1h")
    running.wipe()
    running.wait_for(EU, US, AP)
    assert running.generation() == before


def test_freeze_wants_one_scope(still: System) -> None:
    assert still.outlast("freeze", "--reason", "x").code == 2
    assert still.outlast("freeze", "shop", "--all", "--reason", "x").code == 2


def test_a_budget_holds_removals_back_until_it_is_waived(running: System) -> None:
    """And it does so in a preview too, which must not have a budget of its own."""
    running.edit("{removed_ratio: 0.7, window_s: 1}", "{removed_ratio: 0.4, window_s: 3600}")
    until(lambda: "digest" in running.processes[0].said(), "the topology is read again")
    running.regions.fail(US)
    running.wait_for(EU, AP)
    running.regions.fail(AP)
    held = "down, but kept: 1000 of 1200 that may be removed"
    until(lambda: held in running.outlast("why", "shop").out, "the budget holds it")
    assert "1 as wanted" in running.outlast("plan", "shop").out
    assert running.outlast("apply", "shop", "--yes").code == 0
    assert running.answer() == {EU, AP}
    done = running.outlast("waive", "budget", "shop", "--for", "10m", "--reason", "they are gone")
    assert done.code == 0, done.err
    running.wait_for(EU)


def test_a_rule_that_can_never_be_waived_is_no_choice(still: System) -> None:
    done = still.outlast("waive", "never-empty", "shop", "--for", "1h", "--reason", "x")
    assert done.code == 2
    assert "never-empty" in done.err


# rollback, apply


def test_rollback_publishes_the_old_content_as_a_new_generation_and_freezes(
    running: System,
) -> None:
    first = running.generation()
    running.regions.fail(US)
    running.wait_for(EU, AP)
    second = running.generation()
    done = running.outlast("rollback", "shop", "--to", str(first), "--reason", "the probes lie")
    assert done.code == 0, done.out + done.err
    assert running.answer() == {EU, US, AP}
    assert running.generation() > second
    assert "frozen until" in done.out
    assert running.outlast("thaw", "shop").code == 0
    running.wait_for(EU, AP)


def test_rollback_to_a_plan_that_is_not_kept_names_those_that_are(running: System) -> None:
    done = running.outlast("rollback", "shop", "--to", "77", "--reason", "x")
    assert done.code == 2
    assert "kept are: 1" in done.err


def test_apply_publishes_exactly_the_preview_or_refuses(still: System) -> None:
    still.up("--role", "nameserver", ready="started")
    first = still.outlast("plan", "--json").json()["checksum"]
    still.regions.fail(US)
    refused = still.outlast("apply", "--checksum", first)
    assert refused.code == 1
    assert f"not {first}" in refused.err
    assert still.answer() == set(), "nothing was published"
    still.regions.recover(US)
    done = still.outlast("apply", "--checksum", first)
    assert done.code == 0, done.out + done.err
    assert still.answer() == {EU, US, AP}
    again = still.outlast("apply", "--yes")
    assert again.code == 0
    assert "nothing to publish" in again.out


def test_apply_wants_a_checksum_or_a_yes(still: System) -> None:
    assert still.outlast("apply").code == 2
    assert still.outlast("apply", "--yes", "--checksum", "0" * 16).code == 2
    assert still.outlast("apply", "--yes", "--adopt").code == 2, "adopting needs a reason"


def test_foreign_records_are_taken_over_only_when_asked_for(still: System) -> None:
    still.up("--role", "nameserver", ready="started")

    def plant(update: dns.update.UpdateMessage) -> None:
        update.add("www", 60, "A", "192.0.2.99")

    still.foreign_hand(plant)
    refused = still.outlast("apply", "shop", "--yes")
    assert refused.code == 1
    assert "BLOCK ownership" in refused.out
    assert still.answer() == {"192.0.2.99"}
    done = still.outlast("apply", "shop", "--yes", "--adopt", "--reason", "from the old script")
    assert done.code == 0, done.out + done.err
    assert still.answer() == {EU, US, AP}


# release


def test_an_endpoint_that_left_the_topology_stays_until_it_is_released(running: System) -> None:
    text = running.file.read_text()
    running.file.write_text(text[: text.index("  api:\n")])
    until(lambda: running.outlast("status").code == 1, "status tells of the orphan")
    assert "orphaned api" in running.outlast("status").out
    assert "outlast release" in running.outlast("plan").out
    assert running.answer("api.shop.test") == {EU}
    assert running.outlast("release", "api", stdin="n\n").code == 1, "asked, and answered no"
    done = running.outlast("release", "api", "--yes")
    assert done.code == 0, done.out + done.err
    assert running.answer("api.shop.test") == set()
    assert running.fence("api.shop.test") is None
    assert running.outlast("status").code == 0
    assert running.answer() == {EU, US, AP}, "its neighbour is untouched"


def test_an_endpoint_that_was_released_is_published_again_when_it_comes_back(
    running: System,
) -> None:
    """Whoever remembers its last generation must not hold the first one of its new life against it."""
    log = running.processes[0]
    text = running.file.read_text().replace("api.shop.test]", "api.shop.test]\n    ttl_s: 2")
    running.file.write_text(text)
    until(lambda: running.generation("api.shop.test") == 2, "another plan of it")
    running.file.write_text(text[: text.index("  api:\n")])
    until(lambda: "1 endpoints" in log.said(), "it has left")
    done = running.outlast("release", "api", "--yes")
    assert done.code == 0, done.out + done.err
    running.file.write_text(text)
    running.wait_for(EU, name="api.shop.test")


def test_what_stands_in_the_topology_is_not_released(running: System) -> None:
    done = running.outlast("release", "shop", "--yes")
    assert done.code == 2
    assert "automation would put it back" in done.err


# rescue


def test_rescue_needs_nothing_but_credentials_and_the_files_of_the_enactors(
    running: System, tmp_path: Path
) -> None:
    until(lambda: remembered(running) == {"shop", "api"}, "both are remembered")
    before = running.generation()
    kept = []
    for path in running.state_folder.last_good_files():
        kept += ["--from", str(shutil.copy(path, tmp_path / path.name))]
    running.processes[0].kill()
    for path in (running.folder / ".outlast" / "world").rglob("*"):
        if path.is_file() and "zones" not in path.parts and path.name != "embedded.key":
            path.unlink()
    running.up("--role", "nameserver", ready="started")
    running.wipe()
    running.wipe("api")
    assert running.answer() == set()

    asked = running.outlast("rescue", *kept, stdin="n\nn\n")
    assert asked.code == 1, "asked, and answered no"
    assert running.answer() == set()
    done = running.outlast("rescue", *kept, "--yes")
    assert done.code == 0, done.out + done.err
    assert running.answer() == {EU, US, AP}
    assert running.answer("api.shop.test") == {EU}
    assert running.generation() == before + RESCUE_LEAP
    again = running.outlast("rescue", *kept, "--yes")
    assert again.code == 0
    assert "stands as confirmed" in again.out


def test_a_rescue_is_adopted_and_held_and_automation_goes_on_after_a_thaw(
    running: System,
) -> None:
    until(lambda: remembered(running) == {"shop", "api"}, "both are remembered")
    before = running.generation()
    running.processes[0].kill()
    running.processes.clear()
    running.up("--role", "nameserver", ready="started")
    running.wipe()
    done = running.outlast("rescue", "shop", "--yes")
    assert done.code == 0, done.out + done.err
    assert running.generation() == before + RESCUE_LEAP
    fence = running.fence()
    assert fence is not None
    assert fence.writer == "rescue"

    running.up("--role", "planner", "--role", "prober", "--role", "enactor")
    until(lambda: "rescued" in running.outlast("status").out, "it is adopted and held")
    running.regions.fail(US, FailureMode.ERROR)
    until(lambda: "BLOCK frozen" in running.outlast("plan", "shop").out, "it is left alone")
    assert running.fence() == fence
    assert running.outlast("thaw", "shop").code == 0
    running.wait_for(EU, AP)
    assert running.generation() > fence.generation


def test_rescue_never_goes_below_what_the_store_remembers(running: System) -> None:
    """The files are written a moment after a publication; the store may know of a later one."""
    until(lambda: remembered(running) == {"shop", "api"}, "both are remembered")
    old = {one: one.read_bytes() for one in running.state_folder.last_good_files()}
    running.regions.fail(US)
    running.wait_for(EU, AP)
    until(
        lambda: running.outlast("status", "--json").json()["endpoints"][0]["published"] == 2,
        "the second plan is confirmed in the store",
    )
    newest = running.generation()
    running.processes[0].kill()
    for path in running.state_folder.last_good_files():
        path.unlink()
    for path, content in old.items():
        path.write_bytes(content)
    running.up("--role", "nameserver", ready="started")
    running.wipe()
    done = running.outlast("rescue", "shop", "--yes")
    assert done.code == 0, done.out + done.err
    assert running.generation() > newest
    assert running.answer() == {EU, AP}


def test_rescue_works_beside_a_corrupt_store(running: System) -> None:
    until(lambda: remembered(running) == {"shop", "api"}, "both are remembered")
    running.processes[0].kill()
    running.up("--role", "nameserver", ready="started")
    for path in running.state_folder.root.glob("store.db-*"):
        path.unlink()
    running.state_folder.store.write_bytes(b"this is no database" * 400)
    running.wipe()
    done = running.outlast("rescue", "shop", "--yes")
    assert done.code == 0, done.out + done.err
    assert "the store was not asked" in done.err
    assert running.answer() == {EU, US, AP}


def test_rescue_without_any_file_says_where_it_looked(still: System) -> None:
    done = still.outlast("rescue", "--yes")
    assert done.code == 2
    assert "no last-known-good file" in done.err


def test_rescue_of_what_is_not_remembered_names_what_is(running: System) -> None:
    until(lambda: remembered(running) == {"shop", "api"}, "both are remembered")
    running.processes[0].signal(signal.SIGTERM)
    assert running.processes[0].ends() == 0
    done = running.outlast("rescue", "shpo", "--yes")
    assert done.code == 2
    assert "shop" in done.err
