"""What only reads: plan, status, why, history, config, schema; on one running system."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.support.system import AP, EU, US, System, invoke, system, until

from outlast.app.cli import COMMANDS, cli, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One running system for the whole module; its tests leave it as they found it."""
    with system(tmp_path_factory.mktemp("reading")) as made:
        made.up_and_published()
        until(lambda: made.outlast("status").code == 0, "all is well")
        yield made


def test_plan_shows_nothing_to_do_where_all_is_as_wanted(world: System) -> None:
    done = world.outlast("plan")
    assert done.code == 0, done.err
    assert "2 endpoints: 2 as wanted, 0 to change, 0 blocked, 0 unreadable" in done.out


def test_plan_of_one_endpoint_shows_it_even_if_nothing_changes(world: System) -> None:
    done = world.outlast("plan", "www.shop.test")
    assert "the DNS holds exactly that" in done.out
    assert world.places[US] in done.out


def test_plan_json_has_checksum_plan_and_ruling(world: System) -> None:
    found = world.outlast("plan", "--json").json()
    assert set(found) == {"checksum", "probed_now", "unreadable", "endpoints"}
    assert [one["endpoint"] for one in found["endpoints"]] == ["shop", "api"]
    assert not found["probed_now"]


def test_plan_shows_a_diff_with_ruling_and_capacity_when_a_region_is_down(world: System) -> None:
    world.outlast("freeze", "--all", "--reason", "to look at the preview")
    world.regions.fail(US)
    try:
        until(
            lambda: f"- www.shop.test 1 A {world.places[US]}" in world.outlast("plan").out,
            "the preview takes the dead region out",
        )
        done = world.outlast("plan", "shop")
        assert done.code == 1, "frozen, so blocked"
        assert "BLOCK frozen" in done.out
        assert "outlast thaw --all" in done.out
        assert "2000 of 3000 carries a demand of 1500" in done.out
        assert "connection refused" in done.out
    finally:
        world.regions.recover(US)
        until(lambda: "2 as wanted" in world.outlast("plan").out, "nothing to change any more")
        world.outlast("thaw", "--all")


def test_status_names_roles_endpoints_and_what_they_answer(world: System) -> None:
    done = world.outlast("status")
    assert done.code == 0
    for text in ("alive planner", "alive enactor enactor-1", "alive prober", "alive nameserver"):
        assert text in done.out
    assert f"{AP}:1 {EU}:1 {US}:1" in done.out
    assert "2 endpoints, 0 not as they should be" in done.out


def test_status_json_tells_generations(world: System) -> None:
    found = world.outlast("status", "--json").json()
    fence = world.fence()
    assert fence is not None
    shop = found["endpoints"][0]
    assert (shop["endpoint"], shop["published"], shop["state"]) == ("shop", fence.generation, "ok")


def test_status_wrong_shows_only_what_needs_somebody(world: System) -> None:
    assert "www" not in world.outlast("status", "--wrong").out
    assert world.outlast("status", "--no-dns").code == 0


def test_why_explains_every_address(world: System) -> None:
    done = world.outlast("why", "www.shop.test")
    assert done.code == 0, done.err
    for host in world.places.values():
        assert host in done.out
    assert "vote: local says up" in done.out
    assert "one more failure: it goes; eu-1, ap-1 serve" in done.out


def test_why_of_a_failover_name_says_who_would_join(world: System) -> None:
    assert "joining" in world.outlast("why", "api").out


def test_why_json_has_votes(world: System) -> None:
    found = world.outlast("why", "shop", "--json").json()
    assert {one["health"]["verdict"] for one in found["reasons"]} == {"up"}
    assert all(one["stands"] for one in found["reasons"])


def test_history_tells_plans_and_publications_of_one_endpoint(world: System) -> None:
    done = world.outlast("history", "shop")
    assert "plan" in done.out
    assert "published" in done.out
    notes = world.outlast("history", "--json").json()
    assert {"shop", "api"} <= {one["endpoint"] for one in notes}


def test_history_lists_plans_and_shows_one(world: System) -> None:
    assert "live" in world.outlast("history", "shop", "--plans").out
    done = world.outlast("history", "shop", "--plan", "1")
    assert "first publication" in done.out
    assert world.outlast("history", "shop", "--plan", "1", "--json").json()["plan"]["generation"]


