"""`outlast audit`: what it says, in every form, and how it ends."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from outlast.app.audit.drawing import drawing
from outlast.app.cli import run
from outlast.app.commands.audit import audit
from outlast.audit.finding import Kind, Road, Step, Thing
from outlast.audit.rules import RULES

ROOT = Path(__file__).parents[2]
WORLD = ROOT / "examples" / "worlds" / "aws.yaml"
EXAMPLE = ROOT / "examples" / "three-regions.yaml"
BASE = Path(__file__).parent / "base.yaml"
DAY = "2025-10-20"

LONELY = """outlast: 1
regions: {eu: {}}
providers:
endpoints:
operations: {drills: [2025-10-01]}
services:
  shop: {essential: true, regions: [eu]}
"""


def call(*arguments: str | Path) -> int:
    """Run the command as the entry point does."""
    words = [str(one) for one in arguments]
    return run(lambda: audit.main([*words, "--today", DAY], standalone_mode=False))


@pytest.fixture
def lonely(tmp_path: Path) -> Path:
    """A file in which one service runs in one region."""
    path = tmp_path / "lonely.yaml"
    path.write_text(LONELY)
    return path


def test_the_world_of_october_says_where_all_roads_lead(capsys: pytest.CaptureFixture[str]) -> None:
    """Unprompted, first of all, and by which roads."""
    assert call(WORLD) == 1
    told = capsys.readouterr().out
    first = told.split("\n\n")[0]
    assert "all roads lead to us-east-1" in first.splitlines()[0]
    assert "road: sign-in -> identity-store -> us-east-1" in first
    assert "road: warehouse-elsewhere -> identity-store -> us-east-1" in first


def test_the_first_example_is_clean_for_reasons_written_down(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each finding is accepted in the file, and the reasons can be read."""
    assert call(EXAMPLE, "--reasons", "--fail-on", "note") == 0
    told = capsys.readouterr().out
    assert "0 errors, 0 warnings, 0 notes" in told
    assert len(re.findall(r"^  because: \S.*$", told, re.MULTILINE)) == told.count(": accepted: ")


def test_a_finding_shows_its_line(capsys: pytest.CaptureFixture[str], lonely: Path) -> None:
    """File, line, column, excerpt, caret, rule, remedy."""
    assert call(lonely, "--select", "DIV001") == 1
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0]
        == f"{lonely}:7:27: error: essential service `shop` runs in one region, `eu` [DIV001]"
    )
    assert lines[1] == "     7 |   shop: {essential: true, regions: [eu]}"
    assert lines[2] == "       | " + " " * 26 + "^"
    assert lines[3].startswith("  -> Run it in a second region")
    assert lines[-1].endswith("1 error, 0 warnings, 0 notes")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 1),
        (("--select", "DIV004"), 0),
        (("--ignore", "DIV"), 0),
        (("--select", "div001,CUT"), 1),
        (("--select", "XYZ"), 2),
        (("--explain", "XYZ001"), 2),
        (("--boot", "nowhere"), 2),
        (("--baseline", "missing.json"), 2),
    ],
)
def test_exit_codes_are_those_of_linters(
    lonely: Path, arguments: tuple[str, ...], code: int
) -> None:
    """0 clean, 1 found, 2 wrong use."""
    assert call(lonely, *arguments) == code


def test_notes_fail_only_when_asked(tmp_path: Path) -> None:
    """--fail-on note, warning, error."""
    path = tmp_path / "note.yaml"
    path.write_text(
        BASE.read_text().replace(
            "    ttl_s: 10\n    policy: {recovery_s: 60}",
            "    ttl_s: 31\n    policy: {recovery_s: 60}",
        )
    )
    assert call(path, "--select", "TTL003") == 0
    assert call(path, "--select", "TTL003", "--fail-on", "note") == 1


def test_a_file_that_cannot_be_used_ends_with_two(tmp_path: Path) -> None:
    """And a file that is not there."""
    path = tmp_path / "broken.yaml"
    path.write_text("outlast: 1\nregions: [")
    assert call(path) == 2
    assert call(tmp_path / "none.yaml") == 2
    assert call() == 2


