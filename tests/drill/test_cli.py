"""`outlast drill` on the command line: what it says, writes and ends with; the audit's line leads to it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.system import invoke

from outlast.app.audit.shown import drill_command
from outlast.app.drill.library import shipped
from outlast.audit.finding import Kind, Thing
from outlast.drill.incident.compare import Compared
from outlast.drill.incident.facts import NUMBERS, Basis

SMALL = """
outlast: 1
regions: {eu: {country: DE, zones: 3, shares: [grid]}, us: {country: US}}
providers: {dns: {kind: embedded, server: 127.0.0.1:5300, zones: [a.test]}}
endpoints:
  api:
    names: [api.a.test]
    ttl_s: 30
    targets: {eu-1: {region: eu, ipv4: 192.0.2.1}, us-1: {region: us, ipv4: 192.0.2.2}}
services:
  shop:
    essential: true
    regions: [eu, us]
    needs: [{endpoint: api}, {service: login}]
    audience: {people: 1000000}
  login: {regions: [eu]}
"""


@pytest.fixture
def world(tmp_path: Path) -> Path:
    path = tmp_path / "world.yaml"
    path.write_text(SMALL)
    return path


def test_a_quick_question_is_answered_in_order_for_whom_and_how_long(world: Path) -> None:
    """And ends with 1, since something essential fell."""
    done = invoke("drill", str(world), "--lose", "service:login", "--for", "20m", "--no-helped")
    assert done.code == 1, done.err
    assert "shop" in done.out
    assert "by login" in done.out
    assert "people hit at once" in done.out
    assert re.search(r"FAILED each essential service stays up: shop served 0\.0%", done.out)


def test_a_harmless_loss_ends_with_0(world: Path) -> None:
    """The control plane of the DNS is gone, and nothing else."""
    done = invoke("drill", str(world), "--lose", "control-plane", "--for", "20m", "--no-helped")
    assert done.code == 0, done.out + done.err
    assert "nothing fell below nine tenths" in done.out


@pytest.mark.parametrize("basis", [Basis.FITTED, Basis.INPUT, Basis.PREDICTED])
def test_a_fact_of_the_record_that_was_fitted_and_is_missed_ends_with_1(
    world: Path, monkeypatch: pytest.MonkeyPatch, basis: Basis
) -> None:
    """What was left to be predicted may be missed, and is told all the same."""
    missed = Compared(replace(NUMBERS[0], basis=basis), 1e9)
    monkeypatch.setattr("outlast.app.drill.record.record_of", lambda _: (missed,))
    done = invoke("drill", str(world), "--lose", "control-plane", "--for", "5m", "--no-helped")
    assert "NO" in done.out
    assert done.code == int(basis is not Basis.PREDICTED), done.err


@pytest.mark.slow
def test_what_would_have_helped_is_tried(world: Path) -> None:
    """Memory of a login carries the shop over its loss."""
    done = invoke("drill", str(world), "--lose", "service:login", "--for", "20m", "--json")
    found = {one["name"]: one["user_minutes"] for one in json.loads(done.out)["helped"]}
    assert found["as it is"] > 0
    assert found["memory"] < 0.1 * found["as it is"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.REGION, "eu"),
        (Kind.SERVICE, "login"),
        (Kind.ENDPOINT, "api"),
        (Kind.PROVIDER, "dns"),
        (Kind.ZONE, "a.test"),
        (Kind.TARGET, "api/eu-1"),
        (Kind.SHARED, "grid"),
    ],
)
def test_the_audits_line_works_as_it_stands(world: Path, kind: Kind, name: str) -> None:
    """Each kind of thing that a drill can lose."""
    line = drill_command(str(world), [Thing(kind, name)])
    words = line.removeprefix("outlast ").split()
    done = invoke(*words, "--for", "5m", "--no-helped")
    assert done.code in {0, 1}, done.err


def test_the_audit_names_no_drill_for_what_no_drill_can_lose() -> None:
    """A vendor or network is no thing in the engine."""
    assert drill_command("f.yaml", [Thing(Kind.VENDOR, "x"), Thing(Kind.REGION, "eu")]) == ""
    assert drill_command("f.yaml", []) == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--lose", "regoin:eu"), "names nothing"),
        (("--lose", "region:ue"), "there is no region 'ue'"),
        (("--lose", "service:logn"), "did you mean `login`?"),
        (("--lose", "target:api/eu-9"), "no target"),
        ((), "nothing is lost in it"),
        (("--only", "moon", "--sweep"), "nothing can be lost"),
        (("--lose", "region:eu", "--for", "0s"), "too short; 1s at least"),
        (("--lose", "region:eu", "--step", "0s"), "too short; 0.01s at least"),
        (("--lose", "region:eu", "--step", "3h"), "too long; 60s at most"),
        (("--lose", "region:eu", "--html", "/proc/none/r.html"), "cannot be written"),
        (("--lose", "region:eu", "--parquet", "/proc/none"), "cannot be written"),
        (("--lose", "region:eu", "--figures", "/proc/none"), "another place with --figures"),
        (("--sweep", "--dask", "nonsense"), "write tcp://HOST:8786"),
        (("--sweep", "--dask", "tcp://a:99999"), "no scheduler's address"),
    ],
)
def test_a_wrong_question_ends_with_2(world: Path, words: tuple[str, ...], said: str) -> None:
    """Before anything runs, with what to write instead."""
    done = invoke("drill", str(world), *words)
    assert done.code == 2
    assert said in done.err
    assert "expectation" not in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a scenario or a world"),
        (("region-lost", "--lose", "region:eu-west"), "--lose goes with a world"),
        (("region-lost", "zone-lost"), "one scenario or world at a time"),
        (("--compare", "region-lost"), "--compare takes two"),
        (("shop", "--search", "--most", "5"), "not in the range"),
        (("synthetic(x,9)",), "no world 'synthetic(x,9)'"),
        (("none.yaml",), "no world 'none.yaml', neither a file"),
        (("region-lost", "--exact", "shpo"), "there is no service 'shpo'"),
        (("region-lost", "--exact", "frontend@moon"), "there is no region 'moon'"),
    ],
)
def test_what_does_not_go_together_ends_with_2(words: tuple[str, ...], said: str) -> None:
    done = invoke("drill", *words)
    assert done.code == 2
    assert said in done.err


def test_a_scenario_of_ones_own_is_judged(world: Path) -> None:
    """World beside it; exit code by its expectations; a file with faults tells them."""
    drill = world.parent / "mine.yaml"
    head = (
        "drill: 1\nworld: world.yaml\nlength: 1h\n"
        "faults: [{kind: region, subject: us, at: 5m, for: 20m}]\n"
    )
    drill.write_text(head + "expectations: [{kind: served-min, service: login, value: 99%}]\n")
    assert invoke("drill", str(drill), "--no-helped").code == 0
    lost = head.replace("subject: us", "subject: eu")
    drill.write_text(lost + "expectations: [{kind: served-min, service: login, value: 99%}]\n")
    assert invoke("drill", str(drill), "--no-helped").code == 1
    drill.write_text(head + "expectations: [{kind: served-min, service: logon, value: 99%}]\n")
    done = invoke("drill", str(drill))
    assert done.code == 2
    assert "did you mean `login`?" in done.err


@pytest.mark.slow
def test_report_and_series_are_written(world: Path) -> None:
    """One HTML file, and Parquet."""
    html, series = world.parent / "r.html", world.parent / "raw"
    words = ("--lose", "region:eu", "--for", "5m", "--no-helped")
    done = invoke("drill", str(world), *words, "--html", str(html), "--parquet", str(series))
    assert done.code == 1, done.err
    assert html.read_text().startswith("<!doctype html>")
    assert list(series.glob("*.parquet"))


def test_a_report_that_may_not_be_changed_is_told_before_the_run(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everything, so the system's answer is faked."""
    old = world.parent / "old.html"
    old.touch()
    monkeypatch.setattr("os.access", lambda path, _: path != old)
    done = invoke("drill", str(world), "--lose", "region:eu", "--html", str(old))
    assert done.code == 2
    assert "old.html cannot be written: it may not be changed" in done.err


