"""Completing a topology: what was found goes in, marked with its evidence; what is written stays.

The outcome is a file of its own, so that its author can read the difference before taking it over. Each
addition carries a comment `seen: ...`. A name, field or need that is there already is left as it is.
"""

import asyncio
import sys
from pathlib import Path
from typing import NamedTuple

from outlast.app.audit.edit import Awkward, add_entry, add_item
from outlast.config.load import parse
from outlast.drivers.discover.compose import read_compose
from outlast.drivers.discover.found import Found, SeenNeed, SeenRegion, SeenService, SeenZone
from outlast.drivers.discover.kubernetes import read_kubernetes
from outlast.drivers.discover.names import Where, discover_names, system_resolver
from outlast.drivers.discover.terraform import read_terraform
from outlast.drivers.discover.traces import read_traces
from outlast.model.errors import ConfigError
from outlast.model.facts import NameServer
from outlast.model.topology import Topology

READERS = {
    "compose": read_compose,
    "terraform": read_terraform,
    "traces": read_traces,
}
EMPTY = "outlast: 1\nregions:\nproviders:\nendpoints:\nservices:\n"
"""What discovery begins with where there is no topology yet."""
KUBERNETES = "kubernetes"


def complete(file: Path, sources: tuple[str, ...], *, offline: bool, into: Path | None) -> Path:
    """Write a completed copy of a topology, and return its path.

    Args:
        file: the topology; need not be there, if anything but the DNS is to be read.
        into: where to write; None: `FILE.completed.yaml` beside it.

    Raises:
        ConfigError: a source cannot be read, or names none.
        TopologyErrors: the topology cannot be used.
    """
    if file.suffix == ".json":
        raise ConfigError(f"{file} is JSON, which has no comments for evidence", remedy="use YAML")
    text = file.read_text(encoding="utf-8-sig") if file.exists() else EMPTY
    for source, kind, paths in _together(sources):
        found = _read(source, kind, paths, Seen(parse(text, str(file)).topology, offline))
        text, added = merge(text, found, str(file))
        for notice in found.notices:
            sys.stderr.write(f"seen: {notice}\n")
        sys.stderr.write(f"{source}: {added} additions\n")
    target = into or file.with_name(f"{file.stem}.completed.yaml")
    topology = parse(text, str(target)).topology
    target.write_text(text, encoding="utf-8")
    if topology.services and not any(one.essential for one in topology.services):
        sys.stderr.write(
            "seen: nothing shows which services must survive, and the audit judges no others\n"
            f"  -> mark them in {target}: `essential: true`\n"
        )
    return target


def _together(sources: tuple[str, ...]) -> list[tuple[str, str, list[str]]]:
    """Join the sources that only make sense together, the manifests of a cluster.

    Returns:
        What to call each, its kind, and its paths.
    """
    parts = [(one, *one.partition(":")[::2]) for one in sources]
    alone = [(name, kind, [where]) for name, kind, where in parts if kind != KUBERNETES]
    manifests = [where for _, kind, where in parts if kind == KUBERNETES]
    name = f"{KUBERNETES}:{','.join(manifests)}"
    return [*alone, (name, KUBERNETES, manifests)] if manifests else alone


def _manifests(paths: list[str]) -> dict[str, str]:
    """Read files, and whatever YAML lies in folders, by the names that evidence gives them."""
    files: list[Path] = []
    for path in map(Path, paths):
        inside = sorted({*path.rglob("*.yaml"), *path.rglob("*.yml")}) if path.is_dir() else [path]
        if not inside:
            raise ValueError(f"{path} holds no .yaml file")
        files += inside
    short = len({one.name for one in files}) == len(files)
    return {one.name if short else str(one): one.read_text(encoding="utf-8") for one in files}


class Seen(NamedTuple):
    """What is known before a source is read."""

    topology: Topology
    offline: bool


def _read(source: str, kind: str, paths: list[str], seen: Seen) -> Found:
    try:
        if kind == "dns":
            if seen.offline:
                return Found()
            return asyncio.run(discover_names(seen.topology, _server_of(paths[0])))
        if kind == KUBERNETES and all(paths):
            return read_kubernetes(_manifests(paths))
        if kind in READERS and paths[0]:
            path = Path(paths[0])
            return READERS[kind](path.read_text(encoding="utf-8"), path.name)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"--discover {source}: {error}", remedy="name a file that it can read"
        ) from error
    raise ConfigError(
        f"--discover {source!r} names no source",
        remedy=f"write dns, dns:SERVER, or one of {', '.join(sorted((*READERS, KUBERNETES)))} "
        "with :PATH",
    )


