"""The documents say what is: tables equal the code, links resolve, generated pages are current."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.system import invoke

from outlast.app.cli import COMMANDS
from outlast.app.reference import reference
from outlast.drivers.telemetry import Metrics

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(path: Path) -> str:
    """A document without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as they are made where it is shown."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE):
        kept = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(kept.strip().replace(" ", "-"))
    return found


def broken_links() -> Iterator[str]:
    """Links that lead nowhere."""
    for path in DOCUMENTS:
        for link in LINK.findall(prose(path)):
            if link.startswith(("http://", "https://", "mailto:")):
                continue
            target, _, anchor = link.partition("#")
            there = (path.parent / target).resolve() if target else path
            if not there.exists():
                yield f"{path.relative_to(ROOT)}: {link}"
            elif anchor and there.suffix == ".md" and anchor not in anchors(there):
                yield f"{path.relative_to(ROOT)}: {link}: no such heading"


def test_links_between_documents_resolve() -> None:
    assert list(broken_links()) == []


def test_the_command_line_reference_is_current() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    assert page == reference(), "run: python -m outlast.app.reference > docs/cli.md"


def test_the_reference_has_every_command() -> None:
    page = reference()
    for name in COMMANDS:
        assert f"\n## outlast {name}\n" in page, name


def test_the_metrics_table_is_what_is_measured() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    told = set(re.findall(r"^\| `(outlast_\w+)` \| (\w+) \| (.*) \|$", page, re.MULTILINE))
    real = {
        (
            f"{one.name}_total" if one.type == "counter" else one.name,
            str(one.type),
            one.documentation,
        )
        for one in Metrics().registry.collect()
    }
    assert told == real


def test_the_names_of_metrics_follow_the_rule() -> None:
    for one in Metrics().registry.collect():
        assert re.fullmatch(r"outlast_[a-z_]+", one.name)
        if one.type == "histogram":
            assert one.name.endswith("_seconds")


def test_the_limits_table_is_what_the_code_holds() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| [^|]+ \| ([\d.]+) \| `([\w.]+)` \|$", page, re.MULTILINE)
    assert len(rows) > 10
    for value, name in rows:
        module, _, constant = name.rpartition(".")
        assert getattr(importlib.import_module(module), constant) == float(value), name


def test_every_decision_is_in_the_index_and_says_why_and_at_what_cost() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    pages = sorted(set(folder.glob("*.md")) - {folder / "README.md"})
    assert pages
    for page in pages:
        text = page.read_text()
        title = text.splitlines()[0].split(". ", 1)[1]
        assert f"[{page.name[:2]}]({page.name}) | {title} |" in index, page.name
        for part in ("**Decided.**", "**Why.**", "**Costs.**"):
            assert part in text, (page.name, part)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


def test_the_files_named_in_the_architecture_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    for name in re.findall(r"`((?:core|model|drivers|sim|tests|app)/[\w/]+\.py)`", text):
        inside = ROOT if name.startswith("tests/") else ROOT / "src" / "outlast"
        assert (inside / name).exists(), name


@pytest.mark.parametrize("name", ["outlast.service", "Containerfile"])
def test_the_service_and_the_container_use_options_that_exist(name: str) -> None:
    text = (ROOT / "ops" / name).read_text()
    lines = [one for one in text.splitlines() if "outlast" in one or "CMD" in one]
    used = {one for line in lines for one in re.findall(r"--(?:state|json-logs|role|http)\b", line)}
    known = invoke("up", "--help").out
    assert "--json-logs" in used
    for option in used:
        assert option in known, option


def test_the_examples_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for path in sorted((ROOT / "examples").glob("*.yaml")):
        done = invoke("config", "check", str(path))
        assert done.code == 0, done.err
