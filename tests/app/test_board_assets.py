"""The board's assets: what others wrote is what they published, and nothing asks another host."""

import json
import re
from hashlib import sha256
from importlib.resources import files

import pytest

from outlast.app.board import assets

STATIC = files("outlast.app.board").joinpath("static")
VENDORED = json.loads(STATIC.joinpath("vendor.json").read_text())
OURS = {"board.css", "board.js", "charts.js"}


@pytest.mark.parametrize("one", VENDORED, ids=lambda one: str(one["file"]))
def test_what_others_wrote_is_as_they_published_it(one: dict[str, str]) -> None:
    """By its hash, with where it came from, and with its licence beside it."""
    assert sha256(STATIC.joinpath(one["file"]).read_bytes()).hexdigest() == one["sha256"]
    assert re.match(r"npm [\w.-]+ \d+\.\d+\.\d+, ", one["package"])
    licence = STATIC.joinpath(one["licence_file"]).read_text()
    assert one["licence"] in {"0BSD", "MIT"}
    assert "Permission to use" in licence or "Permission is hereby granted" in licence


def test_everything_that_is_served_is_ours_or_in_the_manifest() -> None:
    """A file that somebody dropped here would be served as well."""
    known = OURS | {one["file"] for one in VENDORED} | {assets.WORLD}
    assert set(assets.names()) == known


@pytest.mark.parametrize("name", assets.names())
def test_no_asset_asks_another_host(name: str) -> None:
    """The only addresses in them are a name space and a home page in a comment."""
    found = assets.find(name)
    assert found is not None
    addresses = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", found.raw.decode()))
    assert addresses <= {"http://www.w3.org", "https://github.com"}


def test_templates_name_no_host_at_all() -> None:
    """Pages lead nowhere but here."""
    folder = files("outlast.app.board").joinpath("templates")
    for one in folder.iterdir():
        if one.name.endswith(".html"):
            assert "//" not in re.sub(r"{#.*?#}", "", one.read_text()), one.name


def test_an_asset_is_asked_for_by_its_content() -> None:
    """So that a browser may keep it for ever."""
    found = assets.find("board.css")
    assert found is not None
    assert assets.url("board.css") == f"/assets/board.css?v={sha256(found.raw).hexdigest()[:12]}"
    assert assets.packed(found.raw) == found.packed == assets.packed(found.raw)
    assert assets.find("../desk.py") is None
