"""Options that many commands share, and how a world is opened from them."""

import getpass
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from outlast.app.sources import heard
from outlast.app.state import StateFolder
from outlast.app.wiring import World, real_clock
from outlast.config import load
from outlast.model.errors import ConfigError
from outlast.model.names import EndpointName
from outlast.model.topology import Endpoint
from outlast.model.units import Nanos, seconds

F = TypeVar("F", bound=Callable[..., object])

DURATION = r"^\d{1,5}(\.\d{1,3})?(s|m|h|d)$"
"""A length of time, as people write it."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)\Z")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


_STORE = "outlast.store"


class DurationType(click.ParamType[float]):
    """A length of time such as `30s`, `10m`, `2h`, `1d`; in seconds.

    Args:
        least_s: the shortest that makes sense; and
        most_s: the longest.
    """

    name = "duration"

    def __init__(self, least_s: float = 0.0, most_s: float = math.inf) -> None:
        self._least_s, self._most_s = least_s, most_s

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a duration."""
        if isinstance(value, int | float):
            return float(value)
        if _DURATION.match(str(value)) is None:
            self.fail(f"{value!r} is no duration; write 30s, 10m, 2h or 1d", param, ctx)
        found_s = duration_s(str(value))
        if found_s < self._least_s:
            self.fail(f"{value} is too short; {self._least_s:g}s at least", param, ctx)
        if found_s > self._most_s:
            self.fail(f"{value} is too long; {self._most_s:g}s at most", param, ctx)
        return found_s


def duration_s(text: str) -> float:
    """Return a length of time such as `30s`, `10m`, `2h`, `1d` in seconds.

    Raises:
        ConfigError: it is none.
    """
    found = _DURATION.match(text)
    if found is None:
        raise ConfigError(f"{text!r} is no duration", remedy="write 30s, 10m, 2h or 1d")
    return float(found[1]) * _UNITS_S[found[2]]


def world_options(command: F) -> F:
    """Add FILE and --state."""
    command = click.option(
        "--state",
        "state",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="OUTLAST_STATE",
        help="Folder for store, zones and last-known-good files. [default: .outlast/NAME beside FILE]",
    )(command)
    command = click.option(
        "--store",
        "store",
        envvar="OUTLAST_STORE",
        expose_value=False,
        callback=_keep_store,
        help="Where plans are kept: `file`, or `etcd://HOST:PORT,HOST:PORT`; etcds:// for TLS. "
        "[default: as the topology's `store` says, else a file]",
    )(command)
    return click.argument(
        "file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="OUTLAST_TOPOLOGY",
    )(command)


def _keep_store(context: click.Context, _: click.Parameter, value: str | None) -> None:
    """Keep the option for `open_world`: it concerns no command by itself."""
    context.meta[_STORE] = value or ""


def operator() -> str:
    """Return who is asking, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
reason_option = click.option(
    "--reason", required=True, help="Why; stands in the history for everybody to read."
)
by_option = click.option(
    "--by", default=operator, show_default="your login", help="Who asks for it."
)


def open_world(file: Path, state: Path | None, *, warn: bool = False, kept: bool = False) -> World:
    """Read the topology file.

    Args:
        warn: whether to print its warnings to standard error, as commands do that publish.
        kept: whether the copy of the last valid file may stand in for one with faults: for commands that
            people need in the night in which somebody broke it, while `outlast up` runs on with the copy.

    Raises:
        ConfigError: the file has faults; all of them are told.
    """
    folder = StateFolder.of(file, state)
    try:
        loaded = load(file)
    except ConfigError as error:
        copy = folder.kept_topology(file)
        if not kept or not copy.exists():
            raise
        loaded = load(copy)
        sys.stderr.write(
            f"{file} cannot be used ({str(error).splitlines()[-1]}) See `outlast config check {file}`.\n"
            f"Going on with its last valid version, kept in {copy}.\n"
        )
    for warning in loaded.warnings if warn else ():
        sys.stderr.write(f"{warning}\n")
    return World(
        file=file,
        topology=heard(loaded.topology, file, folder),
        digest=loaded.digest,
        state=folder,
        clock=real_clock(),
        store_asked=_asked_store(),
    )


def _asked_store() -> str:
    context = click.get_current_context(silent=True)
    return str(context.meta.get(_STORE, "")) if context is not None else ""


def find_endpoint(world: World, text: str) -> Endpoint:
    """Return the endpoint with this key, or with this DNS name among its names.

    Raises:
        ConfigError: there is none; what is close is named.
    """
    wanted = text.rstrip(".").lower()
    for endpoint in world.topology.endpoints:
        if endpoint.name == EndpointName(wanted) or any(
            one.name == wanted for one in endpoint.names
        ):
            return endpoint
    known = ", ".join(one.name for one in world.topology.endpoints[:10])
    raise ConfigError(
        f"no endpoint or name {text!r} in {world.file}", remedy=f"endpoints there: {known}"
    )


def until(world: World, duration_s: float) -> Nanos:
    """Return the instant that lies so many seconds ahead."""
    return Nanos(world.clock.now_ns() + seconds(duration_s))
