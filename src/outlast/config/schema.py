"""The schema: what may stand in a topology file, as JSON Schema 2020-12, so that editors complete it.

A schema knows one value at a time. What must hold between values is told by `outlast config check`.
"""

from typing import Any, assert_never

from outlast.config.fields import (
    Choice,
    Field,
    Flag,
    Kind,
    Listing,
    Named,
    Part,
    Real,
    Shares,
    Table,
    Text,
    Whole,
    default_text,
)
from outlast.config.tables import TOPOLOGY
from outlast.config.texts import WORD_PATTERN

Json = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> Json:
    """Return the JSON Schema of a topology file."""
    definitions: Json = {}
    root = _table(TOPOLOGY, definitions)
    return {
        "$schema": DIALECT,
        "title": "Outlast topology",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _table(table: Table, definitions: Json) -> Json:
    required = [one.key for one in table.fields if one.required]
    return {
        "type": "object",
        "description": table.meaning,
        "properties": {one.key: _field(table, one, definitions) for one in table.fields},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _field(table: Table, field: Field, definitions: Json) -> Json:
    return {**_kind(field.kind, definitions), "description": describe(table, field)}


def describe(table: Table, field: Field) -> str:
    """Return a field's meaning, unit, default, and what too small and too large values do."""
    text = field.meaning
    if field.unit and field.unit != "s":
        text += f" Unit: {field.unit}."
    default = default_text(table, field)
    if default:
        text += f" Default: {default}."
    if field.too_small:
        text += f" Too small: {field.too_small}"
    if field.too_large:
        text += f" Too large: {field.too_large}"
    return text


def _kind(kind: Kind, definitions: Json) -> Json:
    match kind:
        case Text():
            return {"type": "string", **({"pattern": kind.pattern} if kind.pattern else {})}
        case Choice():
            return {"type": "string", "enum": list(kind.options)}
        case Whole():
            return {"type": "integer", "minimum": kind.low, "maximum": kind.high}
        case Real():
            low = "exclusiveMinimum" if kind.open else "minimum"
            return {"type": "number", low: kind.low, "maximum": kind.high}
        case Flag():
            return {"type": "boolean"}
        case Listing() | Part() | Named() | Shares():
            return _compound(kind, definitions)
    assert_never(kind)


def _compound(kind: Listing | Part | Named | Shares, definitions: Json) -> Json:
    match kind:
        case Listing():
            item = _kind(kind.item, definitions)
            least = {"minItems": kind.least} if kind.least else {}
            several = {"type": ["array", "null"], "items": item, **least}
            return {"anyOf": [several, item]} if kind.lone else several
        case Part():
            whole = _reference(kind.table, definitions)
            if not kind.short:
                return whole
            return {"anyOf": [_kind(kind.table.field(kind.short).kind, definitions), whole]}
        case Named():
            return {
                "type": ["object", "null"],
                "propertyNames": {"pattern": WORD_PATTERN},
                "additionalProperties": _reference(kind.table, definitions),
            }
        case Shares():
            return {
                "type": ["object", "null"],
                "propertyNames": {"pattern": kind.key.pattern},
                "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1},
            }
    assert_never(kind)


def _reference(table: Table, definitions: Json) -> Json:
    if table.name not in definitions:
        definitions[table.name] = {}  # stands there already should a table hold itself one day
        definitions[table.name] = _table(table, definitions)
    target = {"$ref": f"#/$defs/{table.name}"}
    if any(one.required for one in table.fields):
        return target
    return {"anyOf": [target, {"type": "null"}]}
