"""What is said of the format: schema, explanation, reference, examples. All from one table."""

import dataclasses
import json
import typing
from pathlib import Path

import jsonschema
import pytest
import yaml
from tests.config.golden import base, changed, read_cases

from outlast.config import load, parse
from outlast.config.explain import NoSuchField, explain
from outlast.config.fields import Listing, Named, Part, Real, Table, Whole, default_of
from outlast.config.reference import BEGIN, END, main, reference, renewed
from outlast.config.schema import json_schema
from outlast.config.tables import TOPOLOGY

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
EXPECTED_WARNINGS = {
    "three-regions.yaml": ["single-vantage"],
    "bind.yaml": ["single-vantage"],
    "dual-stack.yaml": [],
}


def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schema())


def tables() -> list[Table]:
    """Return every table, each once."""
    found: dict[str, Table] = {}
    waiting = [TOPOLOGY]
    while waiting:
        table = waiting.pop()
        if table.name in found:
            continue
        found[table.name] = table
        for field in table.fields:
            kind = field.kind.item if isinstance(field.kind, Listing) else field.kind
            if isinstance(kind, Part | Named):
                waiting.append(kind.table)
    return list(found.values())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_have_only_the_warnings_we_know(path: Path) -> None:
    """An example is what people copy."""
    assert [one.rule for one in load(path).warnings] == EXPECTED_WARNINGS[path.name]


def test_every_expected_example_is_there() -> None:
    """None was renamed away."""
    assert {path.name for path in EXAMPLES} >= set(EXPECTED_WARNINGS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_schema_takes_the_examples(path: Path) -> None:
    """Editors do not underline what is right."""
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert [error.message for error in validator().iter_errors(value)] == []


def test_the_schema_is_one() -> None:
    """It is valid by its own dialect, and it is JSON."""
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json.loads(json.dumps(json_schema())) == json_schema()


@pytest.mark.slow
def test_the_schema_refuses_what_a_single_value_shows() -> None:
    """Unknown keys and values of the wrong kind are underlined while typing."""
    refused = {
        case.title
        for case in read_cases()
        if any(f"[{rule}]" in case.expected for rule in ("unknown-key", "missing", "inline-secret"))
        and "this is no YAML" not in case.expected
    }
    assert len(refused) > 8
    for case in read_cases():
        if case.title not in refused:
            continue
        value = yaml.safe_load(changed(base(), case.change))
        contextual = (
            "provider, and several",
            "tcp check",
            "a required field is missing",
            "a project that nobody names",
            "Lua without a way to lay it",
        )
        needs_context = any(one in case.title for one in contextual)
        assert (not list(validator().iter_errors(value))) == needs_context, case.title


def test_every_field_of_the_model_is_in_its_table() -> None:
    """A field that is added to the model cannot be forgotten here, and none is invented."""
    for table in tables():
        if table.model is None or table.name == "defaults":
            continue
        of_model = {one.name for one in dataclasses.fields(table.model)}
        of_table = {one.key for one in table.fields}
        keyed = set() if "name" in of_table else {"name"}
        laid_over = {"check"} if table.name == "endpoint" else set()
        assert of_table == (of_model - keyed) | laid_over, table.name


def test_every_default_is_in_its_range() -> None:
    """What nobody writes would be accepted if somebody did."""
    for table in tables():
        for field in table.fields:
            default = default_of(table, field)
            if isinstance(field.kind, Whole | Real) and default is not None:
                assert field.kind.low <= default <= field.kind.high, field.key


def test_every_field_says_its_meaning_and_its_unit() -> None:
    """Keys with a unit say it, and no meaning is missing."""
    for table in tables():
        for field in table.fields:
            assert field.meaning.endswith("."), (table.name, field.key)
            assert (field.unit == "s") == field.key.endswith("_s"), (table.name, field.key)


def test_explain_finds_a_field_by_any_of_its_names() -> None:
    """The path of a fault, of a row, and the end of one all lead to the field."""
    weight = explain("endpoints.shop.targets.eu-1.weight")
    assert [row.path for row in weight] == ["endpoints.NAME.targets.NAME.weight"]
    assert explain("endpoints.NAME.targets.NAME.weight") == weight
    assert explain("weight") == weight
    assert explain("endpoints.shop.names[1].families")[0].path == "endpoints.NAME.names[].families"
    assert {row.path for row in explain("policy.order")} == {
        "defaults.policy.order",
        "endpoints.NAME.policy.order",
    }
    assert str(weight[0]) == (
        "endpoints.NAME.targets.NAME.weight: 0 to 65535; default 1\n"
        "    Share of the answers relative to the others. 0: a standby, published only when nothing "
        "else is left."
    )


def test_explain_gives_all_below_a_field_and_all_without_one() -> None:
    """`explain settings` is a chapter, `explain` the book."""
    assert [row.path for row in explain("settings")][:2] == ["settings", "settings.enactors"]
    assert len(explain("settings")) == 1 + len(
        typing.cast("Part", TOPOLOGY.field("settings").kind).table.fields
    )
    assert len(explain()) > 100
    assert json.dumps([row.as_json() for row in explain()])


def test_explain_of_an_unknown_field_names_the_nearest() -> None:
    """As in a fault."""
    with pytest.raises(NoSuchField) as caught:
        explain("endpoints.shop.tll_s")
    assert caught.value.remedy == "did you mean `ttl_s`?"


def test_the_page_holds_the_present_table() -> None:
    """`python -m outlast.config.reference` was run after the last change of a table."""
    page = (ROOT / "docs" / "topology.md").read_text(encoding="utf-8")
    assert page == renewed(page)
    assert reference() in page


def test_the_reference_writes_between_its_markers_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What people wrote around the table stays; without the markers nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main() == 2
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "topology.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    assert main() == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "| `ttl_s` |" in text
    assert "old" not in text.split("\n")
    with pytest.raises(ValueError, match="needs the lines"):
        renewed("nothing here")


def test_yaml_blocks_of_the_page_are_topologies() -> None:
    """Each block of `docs/topology.md` that begins with the version is read and has no fault."""
    page = (ROOT / "docs" / "topology.md").read_text(encoding="utf-8")
    blocks = [part.split("```", 1)[0] for part in page.split("```yaml\n")[1:]]
    whole = [block for block in blocks if block.startswith("outlast: 1")]
    assert whole
    for block in whole:
        assert [one.rule for one in parse(block, "docs").warnings] == []
