"""Placing: findings become faults, with line, column, value and excerpt.

A field may be inherited: the check of a target stands at the target, at its endpoint, or in `defaults`.
A finding points to where it is really written, and a hundred endpoints that inherit one wrong default
make one fault.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from outlast.config.faults import (
    FAULTS_SHOWN_MAX,
    NOT_SHOWN,
    Fault,
    Path,
    Severity,
    excerpt_of,
    format_path,
    shorten,
)
from outlast.config.finding import Finding
from outlast.config.nodes import Mapping, Node, Scalar, find
from outlast.config.reader import split_lines

INHERITED = frozenset({"provider", "ttl_s", "policy", "floors", "budget", "check"})


@dataclass(slots=True, kw_only=True)
class Source:
    """A file that is being judged.

    Attributes:
        root: None where it could not be read that far.
        secrets: texts that must not be repeated.
    """

    file: str
    text: str
    root: Node | None = None
    secrets: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A finding with its place: sorts by line, column and rule."""

    line: int
    column: int
    finding: Finding
    path: Path
    value: str


def place(findings: Iterable[Finding], source: Source) -> tuple[tuple[Fault, ...], int]:
    """Return the faults in the order of the file, errors first to stay, and how many are not listed."""
    placed: dict[tuple[int, int, str, str], _Placed] = {}
    for finding in findings:
        one = _place(finding, source)
        placed.setdefault((one.line, one.column, finding.rule, finding.message), one)
    ranked = sorted(placed.values(), key=lambda one: one.finding.severity is not Severity.ERROR)
    kept = sorted(ranked[:FAULTS_SHOWN_MAX], key=lambda one: (one.line, one.column))
    lines = split_lines(source.text) if kept else []
    secrets = frozenset(one for one in source.secrets if one)
    return tuple(_fault(one, source.file, lines, secrets) for one in kept), len(ranked) - len(kept)


def _place(finding: Finding, source: Source) -> _Placed:
    path, value = finding.path, finding.value
    line, column = finding.place or (0, 0)
    if source.root is not None and finding.place is None:
        path, node, place = _resolve(source.root, finding)
        line, column = place
        if value is None:
            value = node.text if isinstance(node, Scalar) else ""
    if finding.secret or value in source.secrets:
        value = NOT_SHOWN
    return _Placed(line, column, finding, path, shorten(value or ""))


def _resolve(root: Node, finding: Finding) -> tuple[Path, Node | None, tuple[int, int]]:
    """Return the path as it is written, the value there, and its place."""
    for path in candidates(finding.path):
        node, entry, taken = find(root, path)
        if taken == len(path):
            if finding.at_key and entry is not None:
                return path, node, (entry.line, entry.column)
            if not isinstance(node, Scalar) and entry is not None:
                return path, node, (entry.line, entry.column)
            return path, node, (node.line, node.column)
        if isinstance(node, Scalar) and all(isinstance(step, int) for step in path[taken:]):
            # `names: www.example.org` is a list of one, and `order: [a, b]` two tiers of one.
            return path[:taken], node, (node.line, node.column)
        if isinstance(node, Scalar) and path[taken:] in {("name",), ("kind",)}:
            return path[:taken], node, (node.line, node.column)
    node, entry, _ = find(root, finding.path)
    there = entry or node
    return finding.path, None, (there.line, there.column)


def candidates(path: Path) -> Iterator[Path]:
    """Yield where a field may be written: its own place, then those that it inherits from."""
    yield path
    if len(path) < 3 or path[0] != "endpoints":
        return
    if len(path) > 4 and path[2] == "targets" and path[4] == "check":
        yield (*path[:2], *path[4:])
        yield ("defaults", *path[4:])
    elif path[2] in INHERITED:
        yield ("defaults", *path[2:])


def _fault(one: _Placed, file: str, lines: list[str], secrets: frozenset[str]) -> Fault:
    finding = one.finding
    excerpt, caret = "", 0
    if 0 < one.line <= len(lines):
        excerpt, caret = excerpt_of(lines[one.line - 1], one.column, secrets)
    return Fault(
        rule=finding.rule,
        severity=finding.severity,
        file=file,
        line=one.line,
        column=one.column,
        path=format_path(one.path),
        value=one.value,
        message=finding.message,
        remedy=finding.remedy,
        excerpt=excerpt,
        caret=caret,
    )


def path_of_key(root: Node, first: object) -> Path:
    """Return the path of an entry of the tree; empty if it is not in it."""
    stack: list[tuple[Path, Node]] = [((), root)]
    seen: set[int] = set()
    while stack:
        path, node = stack.pop()
        if id(node) in seen or isinstance(node, Scalar):
            continue
        seen.add(id(node))
        if isinstance(node, Mapping):
            for key, entry in node.entries.items():
                if entry is first:
                    return (*path, key)
                stack.append(((*path, key), entry.value))
        else:
            stack += [((*path, at), item) for at, item in enumerate(node.items)]
    return ()
