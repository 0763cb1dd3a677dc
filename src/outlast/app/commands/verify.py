"""`outlast verify`: explore the protocol under virtual time; nothing real is touched."""

import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from outlast.app.show import console
from outlast.config import load
from outlast.model.errors import ConfigError
from outlast.sim import verify as verifying
from outlast.sim.chart import draw
from outlast.sim.design import Spec, invariant_of
from outlast.sim.designs import catalogue
from outlast.sim.fleet import Fleet
from outlast.sim.place import Place, place_of
from outlast.sim.search import Build
from outlast.sim.story import Evidence, evidence, tell
from outlast.sim.tables import guardrails, mutants
from outlast.sim.tape import load as load_tape
from outlast.sim.tape import replay, save
from outlast.sim.verify import Report, Request


@click.command(
    epilog="""
    \b
    Examples:
      outlast verify                                  this software, proof then search, 30 s
      outlast verify world.yaml --seconds 300         the same on your own endpoints
      outlast verify --design aws-2025                October 2025, told unaided
      outlast verify --design aws-2025 --with fence   the same with one guardrail
      outlast verify --guardrails                     each guardrail and all pairs, as a table
      outlast verify --mutants                        mutations of our own code, and what catches each
      outlast verify --design aws-2025 --out found    writes replay files and charts (HTML)
      outlast verify --replay found/s1.json           plays one again, here or anywhere
      outlast verify --machines 1000                  a fleet of so many, through a bad day, 3 min
      outlast verify --search --faults 6 --fault wipe --fault crash --seconds 600 --out night
    The last one goes on where it stopped when it is called again with the same folder.

    Ends with 0 when nothing was found, with 1 when an invariant was broken, with 2 on wrong use.
    """
)
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--design",
    default="outlast",
    show_default=True,
    type=click.Choice(catalogue.NAMES),
    help="What to explore.",
)
@click.option("--with", "switches", multiple=True, help="Switch a guardrail of the design on.")
@click.option("--exhaustive", is_flag=True, help="Only every interleaving of a small world.")
@click.option("--search", "searching", is_flag=True, help="Only random search in a large world.")
@click.option("--seconds", default=30.0, show_default=True, help="Wall time.")
@click.option("--seed", default=1, show_default=True, help="Names the schedules of the search.")
@click.option("--workers", default=0, help="Processes; 0: one for each core.")
@click.option("--enactors", type=click.IntRange(1), help="Enactors in the world.")
@click.option("--plans", type=click.IntRange(1), help="How often the planner plans.")
@click.option("--endpoints", type=click.IntRange(1), help="Endpoints in the zone.")
@click.option("--age", type=click.IntRange(1), help="Clean-up age in generations.")
@click.option("--faults", type=click.IntRange(0), help="Faults in one run, at most.")
@click.option("--fault", "kinds", multiple=True, help="A fault that may happen; default: all.")
@click.option("--replay", "tape", type=click.Path(path_type=Path), help="Play a replay file.")
@click.option("--machines", type=click.IntRange(20), help="Play a fleet of so many machines.")
@click.option("--guardrails", "rails", is_flag=True, help="Print the table of guardrails.")
@click.option("--mutants", "mutating", is_flag=True, help="Print the table of mutants.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for replay files, charts, and the memory of a search.",
)
def verify(
    file: Path | None,
    *,
    design: str,
    switches: tuple[str, ...],
    exhaustive: bool,
    searching: bool,
    seconds: float,
    seed: int,
    workers: int,
    tape: Path | None,
    machines: int | None,
    rails: bool,
    mutating: bool,
    as_json: bool,
    out: Path | None,
    **sizes: object,
) -> int:
    """Explore the protocol under virtual time: every interleaving of a small world, then search.

    Without FILE a made-up topology is used; with FILE your own endpoints (at most as many as --endpoints;
    floors, budgets, weights and failover order are set aside, so that every change of health publishes).
    """
    if rails or mutating:
        return _table(mutating=mutating)
    if machines is not None:
        return _fleet(machines, seed, as_json=as_json)
    build = _builder(file, design)
    if tape is not None:
        return _replay(build, tape, as_json=as_json)
    both = exhaustive == searching
    small, large = _specs(design, switches, sizes)
    request = Request(
        small=small if both or exhaustive else None,
        large=large if both or searching else None,
        seconds=seconds,
        seed=seed,
        workers=workers,
        memory=out,
    )
    return _explore(build, request, out, as_json=as_json)


