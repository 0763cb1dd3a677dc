"""20 October 2025 on the board: watched, understood, evacuated, told and reviewed, as a person would.

The stream is the drill's (`outlast reports synth`), played an hour in a second, and nothing of where it
came from is known to whoever watches. A shop in three regions stands in for the reader's own.
"""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser.test_acting import preview, url, visit_as
from tests.support.people import add_people, logged_in
from tests.support.system import AP, EU, US, System
from tests.support.windows import WAIT_MS, Windows

pytestmark = [pytest.mark.slow, pytest.mark.servers]

SCENARIO, WORLD = "incidents/us-east-1-2025", "oct2025"
NOTICES = Path(__file__).parents[2] / "examples" / "october-2025" / "notices.jsonl"
DAY_MS = 420_000
"""How long an hour of the stream and what it takes to judge it may last here, at most."""


@contextmanager
def replayed(world: System, folder: Path) -> Iterator[None]:
    """Play the day into the world's board."""
    stream, probes = folder / "stream.parquet", folder / "probes.jsonl"
    outlast = [sys.executable, "-m", "outlast"]
    synth = [*outlast, "reports", "synth", SCENARIO, "-o", str(stream)]
    synth += ["--total", "3000000", "--evidence", str(probes)]
    subprocess.run(synth, check=True, capture_output=True)
    command = [*outlast, "watch", str(stream), "--topology", WORLD]
    command += ["--evidence", str(probes), "--evidence", str(NOTICES), "--brief"]
    command += [
        "--speed",
        "3600",
        "--board",
        str(world.file),
        "--state",
        str(world.state_folder.root),
    ]
    with (folder / "watch.log").open("wb") as log:
        watching = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield
        finally:
            watching.send_signal(signal.SIGINT)
            watching.wait(30)


def test_october_2025_from_the_first_report_to_the_review(
    world: System, windows: Windows, tmp_path: Path
) -> None:
    """The cause by its name; the region emptied by two; the public told; the review taken along."""
    add_people(world)
    with logged_in(world, "ann") as ann, logged_in(world, "abe") as abe:
        began = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        board = windows.open(url(world)).page  # left open on the wall, never loaded anew
        with replayed(world, tmp_path):
            verdict = board.locator("#top h1")
            expect(verdict).to_contain_text("dynamodb.us-east-1", timeout=DAY_MS)
            cause = windows.open(url(world, "/detection")).page
            expect(cause.locator("main")).to_contain_text("dynamodb.us-east-1")
            expect(cause.locator("main")).to_contain_text("explains")

            acting = visit_as(windows, ann, "/act/incident-open").page
            fill(acting, {"Title": "A supplier's name is empty", "Impact": "major"})
            fill(acting, {"First words": "We move away from us-east.", "Began": began})
            preview(acting)
            acting.get_by_role("button", name="Open an incident").click()
            expect(acting.locator("h1")).to_contain_text("done")

            acting.goto(url(world, f"/act/evacuate?region={US}&steps=1&every=1s&preview=1"))
            expect(acting.locator("pre")).to_contain_text(f"shop without {US}", timeout=WAIT_MS)
            acting.get_by_label("Reason").fill("its supplier's name is empty")
            acting.get_by_role("button", name="Ask for a second person").click()
            number = re.findall(r"\d+", acting.url)[-1]
            second = visit_as(windows, abe, f"/requests/{number}", phone=True).page
            expect(second.locator("pre")).to_contain_text(f"shop without {US}", timeout=WAIT_MS)
            second.get_by_role("button", name="Agree, and do it now").click()
            expect(second.locator("h1")).to_contain_text("done", timeout=WAIT_MS)
            world.wait_for(EU, AP)
            proof = windows.open(url(world, "/evacuation")).page
            expect(proof.locator("main")).to_contain_text("safe to power off", timeout=WAIT_MS)

            expect(verdict).to_contain_text("ec2-dwfm", timeout=DAY_MS)
            expect(verdict).not_to_contain_text("dynamodb", timeout=DAY_MS)
        said = {"number": "1", "say": "All is well again.", "phase": "resolved", "confirmed": "1"}
        assert "done</h1>" in ann.act("incident-say", said, "")
    incident = windows.open(url(world, "/incidents/1"))
    for step in ("detected", "attributed", "acknowledged", "acted", "published", "recovered"):
        expect(incident.page.get_by_role("rowheader", name=step)).to_be_visible()
    assert incident.violations() == []
    with incident.page.expect_download() as taken:
        incident.page.get_by_role("link", name="Markdown").click()
    review = taken.value.path().read_text()
    assert "dynamodb.us-east-1" in review
    assert "measured, entry" in review
    assert "ann" not in re.findall(r"\w+", review.partition("## Timeline")[0])


def fill(page: Page, values: dict[str, str]) -> None:
    """Fill in a form by its labels."""
    for label, value in values.items():
        field = page.get_by_label(label, exact=False).first
        if field.evaluate("one => one.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
