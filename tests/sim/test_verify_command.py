"""`outlast verify`: exit codes, JSON, replay files, help."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from outlast.app.cli import run
from outlast.app.commands.verify import verify

SMALL = ("--enactors", "2", "--plans", "4", "--age", "2", "--endpoints", "1", "--seconds", "20")


def call(*arguments: str) -> int:
    """Run the command as the entry point does."""
    return run(lambda: verify.main(list(arguments), standalone_mode=False))


def test_a_violation_ends_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The published design ends with 1 and tells the empty endpoint first."""
    assert call("--design", "aws-2025", "--exhaustive", *SMALL) == 1
    told = capsys.readouterr().out
    assert told.startswith("aws-2025: S1 never empty")
    assert "No future heals it" in told
    assert "complete: every reachable state" in told


def test_nothing_found_ends_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    """A sound design ends with 0, with the numbers explored."""
    switches = ("--with", "fence", "--with", "reachable-clean-up")
    assert call("--design", "aws-2025", *switches, "--exhaustive", *SMALL) == 0
    told = capsys.readouterr().out
    assert "Nothing found." in told
    assert "states, depth" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ("--design", "aws-2025", "--with", "hope"),
        ("--fault", "meteor"),
        ("--replay", "no-such-file.json"),
        ("--design", "nothing"),
    ],
)
def test_wrong_use_ends_with_two(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown names and files end with 2, one clear error, and the names that exist."""
    assert call(*arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_json_is_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json nothing but JSON is printed, and it holds counts, digests and stories."""
    assert call("--design", "lease-only", "--exhaustive", "--json", *SMALL) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["exhaustive"]["complete"] is True
    (found,) = report["found"]
    assert found["broken"].startswith("S2 monotone")
    assert len(found["digest"]) == 64
    assert found["story"]


@pytest.mark.slow
def test_a_replay_in_another_process_has_the_same_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What --out wrote is replayed by a fresh process with the identical digest, and ends with 1."""
    assert call("--design", "aws-2025", "--exhaustive", "--out", str(tmp_path), *SMALL) == 1
    capsys.readouterr()
    recorded = json.loads((tmp_path / "s1.json").read_text())["digest"]
    assert (tmp_path / "s1.html").read_text().startswith("<!doctype html>")
    program = (
        "import sys; from outlast.app.cli import run; "
        "from outlast.app.commands.verify import verify; "
        "sys.exit(run(lambda: verify.main(sys.argv[1:], standalone_mode=False)))"
    )
    command = [sys.executable, "-c", program, "--replay", str(tmp_path / "s1.json"), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["digest"] == recorded


def test_an_altered_replay_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tape whose finding is not what the run gives ends with 2."""
    assert call("--design", "lease-only", "--exhaustive", "--out", str(tmp_path), *SMALL) == 1
    path = tmp_path / "s2.json"
    path.write_text(path.read_text().replace("endpoint 0 went back", "endpoint 0 went astray"))
    assert call("--replay", str(path)) == 2
    assert "recorded" in capsys.readouterr().err


def test_the_help_teaches() -> None:
    """The help has examples, the ways, and the exit codes."""
    told = CliRunner().invoke(verify, ["--help"]).output
    for words in ("Examples:", "--design aws-2025", "--replay", "--guardrails", "Ends with 0"):
        assert words in told


@pytest.mark.slow
def test_ones_own_topology(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With FILE the explorer works on the endpoints that stand there, and finds nothing."""
    example = Path(__file__).parents[2] / "examples" / "three-regions.yaml"
    sizes = ("--enactors", "2", "--plans", "2", "--seconds", "3", "--workers", "1")
    assert call(str(example), "--search", "--json", *sizes) == 0
    assert json.loads(capsys.readouterr().out)["search"]["schedules"] > 10


@pytest.mark.slow
def test_a_fleet_ends_with_zero_and_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--machines", "20") == 0
    assert "all is well in the end" in capsys.readouterr().out
    assert call("--machines", "20", "--json") == 0
    assert json.loads(capsys.readouterr().out)["broken"] == []
