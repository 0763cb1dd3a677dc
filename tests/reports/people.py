"""A small outage, made by hand: who was hit, as a drill would write it."""

import json
from pathlib import Path

TOPOLOGY = """\
outlast: 1
regions:
  east: {country: US}
  west: {country: IE}
providers:
  dns: {kind: embedded, server: 127.0.0.1:5399, zones: [shop.test]}
endpoints:
  tables:
    names: [tables.shop.test]
    provider: dns
    ttl_s: 5
    targets: {e: {region: east, ipv4: 127.0.0.11}}
  others:
    names: [others.shop.test]
    provider: dns
    ttl_s: 5
    targets: {e: {region: east, ipv4: 127.0.0.12}}
services:
@SERVICES@
"""
COUNTRIES = ("US", "GB", "DE")
BROKEN, WELL = 12, 12
START = "2025-10-20T00:00:00Z"
FAULT_MINUTE, FAULT_MINUTES, MINUTES = 240, 60, 360


def topology(folder: Path) -> Path:
    """Write a world in which `app-*` need one name, and `own-*` another one beside it."""
    lines = [
        f"  app-{one}: {{regions: [east, west], needs: [{{endpoint: tables}}]}}"
        for one in range(BROKEN)
    ]
    lines += [
        f"  own-{one}: {{regions: [east, west], needs: [{{endpoint: others}}]}}"
        for one in range(WELL)
    ]
    path = folder / "world.yaml"
    path.write_text(TOPOLOGY.replace("@SERVICES@", "\n".join(lines)))
    return path


def outage(folder: Path, *, broken: bool = True) -> Path:
    """Write whom it hit: all users of `app-*` for an hour."""
    names = [f"app-{one}" for one in range(BROKEN)] + [f"own-{one}" for one in range(WELL)]
    users = {one: dict.fromkeys(COUNTRIES, 200_000.0) for one in names}
    minutes = range(FAULT_MINUTE, FAULT_MINUTE + FAULT_MINUTES) if broken else ()
    hit = [
        (minute, name, country, 60_000.0)
        for minute in minutes
        for name in names[:BROKEN]
        for country in COUNTRIES
    ]
    path = folder / "people.json"
    head = {"start": START, "minutes": MINUTES, "users": users}
    awake = {one: [0.5] * 24 for one in COUNTRIES}
    path.write_text(json.dumps({**head, "awake": awake, "hit": hit}))
    return path