def _server_of(text: str) -> Where:
    if not text:
        return system_resolver()
    host, colon, port = text.rpartition(":")
    return Where(host.strip("[]"), int(port)) if colon and port.isdigit() else Where(text)


def merge(text: str, found: Found, file: str) -> tuple[str, int]:
    """Put what was found into a text.

    Returns:
        The text, and how many additions were made.
    """
    before = parse(text, file).topology
    regions = {one.name for one in before.regions}
    services = {one.name for one in before.services}
    needs = {
        (one.name, need.service or need.endpoint) for one in before.services for need in one.needs
    }
    added = 0
    for region in reversed(found.regions.values()):
        if region.name not in regions:
            text, added = _region(text, region), added + 1
    for service in reversed(found.services.values()):
        if service.name not in services:
            text, added = _service(text, service), added + 1
    known = services | found.services.keys()
    for need in found.needs.values():
        if (need.service, need.needs) not in needs and {need.service, need.needs} <= known:
            text, done = _need(text, need)
            added += done
    for zone in found.zones.values():
        text, more = _zone(text, zone, before)
        added += more
    return text, added


def _comment(evidence: str) -> str:
    return f"seen: {evidence}"


def _region(text: str, region: SeenRegion) -> str:
    fields = [f"title: {region.title}"] if region.title else []
    fields += [f"vendor: {region.vendor}"] if region.vendor else []
    value = f"{{{', '.join(fields)}}}"
    return add_entry(text, ("regions",), region.name, value, comment=_comment(region.evidence))


def _service(text: str, service: SeenService) -> str:
    fields = ["essential: true"] if service.essential else []
    fields += [f"role: {service.role}"] if service.role else []
    fields += [f"regions: [{', '.join(service.regions)}]"] if service.regions else []
    fields += [f"vendor: {service.vendor}"] if service.vendor else []
    value = f"{{{', '.join(fields)}}}"
    return add_entry(text, ("services",), service.name, value, comment=_comment(service.evidence))


def _need(text: str, need: SeenNeed) -> tuple[str, int]:
    kind = "" if need.kind == "hard" else f", kind: {need.kind}"
    item = f"{{service: {need.needs}{kind}}}"
    path = ("services", need.service)
    try:
        return add_item(text, (*path, "needs"), item, comment=_comment(need.evidence)), 1
    except Awkward:
        value = f"[{item}]"
        return add_entry(text, path, "needs", value, comment=_comment(need.evidence)), 1


def _zone(text: str, zone: SeenZone, before: Topology) -> tuple[str, int]:
    known = next((one for one in before.zones if one.name == zone.name), None)
    fields: list[tuple[str, str]] = []
    for key in ("negative_ttl_s", "delegation_ttl_s", "ds_ttl_s"):
        value = getattr(zone, key)
        if value is not None and (known is None or getattr(known, key) is None):
            fields.append((key, str(value)))
    if zone.signed and (known is None or not known.signed):
        fields.append(("signed", "true"))
    if zone.name_servers and (known is None or not known.name_servers):
        fields.append(("name_servers", f"[{', '.join(_server(one) for one in zone.name_servers)}]"))
    comment = _comment(zone.evidence)
    if known is None:
        value = f"{{{', '.join(f'{key}: {one}' for key, one in fields)}}}"
        return add_entry(text, ("zones",), zone.name, value, comment=comment), 1
    for key, value in fields:
        text = add_entry(text, ("zones", zone.name), key, value, comment=comment)
    return text, len(fields)


def _server(server: NameServer) -> str:
    fields = [f"name: {server.name}"]
    if server.addresses:
        fields.append("addresses: [" + ", ".join(f'"{one}"' for one in server.addresses) + "]")
    fields += [f"vendor: {server.vendor}"] if server.vendor else []
    fields += [f"network: {server.network}"] if server.network else []
    fields += [f"country: {server.country}"] if server.country else []
    return f"{{{', '.join(fields)}}}"
