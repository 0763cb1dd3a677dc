"""Loading: a file to a topology, or all that is wrong with it at once.

`load` reads a file, `parse` a text. JSON of the same shape is taken too, told by its name (`.json`); a
JSON file in which nothing is wrong goes a shorter way (`fast`), a hundred times as long as it is wide.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path as FilePath

from outlast.config.build import Builder, build, odd_entries
from outlast.config.decode import Decoder, Values
from outlast.config.fast import read_fast
from outlast.config.faults import Fault, Path, Severity, TopologyErrors
from outlast.config.finding import Finding
from outlast.config.json_places import Wanted, read_places, wanted_of
from outlast.config.nodes import Mapping, Node
from outlast.config.place import Source, candidates, path_of_key, place
from outlast.config.quiet import collector_paused
from outlast.config.reader import BYTES_MAX, Unreadable, decode_utf8, read
from outlast.config.rules import judge
from outlast.config.rules.case import Case
from outlast.config.tables import TOPOLOGY
from outlast.model.topology import Endpoint, Topology

DIGEST_LENGTH = 32
SECTIONS = ("regions", "providers", "vantages", "endpoints", "services", "cells")
_HARMLESS = frozenset({"unknown-key", "duplicate-key", "name"})
"""Rules whose breach leaves no hole in the values: what is written is there, or was never asked for."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A topology that can be used.

    Attributes:
        warnings: what its author should look at, in the order of the file.
        digest: 32 hex digits over the file's bytes: equal digests, equal files.
        more: how many further warnings are not listed.
    """

    topology: Topology
    warnings: tuple[Fault, ...]
    digest: str
    more: int = 0


def load(path: str | os.PathLike[str]) -> Loaded:
    """Read a topology file.

    Raises:
        TopologyErrors: it cannot be read or used; carries every fault.
    """
    name = os.fspath(path)
    try:
        with FilePath(name).open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        remedy = "name an existing file that this user may read; `outlast demo` needs none"
        finding = Finding(
            rule="unreadable", path=(), message=f"it cannot be read: {reason}", remedy=remedy
        )
        raise _errors([finding], Source(file=name, text="")) from error
    return parse(data, name)


def parse(text: str | bytes, source_name: str) -> Loaded:
    """Read a topology from a text, or from the bytes of a file.

    Args:
        source_name: as faults should name it; `.json` at its end says that it is JSON.

    Raises:
        TopologyErrors: it cannot be used; carries every fault.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    with collector_paused():
        return _parse(data, source_name)


def _parse(data: bytes, source_name: str) -> Loaded:
    digest = hashlib.sha256(data).hexdigest()[:DIGEST_LENGTH]
    source = Source(file=source_name, text="")
    if source_name.endswith(".json"):
        quick = read_fast(data)
        if quick is not None:
            findings = list(judge(quick))
            source.text = decode_utf8(data) if findings else ""
            if findings:
                source.root = read_places(source.text, wanted_places(findings))
            return _finish(quick.topology, findings, source, digest)
    try:
        source.text = decode_utf8(data)
        source.root, duplicates = read(source.text)
    except Unreadable as error:
        raise _errors([_as_finding(error, ())], source) from error
    doubled = [_as_finding(one, path_of_key(source.root, one.first)) for one in duplicates]
    topology, findings = _decode(source.root, source)
    return _finish(topology, doubled + findings, source, digest)


def _finish(topology: Topology, findings: list[Finding], source: Source, digest: str) -> Loaded:
    findings = _told_once(findings)
    if any(one.severity is Severity.ERROR for one in findings):
        raise _errors(findings, source)
    warnings, more = place(findings, source)
    return Loaded(topology, warnings, digest, more)


def wanted_places(findings: list[Finding]) -> Wanted:
    """Return what must be read again of a file to place findings."""
    return wanted_of([path for one in findings for path in candidates(one.path)])


def _errors(findings: list[Finding], source: Source) -> TopologyErrors:
    faults, more = place(findings, source)
    return TopologyErrors(source.file, faults, more)


def _as_finding(error: Unreadable, path: Path) -> Finding:
    return Finding(
        rule=error.rule,
        path=path,
        message=error.message,
        remedy=error.remedy,
        value=str(path[-1]) if path else "",
        place=(error.line, error.column),
    )


def _decode(root: Node, source: Source) -> tuple[Topology, list[Finding]]:
    """Decode, build and judge; the topology may have holes where there are findings."""
    findings: list[Finding] = []
    values = Decoder(findings.append, source.secrets.add).part(TOPOLOGY, root, ())
    if not isinstance(root, Mapping):
        return Topology(), findings
    wrong = {one.path for one in findings if one.rule not in _HARMLESS}
    builder = Builder(values.get("defaults", {}), values.get("providers", {}))
    endpoints = _endpoints(builder, values)
    topology = build(values, endpoints)
    later = [*builder.findings, *odd_entries(values)]
    findings += [one for one in later if not _follows(one.path, wrong)]
    wrong |= {one.path for one in later}
    broken = frozenset(
        path[:length] for path in wrong for length in (1, 2, 3) if len(path) >= length
    )
    return topology, [*findings, *judge(case_of(topology, values, broken))]


def _told_once(findings: list[Finding]) -> list[Finding]:
    """Leave out warnings about what is an error already."""
    errors = {one.path for one in findings if one.severity is Severity.ERROR}
    return [one for one in findings if one.severity is Severity.ERROR or one.path not in errors]


def _endpoints(builder: Builder, values: Values) -> tuple[Endpoint, ...]:
    made = [
        builder.endpoint(name, one, ("endpoints", name))
        for name, one in values.get("endpoints", {}).items()
    ]
    return tuple(one for one in made if one is not None)


def _follows(path: Path, wrong: set[Path]) -> bool:
    """Whether something is missing only because what stands there was refused already."""
    parts = ("ipv4", "ipv6", "service", "endpoint")
    return path in wrong or any((*path, part) in wrong for part in parts)


def case_of(topology: Topology, values: Values, broken: frozenset[Path]) -> Case:
    """Return what the rules are given."""
    known = {
        section: tuple(values.get(section, ()))
        for section in SECTIONS
        if section not in _holes(broken)
    }
    providers = {
        str(one.name): one
        for one in topology.providers
        if not {("providers", one.name, "zones"), ("providers", one.name, "kind")} & broken
    }
    return Case(topology=topology, known=known, broken=broken, providers=providers)


def _holes(broken: frozenset[Path]) -> set[str]:
    """Sections that could not be read as a whole, so that nothing is known of what they hold."""
    deeper = {path[0] for path in broken if len(path) > 1}
    return {str(path[0]) for path in broken if len(path) == 1} - {str(one) for one in deeper}
