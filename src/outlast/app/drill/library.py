"""The library: worlds and scenarios by name or path.

A name without a slash or suffix means what ships, unless a file of just that name lies here. A scenario
finds its world beside itself first, so that a team's folder with both can be moved.
"""

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import yaml

from outlast.config import load
from outlast.config.reader import Unreadable, decode_utf8, read
from outlast.config.scenario import LoadedScenario, is_scenario, load_scenario
from outlast.drill.worlds.synthetic import synthetic
from outlast.model.errors import ConfigError
from outlast.model.topology import Topology

_SYNTHETIC = re.compile(r"synthetic\((\d+), *(\d+)\)\Z")
_SERVICES_MAX = 100_000
MADE = {"oct2025": "outlast.drill.worlds.oct2025:oct2025"}
"""Worlds that a function makes."""


def _folder(kind: str) -> Path:
    return Path(str(files("outlast.drill").joinpath(kind)))


def shipped(kind: str) -> dict[str, Path]:
    """Return the files that ship, `worlds` or `scenarios`, by name; names have a slash below folders."""
    folder = _folder(kind)
    return {
        str(path.relative_to(folder).with_suffix("")): path
        for path in sorted(folder.rglob("*.yaml"))
    }


def world_names() -> list[str]:
    """Return how worlds that ship are called."""
    return [*sorted({*shipped("worlds"), *MADE}), "synthetic(SEED,N)"]


def world_file(name: str) -> Path | None:
    """Return the file of a world that ships as one."""
    return shipped("worlds").get(name)


def find_world(name: str, beside: Path | None = None) -> Topology:
    """Return a world by its path, or by its name if it ships.

    Args:
        beside: the folder from which relative paths count; None: the present one.

    Raises:
        ConfigError: there is none, or its file has faults.
    """
    path = (beside or Path()) / name
    if path.is_file():
        return load(path).topology
    found = world_file(name)
    if found is not None:
        return load(found).topology
    drawn = _SYNTHETIC.match(name)
    if drawn is not None and 0 < int(drawn[2]) <= _SERVICES_MAX:
        return synthetic(int(drawn[1]), int(drawn[2]))
    if name in MADE:
        module, attribute = MADE[name].split(":")
        make: Callable[[], Topology] = getattr(import_module(module), attribute)
        return make()
    raise ConfigError(
        f"there is no world {name!r}, neither a file nor one that ships",
        remedy=f"worlds that ship: {', '.join(world_names())}",
    )


def find_scenario(name: str) -> Path | None:
    """Return the file of a scenario by its path or name; None where `name` is none of the two."""
    path = Path(name)
    if path.is_file():
        return path if _says_scenario(path) else None
    return shipped("scenarios").get(name)


def _says_scenario(path: Path) -> bool:
    try:
        return is_scenario(read(decode_utf8(path.read_bytes()))[0])
    except (OSError, Unreadable):
        return False  # reading it as a topology tells what is wrong


def open_scenario(path: Path) -> LoadedScenario:
    """Read a scenario with its world.

    Raises:
        ConfigError: it, or its world, cannot be used.
    """
    return load_scenario(path, lambda world: find_world(world, path.parent))


def titles() -> Iterator[tuple[str, str, str]]:
    """Yield name, world and title of each scenario that ships: no world is read, nothing is checked."""
    for name, path in shipped("scenarios").items():
        words = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        yield name, str(words.get("world", "")), str(words.get("title", ""))