@pytest.mark.slow
def test_the_list_names_every_scenario_and_world() -> None:
    """With the title of each."""
    done = invoke("drill", "--list")
    assert done.code == 0
    for name in shipped("scenarios"):
        assert name in done.out
    assert "synthetic(SEED,N)" in done.out


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(shipped("scenarios")))
def test_a_scenario_that_ships_holds_what_it_promises(name: str) -> None:
    """Those of real events meet the record within their tolerances."""
    done = invoke("drill", name, "--no-helped")
    assert done.code == 0, done.out + done.err


@pytest.mark.slow
def test_a_world_written_by_following_the_document_works(tmp_path: Path) -> None:
    """The two files of docs/drills.md, saved under the names it gives."""
    page = (Path(__file__).parents[2] / "docs" / "drills.md").read_text()
    world, drill = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "world.yaml").write_text(world)
    (tmp_path / "drill.yaml").write_text(drill)
    done = invoke("drill", str(tmp_path / "drill.yaml"), "--no-helped")
    assert done.code == 0, done.out + done.err
    assert "2 expectations, 0 failed" in done.out


def test_a_comparison_in_which_nothing_is_lost_is_refused(world: Path) -> None:
    """It would find both worlds alike, whatever they are."""
    done = invoke("drill", "--compare", str(world), str(world))
    assert done.code == 2
    assert "nothing is lost in it" in done.err
    assert "--compare A B with --lose region:eu" in done.err


