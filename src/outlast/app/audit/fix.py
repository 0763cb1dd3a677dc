"""Fixing: repairs what is safe, one finding at a time, and takes back what does more than it says.

After each edit the text is loaded and judged again. The repair stays only if the finding is gone, the
file can still be used, and nothing but the one service, endpoint or provider has changed: an anchor
(`&name`) may stand for many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from outlast.app.audit.edit import Awkward, Style, set_field
from outlast.app.audit.shown import Shown
from outlast.audit.finding import Change
from outlast.audit.run import Choice, audit, case_of
from outlast.config.faults import TopologyErrors
from outlast.config.load import parse
from outlast.model.topology import Topology

SECTIONS = ("regions", "providers", "vantages", "endpoints", "services", "zones")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What became of a text.

    Attributes:
        done: findings that are repaired.
        left: findings that are not, each with the reason.
    """

    text: str
    done: tuple[Shown, ...]
    left: tuple[tuple[Shown, str], ...]


def fix(text: str, file: str, shown: Sequence[Shown], today: date) -> Fixed:
    """Repair what can be repaired safely of the findings that count."""
    done: list[Shown] = []
    left: list[tuple[Shown, str]] = []
    style = Style(quoted=file.endswith(".json"))
    for one in shown:
        change = one.finding.hit.change
        if change is None or not one.counts:
            continue
        try:
            edited = set_field(text, change.path, change.value, style)
            reason = _objection(text, edited, file, one, today)
        except Awkward as awkward:
            edited, reason = text, str(awkward)
        if reason:
            left.append((one, reason))
        else:
            text = edited
            done.append(one)
    return Fixed(text=text, done=tuple(done), left=tuple(left))


def _objection(before: str, after: str, file: str, shown: Shown, today: date) -> str:
    change = shown.finding.hit.change
    assert change is not None
    try:
        topology = parse(after, file).topology
    except TopologyErrors as errors:
        return f"the file could not be used then: {errors.faults[0].message}"
    if _changed(parse(before, file).topology, topology) - {_owner(change)}:
        return "the value is shared with others by an anchor"
    found = audit(case_of(topology, today), Choice(select=(shown.rule.code,)))
    if any(one.fingerprint == shown.finding.fingerprint for one in found):
        return "the finding would stay"
    return ""


def _owner(change: Change) -> tuple[str, str]:
    return (str(change.path[0]), str(change.path[1]))


def _changed(before: Topology, after: Topology) -> set[tuple[str, str]]:
    """Return what differs between two topologies, by section and name."""
    changed = set()
    for section in SECTIONS:
        old = {one.name: one for one in getattr(before, section)}
        new = {one.name: one for one in getattr(after, section)}
        changed |= {(section, name) for name in old | new if old.get(name) != new.get(name)}
    if before.settings != after.settings:
        changed.add(("settings", ""))
    return changed
