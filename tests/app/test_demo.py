"""The demonstration: it works from the front door, and a claim that is not true ends it."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from outlast.app.commands import demo as command
from outlast.app.demo.asking import Client, Seen, Watcher
from outlast.app.demo.late import Trap
from outlast.app.demo.stage import Stage
from outlast.app.demo.story import Story
from outlast.app.demo.telling import BrokenClaim, Teller
from outlast.model.errors import Bug
from outlast.model.fence import Fence
from outlast.model.names import DnsName, RegionName
from outlast.model.topology import Address
from outlast.model.units import Generation

EU = RegionName("eu-west")


@pytest.mark.slow
def test_the_whole_demonstration_holds_all_its_claims(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "outlast", "demo", "--json", "--keep", str(tmp_path / "kept")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] is True
    assert all(one["held"] for one in found["claims"])
    acts = list(dict.fromkeys(one["act"] for one in found["claims"]))
    assert acts == [
        "Three regions, one name",
        "A region dies",
        "An enactor is paused in the middle of its work",
        "A foreign hand wipes the name",
        "The store is deleted",
        "Rescue, with everything else stopped",
        "All along",
    ]
    assert found["questions"] > 100
    claimed = {re.sub(r"\d+", "N", one["text"]) for one in found["claims"]}
    assert set(told_in_the_readme()) <= claimed, "the README shows what is really said"
    assert (tmp_path / "kept" / "world.yaml").exists()
    assert _left_behind(tmp_path) == []


def told_in_the_readme() -> list[str]:
    """The claims of the excerpt in the README, without times and numbers, which differ each time."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    lines = re.findall(r"^ +✓ (.*)$", text, re.MULTILINE)
    assert lines
    return [re.sub(r"\d+", "N", re.sub(r"  after .*$", "", one)) for one in lines]


def _left_behind(folder: Path) -> list[str]:
    """Processes whose command line names the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in text and str(os.getpid()) != path.parent.name:
            found.append(text)
    return found


def test_whatever_ends_it_the_evidence_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def play(folder: Path, told: Teller) -> dict[str, object]:
        told.act("One")
        told.is_so("this holds", "1", "1")
        raise Bug("the late one could not be stopped")

    monkeypatch.setattr(command, "_play", play)
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: str(tmp_path / prefix))
    done = CliRunner().invoke(command.demo, ["--json"], standalone_mode=False)
    found = json.loads(done.stdout)
    assert (done.return_value, found["ok"]) == (1, False)
    assert "could not be stopped" in found["error"]
    assert (tmp_path / "outlast-demo-").is_dir()


async def test_the_late_enactor_is_not_stopped_with_a_commit_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped = asyncio.Event()
    monkeypatch.setattr(os, "kill", lambda pid, number: stopped.set())
    trap = Trap()
    with trap.committing():
        with trap.committing():
            waiting = asyncio.create_task(trap.spring())
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not stopped.is_set()
    await waiting
    assert stopped.is_set()


async def test_a_question_without_an_answer_is_no_sign_that_another_was_quicker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stood = Fence(Generation(2), "0" * 32, "0" * 16, "e1")
    moved = Fence(Generation(3), "0" * 32, "1" * 16, "e2")
    states = iter(["running", "running", "stopped", "running", "running"])
    seen = iter(
        [
            Seen(0.0, (), None, answered=False),
            Seen(0.1, (EU,), stood),
            Seen(0.2, (EU,), moved),
            Seen(0.3, (EU,), moved),
        ]
    )

    async def is_stopped(_: Stage) -> str:
        return next(states)

    async def see(_: Stage) -> Seen:
        return next(seen)

    monkeypatch.setattr(Stage, "is_stopped", is_stopped)
    monkeypatch.setattr(Stage, "see", see)
    client = Client(server=Address(host="127.0.0.1", port=1), name=DnsName("a.test"), regions={})
    told = Story(
        stage=Stage(folder=tmp_path, client=client, regions={}), teller=teller(), watcher=watcher()
    )
    assert await told.stops_before_it_moves(stood)
    assert not await told.stops_before_it_moves(stood)


def teller() -> Teller:
    """A teller that prints to nobody."""
    return Teller(out=Console(quiet=True), pause_s=0.0)


async def test_a_claim_that_does_not_become_true_names_expected_and_got() -> None:
    async def look() -> str:
        return "eu-west"

    told = teller()
    with pytest.raises(BrokenClaim) as caught:
        await told.becomes("it moves", "us-east", look, within_s=0.05)
    assert "it moves" in str(caught.value)
    assert "expected: us-east" in str(caught.value)
    assert "got:      eu-west" in str(caught.value)
    assert not told.claims[-1].held


async def test_a_claim_that_something_stays_fails_at_the_first_change() -> None:
    answers = iter(["eu-west", "eu-west", "no address"])

    async def look() -> str:
        return next(answers)

    with pytest.raises(BrokenClaim):
        await teller().stays("it stays", "eu-west", look, for_s=5.0)


async def test_a_claim_that_holds_is_measured() -> None:
    answers = iter(["nothing", "nothing", "eu-west"])

    async def look() -> str:
        return next(answers)

    told = teller()
    took_s = await told.becomes("it comes", "eu-west", look)
    assert told.claims[-1].held
    assert 0 < took_s < 5


def watcher(*seen: tuple[float, int, bool]) -> Watcher:
    """A record: when, which generation stood there (0: no fence), whether an address was given."""
    client = Client(server=Address(host="127.0.0.1", port=1), name=DnsName("a.test"), regions={})
    record = [
        Seen(
            at_s,
            (EU,) if given else (),
            Fence(Generation(number), "0" * 32, "0" * 16, "e1") if number else None,
        )
        for at_s, number, given in seen
    ]
    return Watcher(client, began_s=0.0, record=record)


def test_the_watcher_counts_generations_that_went_back_even_over_a_gap() -> None:
    assert watcher((1, 1, True), (2, 2, True), (3, 0, True), (4, 2, True)).backwards() == 0
    assert watcher((1, 2, True), (2, 0, True), (3, 1, True)).backwards() == 1


def test_the_watcher_counts_empty_answers_outside_the_wipes() -> None:
    seen = watcher((1, 1, True), (2, 0, False), (3, 1, True), (4, 0, False))
    assert seen.empty_outside([(1.5, 2.5)]) == 1
    assert seen.empty_outside([(1.5, 2.5), (3.5, float("inf"))]) == 0
