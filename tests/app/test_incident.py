"""`outlast incident` and `outlast page`: from the first word to the public to the review."""

import json
from pathlib import Path

import pytest
from tests.support.system import Done, System, invoke, until

pytestmark = pytest.mark.slow


def command(world: System, *arguments: str) -> Done:
    """Run a command of the group on the topology."""
    verb, *rest = arguments
    return invoke("incident", verb, str(world.file), *rest)


def page(world: System, folder: Path) -> str:
    """Write the page once; return its HTML."""
    done = world.outlast("page", "--to", str(folder), "--once", "--name", "Shop")
    assert done.code == 0, done.out + done.err
    return (folder / "index.html").read_text()


def test_from_the_first_word_to_the_review(running: System, tmp_path: Path) -> None:
    """Each step stands on the page and in the trail; the review names the entries."""
    public = tmp_path / "public"
    assert "All names answer" in page(running, public)

    opened = command(
        running, "open", "Paying fails", "--impact", "major", "--about", "shop", "--say", "We look."
    )
    assert opened.out.startswith("incident 1 is open"), opened.err
    running.outlast("freeze", "shop", "--reason", "look first")
    said = command(running, "say", "1", "It is DNS.", "--phase", "identified")
    assert "incident 1: identified, 2 updates" in said.out, said.err
    command(running, "say", "1", "between us", "--private")
    text = page(running, public)
    assert "It is DNS." in text
    assert "between us" not in text
    command(running, "say", "1", "All answer.", "--phase", "resolved", "--confirmed")
    summary = json.loads((public / "api/v2/incidents.json").read_text())
    assert summary["incidents"][0]["status"] == "identified", "as of the last writing"

    listed = command(running, "list", "--json")
    assert json.loads(listed.out)[0]["updates"][-1]["phase"] == "resolved"
    review = tmp_path / "review.md"

    def reviewed() -> bool:
        command(running, "review", "1", "--output", str(review))
        return (
            review.exists()
            and "All answer." in review.read_text()
            and "| acted |" in review.read_text()  # the trail follows within a second or two
        )

    until(reviewed, "the review")
    assert "entry" in review.read_text()
    assert "frozen: look first" in review.read_text()
    html = tmp_path / "review.html"
    assert command(running, "review", "1", "--output", str(html)).code == 0
    assert "<table>" in html.read_text()
    odd = command(running, "review", "1", "--output", str(tmp_path / "review.pdf"))
    assert (odd.code, (tmp_path / "review.pdf").exists()) == (2, False)
    assert "neither a .md nor a .html file" in odd.err


def test_an_empty_name_is_a_major_outage(still: System, tmp_path: Path) -> None:
    """By what the DNS answers, whether or not anything else of us runs."""
    server = still.up("--role", "nameserver", ready="started")
    assert still.outlast("apply", "--yes").code == 0
    assert "All names answer" in page(still, tmp_path)
    still.wipe()
    text = page(still, tmp_path)
    assert "Some names do not answer" in text
    assert 'www.shop.test</th><td class="major_outage"' in text
    server.kill()
    assert "is being looked at" in page(still, tmp_path), "whom we cannot ask may answer others"


def test_wrong_use_is_told(still: System, tmp_path: Path) -> None:
    """With what to do instead; nothing is written."""
    assert command(still, "say", "7", "x").code == 2
    done = command(still, "open", "two\nlines", "--say", "x")
    assert done.code == 2
    assert "is no line of text" in done.err
    done = command(still, "open", "t", "--say", "x", "--began", "yesterday")
    assert "'yesterday' is no time" in done.err
    (tmp_path / "file").write_text("")
    done = still.outlast("page", "--to", str(tmp_path / "file" / "x"), "--once")
    assert done.code == 2
    assert "cannot be written" in done.err
    assert invoke("incident", "--help").code == 0