def _table(*, mutating: bool) -> int:
    if not mutating:
        click.echo(guardrails())
        return 0
    table, survivors = mutants()
    click.echo(table)
    return 1 if survivors else 0


def _fleet(machines: int, seed: int, *, as_json: bool) -> int:
    """Play a fleet, print what it did line by line, and what broke."""
    load = Fleet(machines, seed).run()
    if as_json:
        click.echo(json.dumps(asdict(load), indent=1))
        return 1 if load.broken or load.unsettled else 0
    for name, value in asdict(load).items():
        if not isinstance(value, tuple):
            click.echo(f"{name:>10}  {value:,g}")
    for one in (*load.broken, *load.unsettled):
        click.echo(f"BROKEN {one}")
    if load.broken or load.unsettled:
        return 1
    click.echo("nothing broke, and all is well in the end")
    return 0


def _explore(build: Build, request: Request, out: Path | None, *, as_json: bool) -> int:
    for spec in (request.small, request.large):
        if spec is not None:
            build(spec)  # names that do not exist are told before anything starts
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    report = _watched(build, request, quiet=as_json)
    files = _write(report, out) if out is not None else {}
    if as_json:
        click.echo(json.dumps(_as_json(request, report, files), indent=1))
    else:
        _print(console(), request, report, files)
    return 1 if report.found else 0


def _builder(file: Path | None, design: str) -> Build:
    if file is None:
        return catalogue.build
    if design != "outlast":
        raise ConfigError(
            f"{design} is a model without a topology", remedy="leave FILE away, or --design"
        )
    place: Place = place_of(load(file).topology)
    return partial(catalogue.build_at, place)


def _specs(design: str, switches: tuple[str, ...], sizes: dict[str, object]) -> tuple[Spec, Spec]:
    entry = catalogue.entry_of(design)
    kinds = sizes.pop("kinds")
    assert isinstance(kinds, tuple)
    given = {name: value for name, value in sizes.items() if isinstance(value, int)}
    specs = []
    for size, usual in ((entry.small, entry.small_faults), (entry.large, entry.faults)):
        specs.append(
            Spec(
                design=design,
                size=replace(size, **given),
                switches=tuple(sorted(switches)),
                faults=tuple(sorted(kinds)) or usual,
            )
        )
    return specs[0], specs[1]


def _watched(build: Build, request: Request, *, quiet: bool) -> Report:
    if quiet:
        return verifying.verify(build, request)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting")

        def watch(way: str, count: int, steps: int) -> None:
            what = "states, depth" if way == "exhaustive" else "schedules, steps"
            progress.update(task, description=f"{way}: {count:,} {what} {steps:,}")

        return verifying.verify(build, request, watch)


def _write(report: Report, out: Path) -> dict[str, str]:
    files = {}
    for one in report.found:
        name = invariant_of(one.tape.found)
        at = out / f"{name.split()[0].lower()}.json"
        save(one.tape, at, one.trace)
        at.with_suffix(".html").write_text(draw(one), encoding="utf-8")
        files[name] = str(at)
    return files


