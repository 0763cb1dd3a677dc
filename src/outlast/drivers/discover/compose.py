"""Compose files: services, their order of starting, links, addresses in settings, and images.

`depends_on` says who starts first and nothing about later, so it counts as `startup`; an address in the
environment is used while running, so it counts as `hard`. All of it runs on one machine, and that is a
region of its own. A service with published ports is what people use.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from outlast.drivers.discover.found import (
    Found,
    SeenNeed,
    SeenRegion,
    SeenService,
    evidence,
    word,
)
from outlast.drivers.discover.hosts import hosts_in
from outlast.drivers.discover.images import need_image
from outlast.model.service import DependencyKind

REGION = "one-host"


def read_compose(text: str, name: str) -> Found:
    """Read a Compose file.

    Args:
        name: as evidence should name it.

    Raises:
        ValueError: it is none.
    """
    try:
        file = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is no YAML: {error}") from error
    services: dict[str, Any] = {}
    match file:
        case {"services": dict(written)}:
            services = written
        case _:
            raise ValueError(f"{name} has no `services:`")
    found = Found()
    seen = evidence(f"{name}: Compose runs everything on one host")
    found.regions[REGION] = SeenRegion(name=REGION, title="the Compose host", evidence=seen)
    for key, one in services.items():
        _service(found, str(key), one if isinstance(one, dict) else {}, name, services)
    return found


def _service(
    found: Found, key: str, one: Mapping[str, Any], name: str, services: Mapping[str, Any]
) -> None:
    here = f"{name}: services.{key}"
    published = bool(one.get("ports"))
    found.service(
        SeenService(
            name=word(key),
            regions=(REGION,),
            essential=published,
            evidence=evidence(f"{here}{', ports are published' if published else ''}"),
        )
    )
    for other, kind, where in (*_order(one), *_links(one), *_settings(one, services)):
        found.need(
            SeenNeed(
                service=word(key),
                needs=word(other),
                kind=kind,
                evidence=evidence(f"{here}.{where}"),
            )
        )
    if not one.get("build"):
        need_image(found, word(key), one.get("image"), here)


def _order(one: Mapping[str, Any]) -> Iterator[tuple[str, DependencyKind, str]]:
    wanted = one.get("depends_on") or ()
    for other in wanted:
        options = wanted[other] if isinstance(wanted, dict) else None
        optional = isinstance(options, dict) and options.get("required") is False
        kind = DependencyKind.SOFT if optional else DependencyKind.STARTUP
        yield str(other), kind, "depends_on"


def _links(one: Mapping[str, Any]) -> Iterator[tuple[str, DependencyKind, str]]:
    for link in one.get("links") or ():
        yield str(link).partition(":")[0], DependencyKind.HARD, "links"


def _settings(
    one: Mapping[str, Any], services: Mapping[str, Any]
) -> Iterator[tuple[str, DependencyKind, str]]:
    for key, value in settings_of(one.get("environment")):
        for host in hosts_in(key, value, services):
            yield host, DependencyKind.HARD, f"environment {key}"


def settings_of(environment: object) -> Iterator[tuple[str, object]]:
    """Yield the settings of an environment, written as a mapping or as a list of `KEY=value`."""
    if isinstance(environment, dict):
        for key, value in environment.items():
            yield str(key), value
    elif isinstance(environment, list):
        for line in environment:
            key, _, value = str(line).partition("=")
            yield key, value
