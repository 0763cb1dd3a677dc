"""Explaining: every field with its meaning, unit, range, default and consequences, for a terminal."""

from collections.abc import Iterator
from dataclasses import dataclass

from outlast.config.fields import Field, Kind, Listing, Named, Part, Table, default_text, range_text
from outlast.config.finding import did_you_mean
from outlast.config.tables import TOPOLOGY
from outlast.model.errors import ConfigError

ANY = "NAME"


class NoSuchField(ConfigError):
    """No field of this name can stand in a topology."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One field.

    Attributes:
        path: such as `endpoints.NAME.ttl_s`; `NAME` is the author's choice, `[]` an item of a list.
        values: what may stand there.
    """

    path: str
    values: str
    unit: str
    default: str
    required: bool
    meaning: str
    too_small: str
    too_large: str

    def __str__(self) -> str:
        state = (
            "required"
            if self.required
            else f"default {self.default}"
            if self.default
            else "optional"
        )
        unit = f" ({self.unit})" if self.unit else ""
        lines = [f"{self.path}{unit}: {self.values}; {state}", f"    {self.meaning}"]
        if self.too_small:
            lines.append(f"    too small: {self.too_small}")
        if self.too_large:
            lines.append(f"    too large: {self.too_large}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, str | bool]:
        """Return the row as a JSON object, for `--json`."""
        return {key: getattr(self, key) for key in self.__dataclass_fields__}


def explain(path: str | None = None) -> tuple[Row, ...]:
    """Explain a field and all below it; None: every field.

    Args:
        path: as in a fault (`endpoints.shop.targets.eu-1.weight`), as in a row
            (`endpoints.NAME.ttl_s`), or just the end of one (`ttl_s`, `policy.order`).

    Raises:
        NoSuchField: there is none; the remedy names the nearest.
    """
    rows = tuple(_rows(TOPOLOGY, ""))
    if path is None:
        return rows
    wanted = _general(path)
    found = [row for row in rows if (row.path + ".").startswith((wanted + ".", wanted + "[]"))]
    if not found:
        found = [row for row in rows if ("." + row.path).endswith("." + wanted)]
    if not found:
        keys = sorted({row.path.rpartition(".")[2] for row in rows})
        remedy = did_you_mean(path.rpartition(".")[2], keys, "field")
        raise NoSuchField(f"no field `{path}` can stand in a topology", remedy=remedy)
    return tuple(found)


def _rows(table: Table, base: str) -> Iterator[Row]:
    for field in table.fields:
        path = f"{base}.{field.key}" if base else field.key
        yield _row(table, field, path)
        inner, below = _below(field.kind, path)
        if inner is not None:
            yield from _rows(inner, below)


def _row(table: Table, field: Field, path: str) -> Row:
    return Row(
        path=path,
        values=range_text(field.kind),
        unit=field.unit,
        default=default_text(table, field),
        required=field.required,
        meaning=field.meaning,
        too_small=field.too_small,
        too_large=field.too_large,
    )


def _below(kind: Kind, path: str) -> tuple[Table | None, str]:
    match kind:
        case Part():
            return kind.table, path
        case Named():
            return kind.table, f"{path}.{ANY}"
        case Listing(item=Part() as part):
            return part.table, f"{path}[]"
    return None, path


def _general(path: str) -> str:
    """Turn the path of one file's field into that of a row, by walking the tables."""
    table: Table | None = TOPOLOGY
    done: list[str] = []
    named = False
    for part in path.split("."):
        key, bracket, _ = part.partition("[")
        if named:
            done.append(ANY)
            named = False
            continue
        field = next((one for one in table.fields if one.key == key), None) if table else None
        if field is None:
            return path
        done.append(key + ("[]" if bracket and isinstance(field.kind, Listing) else ""))
        table, _ = _below(field.kind, "")
        named = isinstance(field.kind, Named)
    return ".".join(done)