@pytest.mark.slow
def test_an_ensemble_without_ranges_says_that_only_the_seed_was_varied() -> None:
    """Or people take one figure, run six times, for certainty."""
    done = invoke(
        "drill", "identity-lost", "--ensemble", "--members", "2", "--jobs", "1", "--step", "60s"
    )
    assert "nothing was varied but the seed" in done.out, done.err


@pytest.mark.slow
@pytest.mark.parametrize(("value", "code"), [("1%", 0), ("100%", 1)])
def test_an_ensemble_of_which_one_run_fails_an_expectation_ends_with_1(
    world: Path, value: str, code: int
) -> None:
    """A share of the answers that is varied are errors."""
    drill = world.parent / "mine.yaml"
    drill.write_text(
        "drill: 1\nworld: world.yaml\nlength: 10m\nstep: 10s\n"
        "faults: [{kind: errors, subject: login, at: 2m, for: 4m, amount: 50%}]\n"
        f"expectations: [{{kind: served-min, service: login, value: {value}}}]\n"
        "variations: [{name: x, path: 'faults[0].amount', values: [0.1, 0.9]}]\n"
    )
    done = invoke("drill", str(drill), "--ensemble", "--members", "3", "--jobs", "1")
    assert done.code == code, done.out + done.err
    assert f"3 runs, {3 * code} with a failed expectation" in done.out


@pytest.mark.slow
def test_the_control_plane_s_part_is_told_in_the_summary(world: Path) -> None:
    """What it did, and when; and nothing of it where a model takes its place."""
    asked = (
        "drill",
        str(world),
        "--lose",
        "region:us",
        "--for",
        "10m",
        "--no-helped",
        "--step",
        "5s",
    )
    real = invoke(*asked, "--control-plane", "real")
    assert re.search(r"14:10 api: plan 2: us-1 ipv4 out: down", real.out), real.out + real.err
    assert "the control plane" not in invoke(*asked).out
    found = json.loads(invoke(*asked, "--control-plane", "real", "--json").out)
    assert found["control_plane"][0]["subject"] == "api"