def test_history_of_a_plan_that_is_not_kept_names_those_that_are(world: System) -> None:
    done = world.outlast("history", "shop", "--plan", "999")
    assert done.code == 2
    assert "kept are: 1" in done.err


def test_history_of_plans_needs_a_name(world: System) -> None:
    assert world.outlast("history", "--plans").code == 2


def test_an_unknown_name_is_refused_with_those_there_are(world: System) -> None:
    for command in ("plan", "why", "freeze", "rollback --to 1"):
        extra = ["--reason", "x"] if command not in ("plan", "why") else []
        name, *options = command.split()
        done = world.outlast(name, "shpo", *options, *extra)
        assert done.code == 2, command
        assert "shpo" in done.err
        assert "shop, api" in done.err


def test_config_check_counts_what_is_there(world: System) -> None:
    done = world.outlast("config check")
    assert done.code == 0
    assert "2 endpoints with 6 targets in 3 regions" in done.out
    assert world.outlast("config check", "--json").json()["ok"] is True


def test_a_typo_in_the_topology_is_told_with_line_column_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "world.yaml"
    file.write_text("outlast: 1\nregions: {eu: {}}\nendponts: {}\n")
    for command in (["config", "check"], ["plan"], ["status"], ["up"]):
        done = invoke(*command, str(file))
        assert done.code == 2, command
        assert "world.yaml:3:1" in done.err
        assert "endpoints" in done.err, "did you mean"


def test_config_check_json_lists_every_fault(tmp_path: Path) -> None:
    file = tmp_path / "world.yaml"
    file.write_text("outlast: 1\nregions: {eu: {}}\nendponts: {}\nsetings: {}\n")
    done = invoke("config", "check", str(file), "--json")
    assert done.code == 2
    assert {one["line"] for one in json.loads(done.out)["faults"]} >= {3, 4}


def test_a_missing_topology_is_wrong_use(tmp_path: Path) -> None:
    done = invoke("plan", str(tmp_path / "none.yaml"))
    assert done.code == 2
    assert "none.yaml" in done.err


def test_config_explain_knows_every_field_and_refuses_others() -> None:
    assert "takeover_s" in invoke("config", "explain").out
    assert "default 0.5" in invoke("config", "explain", "settings.takeover_s").out
    assert invoke("config", "explain", "settings.takeover").code == 2
    assert invoke("config", "explain", "settings", "--json").json()


def test_schema_is_a_json_schema() -> None:
    assert "$schema" in invoke("schema").json()


def test_a_wrong_flag_is_wrong_use(world: System) -> None:
    done = world.outlast("plan", "--jsn")
    assert done.code == 2
    assert "--json" in done.err, "did you mean"


def test_no_command_shows_what_there_is() -> None:
    done = invoke("--help")
    assert done.code == 0
    for name in COMMANDS:
        assert name in done.out
    assert "Exit codes" in done.out


def _leaves(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            for below, leaf in _leaves(command, click.Context(command, parent=context)):
                yield f"{name} {below}", leaf
        else:
            yield name, command


def test_the_help_of_every_command_has_examples_of_itself() -> None:
    for path, _ in _leaves(cli, click.Context(cli)):
        done = invoke(*path.split(), "--help")
        assert done.code == 0, path
        assert f"outlast {path} " in done.out or f"outlast {path}\n" in done.out, path


def test_every_option_says_what_it_means() -> None:
    for path, leaf in _leaves(cli, click.Context(cli)):
        for one in leaf.params:
            if isinstance(one, click.Option):
                assert one.help, f"{path} {one.opts}"


def test_a_missing_library_is_told_with_what_brings_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An installation without extras is no fault of Outlast's; a missing module of its own is."""

    def lacking(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    assert run(lambda: lacking("numpy")) == 2
    assert "pip install 'outlast[drill,detect]'" in capsys.readouterr().err
    assert run(lambda: lacking("google.auth")) == 2
    assert "pip install 'outlast[cloud]'" in capsys.readouterr().err
    assert run(lambda: lacking("outlast.nowhere")) == 70
