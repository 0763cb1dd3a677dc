"""Scalars: numbers and flags as people mean them, without YAML 1.1's guesses.

PyYAML reads `1:30` as ninety, `010` as eight, `1_000` as a thousand and `no` as false. YAML 1.2 readers
read none of them so, and editors follow 1.2. What two readers would read differently is refused.
"""

import re

from outlast.config.faults import shorten
from outlast.config.nodes import Scalar

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_REAL = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\Z")
_WITH_UNIT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|sec|m|min|h|d|%)\Z")
_FACTORS = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "%": 0.01}
_EMPTY = {"", "~", "null", "Null", "NULL"}
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_OLD_FLAGS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_DIGITS_MAX = 20
"""More digits than any limit in the tables has; Python refuses to convert some thousands."""


class Wrong(Exception):
    """A scalar that is not what the field wants: the reason, and the remedy."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def is_empty(node: Scalar) -> bool:
    """Whether nothing is written, or `null`."""
    return node.plain and node.text in _EMPTY


def read_whole(node: Scalar) -> int:
    """Return a whole number.

    Raises:
        Wrong: it is none.
    """
    if node.plain and _WHOLE.match(node.text):
        return int(node.text[: _DIGITS_MAX + 1])
    raise _no_number(node, "whole number", "5")


def read_real(node: Scalar) -> float:
    """Return a number.

    Raises:
        Wrong: it is none.
    """
    if node.plain and _REAL.match(node.text):
        return float(node.text)
    raise _no_number(node, "number", "0.5")


def read_flag(node: Scalar) -> bool:
    """Return a flag.

    Raises:
        Wrong: it is none; `yes`, `no`, `on`, `off` are flags in YAML 1.1 and texts in YAML 1.2.
    """
    if node.plain and node.text in _FLAGS:
        return _FLAGS[node.text]
    meant = _OLD_FLAGS.get(node.text.lower())
    if meant and node.plain:
        raise Wrong("YAML versions disagree whether this is a flag or a text", f"write `{meant}`")
    if node.text in _FLAGS:
        raise Wrong("in quotes it is a text", f"write `{node.text.lower()}` without quotes")
    raise Wrong("it is neither `true` nor `false`", "write `true` or `false`")


def _no_number(node: Scalar, noun: str, example: str) -> Wrong:
    text = node.text
    if not node.plain and _REAL.match(text):
        return Wrong("in quotes it is a text", f"write `{shorten(text)}` without quotes")
    unit = _WITH_UNIT.match(text)
    if unit:
        meant = f"{round(float(unit[1]) * _FACTORS[unit[2]], 6):.15g}"
        return Wrong("the unit stands in the key, the value is a bare number", f"write `{meant}`")
    if re.match(r"[0-9]+(:[0-9]+)+\Z", text):
        parts = [int(one[:9]) for one in text.split(":")]
        meant = str(sum(part * 60**power for power, part in enumerate(reversed(parts[-3:]))))
        return Wrong("YAML 1.1 reads it in base 60, YAML 1.2 as a text", f"write `{meant}`")
    if re.match(r"[+-]?0[0-9]+\Z", text):
        reason = "with a leading zero, YAML 1.1 reads it in base 8"
        return Wrong(reason, f"write `{text.lstrip('+-0') or '0'}`")
    if re.match(r"[0-9][0-9_]*_[0-9_]*\Z", text):
        return Wrong(
            "underscores are not read alike everywhere", f"write `{text.replace('_', '')}`"
        )
    if noun == "whole number" and node.plain and _REAL.match(text):
        return Wrong("it is no whole number", f"write a whole number, such as `{example}`")
    return Wrong(f"it is no {noun}", f"write a {noun}, such as `{example}`")
