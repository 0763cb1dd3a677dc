"""Exercising: the command line's options of `outlast drill --live`, and what is made of them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console

from outlast.app.drill.calendar import Entry, icalendar, parse_blocked
from outlast.app.drill.live import Exercise, Refused, check_calendar, check_region, hold
from outlast.app.drill.stops import parse_metric
from outlast.app.options import DurationType, open_world, operator
from outlast.app.wiring import World

F = TypeVar("F", bound=Callable[..., object])
VERBS = ("evacuate",)
_OUT = click.Path(path_type=Path, dir_okay=False)

_OPTIONS = (
    click.option(
        "--live",
        nargs=2,
        metavar="evacuate REGION",
        help="Hold an exercise on the real control plane.",
    ),
    click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="OUTLAST_STATE",
        help="With --live: folder of the control plane's state.",
    ),
    click.option("--reason", default="", help="With --live: why; stands in the history."),
    click.option("--by", default=operator, help="With --live: who asks for it. [your login]"),
    click.option(
        "--steps", type=click.IntRange(1, 100), default=4, help="With --live: how many. [4]"
    ),
    click.option("--every", type=DurationType(), default=60.0, help="From step to step. [1m]"),
    click.option(
        "--hold", type=DurationType(), default=600.0, help="How long it stays empty. [10m]"
    ),
    click.option(
        "--notice", type=DurationType(), default=0.0, help="From announcement to begin. [0s]"
    ),
    click.option(
        "--stop",
        multiple=True,
        metavar="CONDITION",
        help="Stop once it is true: `http://HOST:PORT/metrics NAME > VALUE`.",
    ),
    click.option(
        "--blocked",
        multiple=True,
        metavar="WINDOW",
        help="Refuse in it: `fri 16:00-mon 08:00` (UTC) or `2026-12-20..2027-01-03`.",
    ),
    click.option(
        "--begin",
        type=click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]),
        help="Plan it for then (UTC): writes --ical, begins nothing.",
    ),
    click.option("--ical", type=_OUT, help="With --begin: the calendar file."),
    click.option(
        "--record", type=_OUT, help="Where the record goes. [exercises/ in the state folder]"
    ),
)


def live_options(command: F) -> F:
    """Add the options of `--live`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def exercise_of(world: World, options: dict[str, object]) -> Exercise:
    """Read an exercise from the options."""
    live = options["live"]
    assert isinstance(live, tuple)
    verb, region = live
    if verb not in VERBS:
        raise click.UsageError(f"--live knows {', '.join(VERBS)}, not {verb!r}")
    reason = str(options["reason"])
    if not reason:
        raise click.UsageError("an exercise needs a --reason: it stands in the history")
    stops, blocked = options["stop"], options["blocked"]
    assert isinstance(stops, tuple)
    assert isinstance(blocked, tuple)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{region}.json"
    record = options["record"]
    return Exercise(
        region=check_region(world, region),
        reason=reason,
        by=str(options["by"]),
        steps=int(str(options["steps"])),
        every_s=float(str(options["every"])),
        hold_s=float(str(options["hold"])),
        notice_s=float(str(options["notice"])),
        metrics=tuple(parse_metric(one) for one in stops),
        blocked=tuple(parse_blocked(one) for one in blocked),
        record=record if isinstance(record, Path) else world.state.root / "exercises" / name,
    )


def live(out: Console, file: str, options: dict[str, object]) -> int:
    """Plan or hold an exercise; 1 where it is refused or stopped early."""
    state = options["state"]
    world = open_world(Path(file), state if isinstance(state, Path) else None)
    exercise = exercise_of(world, options)
    begin = options["begin"]
    if isinstance(begin, datetime):
        return _plan(out, exercise, begin.replace(tzinfo=UTC), options["ical"])
    return asyncio.run(hold(world, exercise, out))


def _plan(out: Console, exercise: Exercise, begin: datetime, file: object) -> int:
    try:
        check_calendar(exercise, begin)
    except Refused as refusal:
        out.print(f"[red]refused[/]: {refusal}")
        return 1
    title = f"Exercise: {exercise.region} is drained"
    text = (
        f"{exercise.reason} ({exercise.by}). In {exercise.steps} steps, held for "
        f"{exercise.hold_s:g} s, and back by itself."
    )
    entry = Entry(
        begin=begin, length_s=exercise.length_s, title=title, text=text, made=datetime.now(UTC)
    )
    if isinstance(file, Path):
        file.write_text(icalendar(entry), encoding="utf-8", newline="")
        out.print(f"calendar: {file}")
    out.print(f"planned for {begin:%Y-%m-%d %H:%M} UTC; nothing was begun")
    return 0
