"""The rules, by family. One function and its explanation each; nothing here knows of files or lines."""

from outlast.audit.rule import Rule
from outlast.audit.rules import (
    amplification,
    automation,
    capacity,
    circles,
    cuts,
    delegation,
    one_road,
    recovery,
    suppliers,
    suppression,
    timing,
)

FAMILIES: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    ("CUT: one road, hidden", cuts.RULES),
    ("DIV: one road", one_road.RULES + delegation.RULES + suppliers.RULES),
    ("CIR: circles", circles.RULES),
    ("REC: recovery that needs what is gone", recovery.RULES),
    ("TTL: time", timing.RULES),
    ("CAP: capacity", capacity.RULES),
    ("AMP: amplification", amplification.RULES),
    ("AUT: automation", automation.RULES),
    ("SUP: suppressions", suppression.RULES),
)
"""In the order of the reference."""

RULES: tuple[Rule, ...] = tuple(rule for _, family in FAMILIES for rule in family)
