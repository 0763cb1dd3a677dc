"""Varying: one parameter of a topology or scenario, named by a path, set to another value.

Paths are written as in the file, with `behaviour` left out or not: `services.leases.leasing.rate`,
`services.*.retrying.attempts` (each service that has it), `endpoints.api.resolving.negative_ttl_s`,
`providers.local.negative_ttl_s`, `services.shop.needs.login.cached_s`, `faults[0].until_s`,
`actions[2].delay_s`. Flags are 0 and 1; of words the position among their kind is meant.

Values are numbers, since ensembles draw them and tables compare them.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args, get_type_hints

from outlast.drill.scenario import Scenario
from outlast.model.behaviour import Behaviour, Resolving
from outlast.model.service import Service
from outlast.model.topology import Topology

_SECTIONS = ("services", "endpoints", "providers", "regions")
_LISTED = re.compile(r"(faults|actions|expectations)\[(\d+)\]\.(\w+)\Z")
_PARTS = {one.name for one in dataclasses.fields(Behaviour)}


class NoSuchParameter(ValueError):
    """A path that leads nowhere; the message says where it ends."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a run is made of."""

    topology: Topology
    scenario: Scenario


def varied(case: Case, path: str, value: float) -> Case:
    """Return a case with one parameter set.

    Raises:
        NoSuchParameter: there is none at this path.
    """
    return _changed(case, path, lambda _: value)


def value_at(case: Case, path: str) -> float:
    """Return the present value of a parameter; of several, the first one's.

    Raises:
        NoSuchParameter: there is none at this path, or it is not a number, flag or word.
    """
    seen: list[Any] = []

    def look(old: Any) -> Any:
        seen.append(old)
        return old

    _changed(case, path, look)
    found = seen[0]
    if isinstance(found, Enum):
        return float(list(type(found)).index(found))
    if not isinstance(found, int | float):
        raise NoSuchParameter(f"{path} is no number")
    return float(found)


def _changed(case: Case, path: str, change: Callable[[Any], Any]) -> Case:
    listed = _LISTED.match(path)
    if listed is not None:
        section, at, key = listed[1], int(listed[2]), listed[3]
        items = list(getattr(case.scenario, section))
        if at >= len(items):
            raise NoSuchParameter(f"the scenario has {len(items)} {section}")
        items[at] = _set(items[at], [key], change)
        changed: dict[str, Any] = {section: tuple(items)}
        return Case(case.topology, dataclasses.replace(case.scenario, **changed))
    section, _, rest = path.partition(".")
    if section not in _SECTIONS:
        raise NoSuchParameter(f"`{section}` is none of {', '.join(_SECTIONS)}, faults[], actions[]")
    return Case(_in_topology(case.topology, section, rest, change), case.scenario)


def _in_topology(
    topology: Topology, section: str, rest: str, change: Callable[[Any], Any]
) -> Topology:
    items = list(getattr(topology, section))
    if rest.startswith("*."):
        steps, changed = rest[2:].split("."), 0
        for at, item in enumerate(items):
            try:
                items[at] = _set(item, steps, change)
                changed += 1
            except NoSuchParameter:
                continue  # it has no such mechanism: the wildcard means those that have
        if not changed:
            raise NoSuchParameter(f"none of the {section} has `{rest[2:]}`")
    else:
        at, steps = _named(items, section, rest)
        items[at] = _set(items[at], steps, change)
    made: dict[str, Any] = {section: tuple(items)}
    return dataclasses.replace(topology, **made)


def _named(items: Sequence[Any], section: str, rest: str) -> tuple[int, list[str]]:
    """Find whose parameter it is; names may have dots, so the longest that fits is meant."""
    fitting = [at for at, one in enumerate(items) if rest.startswith(f"{one.name}.")]
    if not fitting:
        raise NoSuchParameter(f"{section} has nothing that `{rest}` begins with")
    at = max(fitting, key=lambda one: len(items[one].name))
    return at, rest[len(items[at].name) + 1 :].split(".")


def _set(item: Any, steps: list[str], change: Callable[[Any], Any]) -> Any:
    """Return an item with the value at the end of the steps changed."""
    step, *more = steps
    if isinstance(item, Service) and step in _PARTS:
        return _set(item, ["behaviour", *steps], change)
    if isinstance(item, Service) and step == "needs" and len(more) > 1:
        return _set_need(item, more, change)
    if step not in {one.name for one in dataclasses.fields(item)}:
        raise NoSuchParameter(f"there is no `{step}` in a {type(item).__name__.lower()}")
    old = getattr(item, step)
    if more:
        if old is None and step == "resolving":
            old = Resolving()
        if not dataclasses.is_dataclass(old):
            raise NoSuchParameter(f"`{step}` says nothing there")
        new = _set(old, more, change)
    else:
        new = _fitting(item, step, old, change(old))
    return dataclasses.replace(item, **{step: new})


def _set_need(service: Service, steps: list[str], change: Callable[[Any], Any]) -> Service:
    name, rest = ".".join(steps[:-1]), steps[-1:]
    needs = list(service.needs)
    found = [at for at, one in enumerate(needs) if name in {one.service, one.endpoint}]
    if not found:
        raise NoSuchParameter(f"`{service.name}` does not need `{name}`")
    for at in found:
        needs[at] = _set(needs[at], rest, change)
    return dataclasses.replace(service, needs=tuple(needs))


def _fitting(item: Any, step: str, old: Any, value: Any) -> Any:
    """Return a value in the type of its field."""
    if value is old:
        return old
    kind = get_type_hints(type(item))[step]
    for one in get_args(kind) or (kind,):
        if one is bool:
            return bool(value)
        if one is int:
            return round(value)
        if one is float:
            return float(value)
        if isinstance(one, type) and issubclass(one, Enum):
            words = list(one)
            if not 0 <= round(value) < len(words):
                raise NoSuchParameter(f"`{step}` has {len(words)} words")
            return words[round(value)]
    raise NoSuchParameter(f"`{step}` is no number, flag or word")
