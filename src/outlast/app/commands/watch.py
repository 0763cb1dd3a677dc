"""`outlast watch`: reports in, what is down where and why out."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import click
import msgspec

from outlast.app.drill.library import find_world
from outlast.app.options import json_option, open_world
from outlast.app.reports.boarding import Boarding, paced
from outlast.app.reports.evidence import read_evidence
from outlast.app.reports.grids import grid_of
from outlast.app.reports.watching import Entry, Watcher, counted
from outlast.detect.cells import Grid
from outlast.detect.counts import MinuteCounts, none, regrid
from outlast.detect.intake import Intake, Rules
from outlast.detect.roads import roads_of
from outlast.drivers.reports.decode import Coder
from outlast.drivers.reports.files import FileReader, ahead
from outlast.drivers.reports.identity import Identity, Key, make_secret
from outlast.model.errors import ConfigError
from outlast.model.units import NS_PER_S, iso

LAG_MINUTES = 1
"""How long the detector waits for workers to pass a minute on."""


def _speed(text: str) -> float:
    if text == "max":
        return 0.0
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if speed <= 0:
        raise ConfigError(
            f"{text!r} is no speed", remedy="write `max`, or 60 for a minute a second"
        )
    return speed


@click.command(
    epilog="""
    \b
    Examples:
      outlast watch stream.parquet --topology world.yaml
      outlast watch stream.parquet --topology world.yaml --evidence notices.jsonl --json
      outlast watch stream.parquet --topology world.yaml --speed 60      a minute a second
      cat reports.jsonl | outlast watch - --topology world.yaml
      outlast watch nats://127.0.0.1:4222 --topology world.yaml         what workers count, live
      outlast watch stream.parquet --topology oct2025 --speed 120 --board world.yaml    on its board
    """
)
@click.argument("stream")
@click.option(
    "--topology",
    "world",
    required=True,
    envvar="OUTLAST_TOPOLOGY",
    help="Who depends on what: a file, or a world of `outlast drill` by its name.",
)
@click.option(
    "--evidence",
    "evidence",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Probes and suppliers' notices, one JSON object a line; may be given several times.",
)
@click.option("--speed", default="max", show_default=True, help="`max`, or times real time.")
@click.option(
    "--board",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Topology of an `outlast up` whose board is to show it as it passes by.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="State folder of that one. [default: .outlast/NAME beside it]",
)
@click.option("--alarms", is_flag=True, help="Show each alarm, not only verdicts.")
@click.option("--brief", is_flag=True, help="Of verdicts, the causes alone.")
@json_option
def watch(
    stream: str,
    world: str,
    *,
    evidence: tuple[Path, ...],
    speed: str,
    board: Path | None,
    state: Path | None,
    alarms: bool,
    brief: bool,
    as_json: bool,
) -> int:
    """Replay STREAM and tell what is down, where, since when, and which shared thing explains it.

    STREAM is Parquet, CSV or lines of JSON, `-` standard input, or a nats-server to which workers pass
    their counts (`outlast reports serve --nats`). Exit code 1: something was found.
    """
    pace = _speed(speed)
    topology = find_world(world)
    grid = grid_of(topology)
    others = [one for path in evidence for one in read_evidence(path)]
    probed = {one.probe.subject for one in others if one.probe is not None}
    watcher = Watcher(grid, roads_of(topology, probed), others=others, tracing=board is not None)
    shown = Boarding(open_world(board, state, kept=True), watcher) if board is not None else None
    reader = FileReader(Coder(grid), Identity(Key(make_secret(), 0)), int(time.time()))
    found = False
    with shown or contextlib.nullcontext():
        for entry in paced(_entries(stream, reader, watcher), pace, shown):
            found = found or entry.kind == "verdict"
            if as_json:
                sys.stdout.write(_json(entry) + "\n")
            elif alarms or entry.kind != "alarm":
                at = iso(entry.minute * 60 * NS_PER_S)
                sys.stdout.write(
                    f"{at[:10]} {at[11:16]}  {entry.who:<9} {_brief(entry) if brief else entry.text}\n"
                )
            sys.stdout.flush()
    for name, number in sorted(reader.unknown.items(), key=lambda one: -one[1])[:10]:
        sys.stderr.write(f"not in {world}: {name!r}, {number} reports\n")
    return int(found)


def _brief(entry: Entry) -> str:
    causes = [f"{one['kind']} `{one['cause']}`" for one in entry.data.get("suspects", ())]
    if entry.kind != "verdict" or not causes:
        return entry.text
    doubt = "" if entry.data["outcome"] == "cause" else f"{entry.data['outcome']}: "
    return f"{doubt}{', '.join(causes)} ({entry.data['down']} services down)"


def _entries(stream: str, reader: FileReader, watcher: Watcher) -> Iterator[Entry]:
    if stream.startswith(("nats://", "tls://")):
        yield from _live(stream, watcher, reader.coder.grid)
        return
    parts = counted(reader.read(Path(stream)), Intake(Rules()), reader.coder.grid)
    for counts in parts if stream == "-" else ahead(parts):
        yield from watcher.count(counts)
    yield from watcher.finish()


def _live(url: str, watcher: Watcher, grid: Grid) -> Iterator[Entry]:
    """Detect on what workers pass on, until interrupted; begins with what the stream still holds."""
    from outlast.drivers.reports.stream import Inbox, connect  # noqa: PLC0415 - a file needs no NATS

    inbox = Inbox()
    with asyncio.Runner() as runner:
        client, jetstream = runner.run(connect(url))
        try:
            counts = inbox.live(jetstream, patience_s=1.0)
            while True:
                some = runner.run(_next(counts))
                yield from watcher.count(regrid(some, grid)[0] if some is not None else none(grid))
                yield from watcher.until(int(time.time()) // 60 - LAG_MINUTES)
        finally:
            runner.run(client.close())


async def _next(counts: AsyncIterator[MinuteCounts | None]) -> MinuteCounts | None:
    return await anext(counts)


def _json(entry: Entry) -> str:
    values = {
        "at": iso(entry.minute * 60 * NS_PER_S),
        "who": entry.who,
        "kind": entry.kind,
        "text": entry.text,
        **entry.data,
    }
    return msgspec.json.encode(values).decode()