def _replay(build: Build, path: Path, *, as_json: bool) -> int:
    tape = load_tape(path)
    design = build(tape.spec)
    trace = replay(design, tape)
    if (trace.digest, trace.found) != (tape.digest, tape.found):
        raise ConfigError(
            f"{path}: the run ended otherwise than recorded: {trace.found or 'nothing found'}",
            remedy=f"recorded was: {tape.found or 'nothing'}; the design changed since",
        )
    if as_json:
        click.echo(json.dumps({"found": trace.found, "digest": trace.digest, "same": True}))
    else:
        found = evidence(design, trace.steps, calm=tape.calm, waits_ms=trace.waits_ms)
        click.echo("\n".join(tell(found)))
        click.echo(f"\nDigest {trace.digest}: the same as recorded.")
    return 1 if trace.found else 0


def _print(to: Console, request: Request, report: Report, files: dict[str, str]) -> None:
    worst = [one for one in report.found if one.tape.found.startswith("S1")] or list(report.found)
    for one in worst[:1]:
        to.print(escape("\n".join(tell(one))), highlight=False, soft_wrap=True)
        to.print()
    for line in summary(request, report):
        to.print(escape(line), highlight=False, soft_wrap=True)
    for one in report.found:
        name = invariant_of(one.tape.found)
        heals = "heals" if not one.healing.unsettled else "does not heal"
        replay_with = f"; outlast verify --replay {files[name]}" if name in files else ""
        to.print(
            f"[red]broken[/red]  {escape(one.tape.found)} ({len(one.steps)} steps; {heals}"
            f"{escape(replay_with)})",
            soft_wrap=True,
        )
    if not report.found:
        to.print("[green]Nothing found.[/green]")


def summary(request: Request, report: Report) -> list[str]:
    """Say what was explored, and what was not."""
    lines = []
    seen, tally = report.explored, report.searched
    if seen is not None and request.small is not None:
        rest = (
            "complete: every reachable state"
            if seen.complete
            else f"NOT complete: {seen.unexpanded:,} states were met but not looked beyond"
        )
        lines += [
            f"Exhaustive: {request.small} ({request.small.size})",
            (
                f"  {seen.states:,} states, depth {seen.depth}, {seen.transitions:,} transitions in "
                f"{seen.seconds:.1f} s, {seen.bytes_per_state} bytes a state; {rest}"
            ),
        ]
    if tally is not None and request.large is not None:
        lines += [
            f"Search: {request.large} ({request.large.size})",
            (
                f"  {tally.schedules:,} schedules, {tally.steps:,} steps, {tally.healed:,} of them also "
                f"healed (at most {tally.heal_steps_max} moves), "
                f"{tally.virtual_ns / 3.6e12:,.0f} virtual hours"
            ),
        ]
    return lines


def _as_json(request: Request, report: Report, files: dict[str, str]) -> dict[str, object]:
    seen, tally = report.explored, report.searched
    return {
        "design": str(request.small or request.large),
        "seconds": round(report.seconds, 3),
        "exhaustive": None
        if seen is None
        else {
            "size": str(request.small.size) if request.small else "",
            "states": seen.states,
            "transitions": seen.transitions,
            "depth": seen.depth,
            "complete": seen.complete,
            "unexpanded": seen.unexpanded,
        },
        "search": None
        if tally is None
        else {
            "size": str(request.large.size) if request.large else "",
            "schedules": tally.schedules,
            "steps": tally.steps,
            "healed": tally.healed,
            "virtual_hours": tally.virtual_ns / 3.6e12,
            "hits": tally.hits,
        },
        "found": [_found_json(one, files) for one in report.found],
    }


def _found_json(one: Evidence, files: dict[str, str]) -> dict[str, object]:
    return {
        "broken": one.tape.found,
        "steps": len(one.steps),
        "digest": one.tape.digest,
        "point_of_no_return": one.fate.point if one.fate else None,
        "heals": not one.healing.unsettled,
        "hopeless": None
        if one.hopeless is None
        else {"never": one.hopeless[0], "states": one.hopeless[1].states},
        "replay": files.get(invariant_of(one.tape.found), ""),
        "story": tell(one),
    }