def test_json_holds_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """Findings with roads and places, counts, the boot order."""
    assert call(WORLD, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    first = told["findings"][0]
    assert first["code"] == "CUT001"
    assert first["lost"] == [{"kind": "region", "name": "us-east-1"}]
    assert WORLD.read_text().splitlines()[first["line"] - 1].lstrip().startswith("us-east-1:")
    assert sum(told["counts"].values()) == len(told["findings"])
    assert len({one["digest"] for one in told["findings"]}) == len(told["findings"])
    assert told["boot"]["stuck"] == []


def test_sarif_names_rules_places_and_suppressions(capsys: pytest.CaptureFixture[str]) -> None:
    """As code review tools want it; accepted findings are marked, not hidden."""
    assert call(EXAMPLE, "--format", "sarif") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["version"] == "2.1.0"
    (only,) = told["runs"]
    rules = only["tool"]["driver"]["rules"]
    assert [one["id"] for one in rules] == [one.code for one in RULES]
    assert only["results"]
    for one in only["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        place = one["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == str(EXAMPLE)
        assert place["region"]["startLine"] >= 1
        assert one["level"] in {"error", "warning", "note"}
        assert one["suppressions"][0]["kind"] == "inSource"
        assert one["suppressions"][0]["justification"]


def test_junit_has_a_case_for_each_rule(capsys: pytest.CaptureFixture[str]) -> None:
    """Failed where it found something worse than a note."""
    call(WORLD, "--format", "junit")
    suite = ET.fromstring(capsys.readouterr().out)[0]
    assert len(suite) == int(suite.attrib["tests"]) == len(RULES)
    failed = {case.attrib["name"].split()[0] for case in suite if case.find("failure") is not None}
    assert len(failed) == int(suite.attrib["failures"])
    assert {"CUT001", "CIR001", "REC001", "AUT001"} <= failed
    assert not failed & {one.code for one in RULES if one.severity == "note"}


class Tags(HTMLParser):
    """Collects tags and what they load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        self.loaded += [str(value) for key, value in attrs if key in {"src", "xlink:href"}]
        self.loaded += [str(value) for key, value in attrs if tag == "link" and key == "href"]


def test_the_html_report_needs_no_other_file(tmp_path: Path) -> None:
    """Roads are drawn in it; it loads nothing and runs nothing."""
    path = tmp_path / "audit.html"
    assert call(WORLD, "--format", "html", "--output", path) == 1
    page = Tags()
    page.feed(path.read_text())
    assert page.loaded == []
    assert "script" not in page.tags
    assert page.tags.count("svg") >= 5
    assert "url(" not in path.read_text()
    assert "all roads lead to us-east-1" in path.read_text()


def test_a_drawing_escapes_names_and_keeps_boxes_apart() -> None:
    """Each box has a place of its own; a soft edge is dashed and says how."""
    end = Thing(Kind.REGION, "us-east-1")
    hub = Thing(Kind.SERVICE, "<hub>")
    tops = [Thing(Kind.SERVICE, name) for name in ("a", "b", "c&d")]
    found = drawing(
        [
            Road(tops[0], (Step(hub, "hard"), Step(end, "in"))),
            Road(tops[1], (Step(hub, "startup"), Step(end, "in"))),
            Road(tops[2], (Step(end, "in"),)),
        ],
        title="roads <here>",
    )
    picture = ET.fromstring(found)
    boxes = [one for one in picture.iter() if one.tag.endswith("rect")]
    places = {(one.attrib["x"], one.attrib["y"]) for one in boxes}
    assert len(boxes) == len(places) == 5
    texts = [one.text for one in picture.iter() if one.tag.endswith("text")]
    assert {"<hub>", "c&d", "startup"} <= set(texts)
    assert found.count('class="edge soft"') == 1
    assert found.count('class="edge"') == 3


def test_rules_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """As text, as JSON, and one by one."""
    assert call("--list-rules", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in listed] == [one.code for one in RULES]
    assert all(one["incidents"][0]["source"].startswith("https://") for one in listed)
    assert call("--list-rules") == 0
    assert len(capsys.readouterr().out.splitlines()) == len(RULES)
    assert call("--explain", "div012") == 0
    assert capsys.readouterr().out.startswith("DIV012 (error): all name servers")


def test_the_rulebook_in_the_documents_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    """Written by `outlast audit --list-rules --markdown`."""
    assert call("--list-rules", "--markdown") == 0
    told = capsys.readouterr().out.rstrip("\n")
    assert (ROOT / "docs" / "audit-rules.md").read_text().rstrip("\n") == told


def test_the_order_of_a_cold_start_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Of everything, or of one region."""
    assert call(WORLD, "--boot", "all") == 0
    told = capsys.readouterr().out
    assert told.index("dynamodb") < told.index("organizations")
    assert call(WORLD, "--boot", "elsewhere") == 0
    assert "code-host" in capsys.readouterr().out


def test_a_world_that_ships_leads_to_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    """Unprompted: all roads lead to us-east-1, by which, and the drill that shows it."""
    assert call("aws", "--fail-on", "error") == 1
    out = capsys.readouterr().out
    assert re.search(r"aws:\d+:3: error: all roads lead to us-east-1: 14 of 17 essential", out)
    assert "road: change-permissions -> iam-control -> us-east-1" in out
    assert "see it: outlast drill aws --lose region:us-east-1" in out
    assert call("aws", "--fix") == 2
    assert "ships with Outlast" in capsys.readouterr().err
    assert call("no-such-world") == 2
