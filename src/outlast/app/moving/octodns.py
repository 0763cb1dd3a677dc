"""Reading the YAML files of octoDNS.

Either a folder of zone files (`example.org.yaml`), or one with a configuration beside or above them, or
octoDNS's split layout (a folder `example.org.` with a file a name). The files are read by our own reader,
so each value keeps its line and nothing is guessed: `value: 1.1` stays a text.

A dynamic record has pools, rules and a plain `values`. Which of them a client gets depends on who serves
it: a server without dynamic records publishes `values`, and those move in. Rules by geography or network
cannot: Outlast answers everybody alike.
"""

from collections.abc import Iterator
from pathlib import Path

from outlast.app.moving.found import Place, Seen, SeenAddress
from outlast.app.moving.records import FAMILIES, address_of, name_of, stays, ttl_of
from outlast.config.nodes import Entry, Mapping, Node, Scalar, Sequence
from outlast.config.reader import Unreadable, decode_utf8, read
from outlast.drivers.discover.found import word
from outlast.model.errors import ConfigError
from outlast.model.names import DnsName, parse_dns_name

TTL_S = "3600"
"""octoDNS's default TTL."""

_OWN = {"$ROOT", "octodns", "manager", "providers", "zones", "processors", "plan_outputs"}


def read_octodns(folder: Path) -> Seen:
    """Read every zone below a folder.

    Raises:
        ConfigError: there is none, or a file is no YAML; names the line.
    """
    seen = Seen()
    for zone, path in _zone_files(folder):
        if zone not in seen.zones:
            seen.zones.append(zone)
        root = _read(path, seen)
        for key, entry in _entries(root):
            _take_name(seen, zone, path, key, entry)
    if not seen.zones:
        raise ConfigError(
            f"no zone of octoDNS below {folder}",
            remedy="name the folder that its YamlProvider calls `directory`: ZONE.yaml, or ZONE./NAME.yaml",
        )
    return seen


def _zone_files(folder: Path) -> Iterator[tuple[DnsName, Path]]:
    for path in sorted(folder.rglob("*.y*ml")):
        text = path.parent.name if path.parent.name.endswith(".") else path.stem
        if "." not in text.rstrip("."):
            continue  # octoDNS's own configuration, such as production.yaml
        try:
            yield parse_dns_name(text), path
        except ValueError:
            continue


