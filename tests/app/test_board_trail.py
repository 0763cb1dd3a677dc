"""The board's page of the audit trail: the newest entries, by the files that anybody sees."""

from pathlib import Path

import pytest
from tests.trail.test_verify import KEY, LOG, OTHER, SIZE, published

from outlast.app.board.frame import Frame, render
from outlast.app.board.trailpage import SHOWN, TrailSight, look_at_trail, published_checkpoint
from outlast.model.units import Nanos
from outlast.trail.entry import pack
from outlast.trail.note import open_checkpoint
from outlast.trail.tiles import CHECKPOINT, entries_path


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Publish files in a folder."""
    for path, raw in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(raw)


def trail(found: TrailSight) -> str:
    """The page."""
    return render("trail.html", Frame(at_ns=Nanos(0)), found=found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A published log of more than one bundle."""
    write(tmp_path, published(LOG))
    return tmp_path


def test_the_newest_entries_come_first_with_their_index(folder: Path) -> None:
    """Across bundles, and each as it was logged."""
    found = look_at_trail(folder, KEY)
    assert [index for index, _ in found.entries] == [*range(SIZE - 1, SIZE - 1 - SHOWN, -1)]
    assert all(pack(entry) == LOG[index] for index, entry in found.entries)
    assert open_checkpoint(found.checkpoint, KEY).size == found.size == SIZE
    assert found.checkpoint == published_checkpoint(folder)


def test_older_entries_are_reached_page_by_page(folder: Path) -> None:
    """Every entry stands on exactly one page."""
    seen, found = [], look_at_trail(folder, KEY)
    while found.entries:
        seen += [index for index, _ in found.entries]
        if not found.earlier:
            break
        found = look_at_trail(folder, KEY, before=found.earlier)
    assert seen == [*range(SIZE - 1, -1, -1)]
    assert look_at_trail(folder, KEY, before=10**18).entries[0][0] == SIZE - 1


def test_a_checkpoint_that_our_key_has_not_signed_shows_nothing(folder: Path) -> None:
    """But says why."""
    write(folder, {CHECKPOINT: published(LOG, OTHER)[CHECKPOINT]})
    found = look_at_trail(folder, KEY)
    assert (found.entries, found.checkpoint) == ((), "")
    assert "not signed by" in found.why


def test_a_missing_bundle_and_a_missing_log_are_said(folder: Path, tmp_path: Path) -> None:
    """Neither is an error of the board."""
    (folder / entries_path(SIZE // 256, SIZE % 256)).unlink()
    assert "is missing" in look_at_trail(folder, KEY).why
    nowhere = tmp_path / "nowhere"
    assert "Nothing is published yet" in look_at_trail(nowhere, KEY).why
    assert published_checkpoint(nowhere) == ""


def test_the_page_tells_how_to_verify_and_that_it_does_not(folder: Path) -> None:
    """With key and folder, ready to be copied."""
    page = trail(look_at_trail(folder, KEY))
    assert "does not prove them" in page.replace("shows entries and ", "")
    assert str(folder) in page
    assert str(KEY).replace("+", "&#43;") in page or str(KEY) in page
    assert f"Audit trail: {SIZE} entries" in page
    assert "none" in trail(TrailSight(key="k", folder="f", why="Not yet."))
