"""What is accepted: in the file with a reason, or in a baseline; and what is repaired."""

import json
from pathlib import Path

import pytest

from outlast.app.cli import run
from outlast.app.commands.audit import audit

HEAD = "outlast: 1\nregions: {eu: {}}\nproviders:\nendpoints:\noperations: {drills: [2025-10-01]}\n"
SHOP = "services:\n  shop: {essential: true, regions: [eu]}"


def found(path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Return the codes that count."""
    words = [str(path), "--json", "--today", "2025-10-20", *arguments]
    run(lambda: audit.main(words, standalone_mode=False))
    told = json.loads(capsys.readouterr().out)
    return [one["code"] for one in told["findings"] if not one["accepted"] and not one["known"]]


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (f"{HEAD}{SHOP}", ["DIV001"]),
        (f"{HEAD}{SHOP} # audit: ignore DIV001 -- agreed in March", []),
        (f"{HEAD}{SHOP} # audit: ignore DIV001", ["DIV001", "SUP001"]),
        (f"{HEAD}{SHOP} # audit: ignore DIV001 --  ", ["DIV001", "SUP001"]),
        (f"{HEAD}{SHOP} # audit: ignore -- all of it", ["DIV001", "SUP001"]),
        (f"{HEAD}{SHOP} # audit: ignore DIV001, DIV002 -- agreed", ["SUP003"]),
        (f"{HEAD}{SHOP} # audit: ignore DIV01 -- agreed", ["DIV001", "SUP002"]),
        (f"# audit: ignore-file DIV001 -- a test\n{HEAD}{SHOP}", []),
        (f"# audit: ignore DIV001 -- too far away\n{HEAD}{SHOP}", ["DIV001", "SUP003"]),
        (HEAD + SHOP.replace("\n", "\n  # audit: ignore DIV001 -- above\n  # more\n"), []),
        (
            HEAD + SHOP.replace("\n", "\n  # audit: ignore DIV001 -- above\n\n"),
            ["DIV001", "SUP003"],
        ),
        (
            HEAD + SHOP.replace("services:", "services: # audit: ignore DIV001 -- beside"),
            ["DIV001", "SUP003"],
        ),
    ],
)
def test_a_suppression_needs_its_line_its_codes_and_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, codes: list[str]
) -> None:
    """In the line or right above it, or for the whole file; one that nothing needs is told of."""
    assert sorted(found(written(tmp_path / "a.yaml", text + "\n"), capsys)) == sorted(codes)


def test_a_suppression_of_a_rule_that_was_not_run_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether it is needed was not asked."""
    path = written(tmp_path / "a.yaml", f"{HEAD}{SHOP} # audit: ignore DIV001 -- agreed\n")
    assert found(path, capsys, "--select", "SUP,CUT") == []


def test_a_baseline_hides_what_is_old_wherever_it_moves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing that is new."""
    path = written(tmp_path / "a.yaml", f"{HEAD}{SHOP}\n")
    known = tmp_path / "known.json"
    words = [str(path), "--write-baseline", str(known), "--today", "2025-10-20"]
    assert run(lambda: audit.main(words, standalone_mode=False)) == 0
    capsys.readouterr()
    written(path, f"# moved\n\n{HEAD}{SHOP}\n")
    assert found(path, capsys, "--baseline", str(known)) == []
    written(path, f"{HEAD}{SHOP}\n  more: {{essential: true, regions: [eu]}}\n")
    assert found(path, capsys, "--baseline", str(known)) == ["CUT001", "DIV001"]
    written(path, HEAD)
    words = [str(path), "--baseline", str(known), "--today", "2025-10-20"]
    assert run(lambda: audit.main(words, standalone_mode=False)) == 0
    assert "1 of the baseline gone" in capsys.readouterr().out


FIXABLE = """# Comments stay.
outlast: 1
regions: {eu: {}, us: {}}
providers:
  one: {kind: embedded, server: 127.0.0.1:53, zones: [shop.test], negative_ttl_s: 50}  # long
vantages: {a: {}, b: {}}
endpoints:
  shop:            # the shop
    names: www.shop.test
    ttl_s: 42      # too long
    budget: {removed_ratio: 1, window_s: 60}
    targets:
      eu: {region: eu, ipv4: 192.0.2.1}
      us: {region: us, ipv4: 192.0.2.2}
services:
  a: {needs: [{service: b, call: {timeout_s: 1, attempts: 3, jitter: true}}]}
  b:
"""


def test_fixing_changes_values_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """TTLs and budgets; comments, order and style stay; a second run has nothing to do."""
    path = written(tmp_path / "a.yaml", FIXABLE)
    words = [str(path), "--fix", "--select", "TTL,AUT002,AUT003,AMP004", "--today", "2025-10-20"]
    assert run(lambda: audit.main(words, standalone_mode=False)) == 0
    once = path.read_text()
    told = capsys.readouterr().err
    assert {line.rpartition("[")[2] for line in told.splitlines()} >= {
        "TTL001]",
        "TTL003]",
        "AUT002]",
    }
    assert run(lambda: audit.main(words, standalone_mode=False)) == 0
    assert path.read_text() == once
    expected = FIXABLE.replace("    ttl_s: 42 ", "    ttl_s: 30 ").replace(
        "removed_ratio: 1,", "removed_ratio: 0.5,"
    )
    expected = expected.replace("window_s: 60", "window_s: 3600")
    expected = expected.replace("call: {timeout_s", "call: {budget_ratio: 0.1, timeout_s")
    assert once == expected.replace("negative_ttl_s: 50}", "negative_ttl_s: 30}")


def test_a_value_that_is_shared_by_an_anchor_is_not_fixed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would change an endpoint that nothing was said of."""
    text = FIXABLE.replace(
        "budget: {removed_ratio: 1, window_s: 60}", "budget: &all {removed_ratio: 1}"
    )
    shop = text[text.index("  shop:") : text.index("services:")]
    other = (
        shop.replace("shop:", "more:")
        .replace("www.", "more.")
        .replace("&all {removed_ratio: 1}", "*all")
    )
    text = text.replace("services:", other + "services:")
    path = written(tmp_path / "a.yaml", text)
    words = [str(path), "--fix", "--select", "AUT002", "--today", "2025-10-20"]
    assert run(lambda: audit.main(words, standalone_mode=False)) == 1
    assert "shared with others by an anchor" in capsys.readouterr().err
    assert path.read_text() == text


def test_a_default_is_overruled_where_it_hurts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The default itself may be right for others."""
    text = FIXABLE.replace("    ttl_s: 42      # too long\n", "").replace(
        "endpoints:\n", "defaults: {ttl_s: 40}\nendpoints:\n"
    )
    path = written(tmp_path / "a.yaml", text)
    words = [str(path), "--fix", "--select", "TTL003", "--today", "2025-10-20"]
    assert run(lambda: audit.main(words, standalone_mode=False)) == 0
    capsys.readouterr()
    assert "defaults: {ttl_s: 40}" in path.read_text()
    assert "  shop:            # the shop\n    ttl_s: 30\n    names:" in path.read_text()