def _read(path: Path, seen: Seen) -> Node:
    try:
        root, doubled = read(decode_utf8(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except Unreadable as error:
        raise ConfigError(f"{path}:{error.line}: {error.message}", remedy=error.remedy) from error
    for one in doubled:
        seen.lose(Place(str(path), one.line), "a key that stands twice", "the first one was read")
    return root


def _entries(node: Node | None) -> Iterator[tuple[str, Entry]]:
    if isinstance(node, Mapping):
        yield from node.entries.items()


def _items(node: Node | None) -> list[Node]:
    """The items of a list; a lone value stands for a list of one."""
    if node is None:
        return []
    return node.items if isinstance(node, Sequence) else [node]


def _at(node: Node | None, *keys: str) -> Node | None:
    for key in keys:
        if not isinstance(node, Mapping) or key not in node.entries:
            return None
        node = node.entries[key].value
    return node


def _text(node: Node | None, default: str = "") -> str:
    return node.text if isinstance(node, Scalar) else default


def _take_name(seen: Seen, zone: DnsName, path: Path, key: str, entry: Entry) -> None:
    name = zone if key in {"", "$ROOT"} else f"{key}.{zone}"
    if key in _OWN and key != "$ROOT":
        return
    for record in _items(entry.value):
        place = Place(str(path), record.line if isinstance(entry.value, Sequence) else entry.line)
        _take_record(seen, zone, place, name.lower(), record)


def _take_record(seen: Seen, zone: DnsName, place: Place, text: str, record: Node) -> None:
    rtype = _text(_at(record, "type")).upper()
    if _text(_at(record, "octodns", "ignored")) == "true":
        seen.stay(place, f"{text} {rtype}", "octoDNS ignores it, so it need not stand in the DNS")
        return
    if rtype not in FAMILIES:
        if rtype == "NS":
            for value in _values(record):
                seen.serve(zone, text, value.text)
        stays(seen, place, text, rtype or "(no type)")
        return
    name = name_of(seen, place, text, rtype)
    ttl_s = ttl_of(seen, place, f"{text} {rtype}", _text(_at(record, "ttl"), TTL_S))
    if name is None or ttl_s is None:
        return
    pools = _pools(record)
    for value in _values(record):
        at = Place(place.file, value.line)
        address = address_of(seen, at, f"{name} {rtype}", value.text)
        if address is None:
            continue
        pool, weight = pools.get(address, ("", 1))
        seen.addresses.append(
            SeenAddress(
                zone=zone,
                name=name,
                family=FAMILIES[rtype],
                address=address,
                ttl_s=ttl_s,
                place=at,
                region=pool,
                weight=weight,
            )
        )
    _take_traits(seen, place, name, rtype, record)


def _values(record: Node) -> list[Scalar]:
    """The values of a record, in each of the three spellings that octoDNS reads."""
    found: list[Scalar] = []
    for one in [*_items(_at(record, "values")), *_items(_at(record, "value"))]:
        inner = _at(one, "value") if isinstance(one, Mapping) else one
        if isinstance(inner, Scalar):
            found.append(inner)
    return found


def _pools(record: Node) -> dict[str, tuple[str, int]]:
    """Address -> the first pool that has it, as a region's name, and its weight there."""
    found: dict[str, tuple[str, int]] = {}
    for pool, entry in _entries(_at(record, "dynamic", "pools")):
        values = _at(entry.value, "values") if isinstance(entry.value, Mapping) else entry.value
        for one in _items(values):
            text = _text(_at(one, "value")) if isinstance(one, Mapping) else _text(one)
            weight = _text(_at(one, "weight"), "1")
            known = (word(pool), int(weight) if weight.isdigit() else 1)
            found.setdefault(text.lower(), known)
    return found


def _take_traits(seen: Seen, place: Place, name: DnsName, rtype: str, record: Node) -> None:
    """What a record says beyond its values, and what becomes of it."""
    what = f"{name} {rtype}"
    for rule in _items(_at(record, "dynamic", "rules")):
        by = [key for key in ("geos", "geo", "subnets") if _at(rule, key) is not None]
        if by:
            why = f"a rule by {' and '.join(by)}: Outlast answers everybody alike"
            seen.lose(Place(place.file, rule.line), what, why, "`values` moves in, for everybody")
    geo = _at(record, "geo")
    if geo is not None:
        why = "answers by geography: Outlast answers everybody alike"
        seen.lose(Place(place.file, geo.line), what, why, "`values` moves in, for everybody")
    published = {one.text.lower() for one in _values(record)}
    for pool, entry in _entries(_at(record, "dynamic", "pools")):
        spare = [one for one in _pools_of(entry.value) if one not in published]
        if spare:
            why = f"pool `{pool}` has {', '.join(spare)}, which `values` has not"
            remedy = "add it as a target once the endpoint has moved in"
            seen.lose(Place(place.file, entry.line), what, why, remedy)
    check = _at(record, "octodns", "healthcheck")
    if check is not None or _at(record, "dynamic") is not None:
        seen.checks.setdefault(name, _check(check))


def _pools_of(node: Node) -> list[str]:
    values = _at(node, "values") if isinstance(node, Mapping) else node
    found = [
        _text(_at(one, "value")) if isinstance(one, Mapping) else _text(one)
        for one in _items(values)
    ]
    return [one.lower() for one in found if one]


def _check(node: Node | None) -> str:
    """Return octoDNS's health check as one of ours; its defaults are https, port 443 and `/_dns`."""
    kind = _text(_at(node, "protocol"), "HTTPS").lower()
    parts = [f"kind: {kind}", f"port: {_text(_at(node, 'port'), '443')}"]
    if kind != "tcp":
        parts.append(f"path: /{_text(_at(node, 'path'), '_dns').lstrip('/')}")
        host = _text(_at(node, "host"))
        parts += [f"host: {host}"] if host else []
    return "{" + ", ".join(parts) + "}"
