"""`outlast drill`: what breaks, in which order, for whom, for how long; and what would have helped."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from outlast.app.drill import asking, library, quick
from outlast.app.drill.exercising import live, live_options
from outlast.app.drill.summary import Shown, as_json, print_head, print_summary
from outlast.app.drill.wanted import Wanted
from outlast.app.options import DurationType
from outlast.app.show import console
from outlast.drill.compiled.wanted import stepped_by
from outlast.drill.report.clock import length
from outlast.drill.scenario import ControlPlane
from outlast.drill.vary import Case
from outlast.model.errors import ConfigError

OUT = click.Path(path_type=Path, dir_okay=False)


@click.command(
    epilog="""
    \b
    Examples:
      outlast drill --list
      outlast drill region-lost                            one that ships
      outlast drill my-drill.yaml --html drill.html        one of yours; ends with 1 if it fails
      outlast drill world.yaml --lose region:us-east --for 2h
      outlast drill aws --lose region:us-east-1
      outlast drill retry-storm --exact checkout           one service exactly, beside the fluid
      outlast drill world.yaml --sweep                     what hurts most?
      outlast drill world.yaml --search                    what is the least that breaks a promise?
      outlast drill --compare before.yaml after.yaml       which is better, and is that sure?
      outlast drill world.yaml --live evacuate us-east --reason "quarterly exercise"

    What can be lost: region, zone (of a region), service, endpoint or name (DNS answers nothing),
    provider, dns-zone, target, shared, country, control-plane (or its planner, enactors, probers),
    store, edge:FROM>TO; @REGION narrows it.

    Ends with 0 if all expectations held, with 1 if one failed, with 2 if a file cannot be used.
    """
)
@click.argument("what", nargs=-1, metavar="[SCENARIO | WORLD]...")
@click.option("--list", "show_list", is_flag=True, help="List scenarios and worlds that ship.")
@click.option("--lose", multiple=True, metavar="KIND:NAME", help="Take it away from WORLD.")
@click.option("--for", "for_s", type=DurationType(1.0), default=3600.0, help="For how long. [1h]")
@click.option("--seed", type=click.IntRange(0), help="In the place of the scenario's.")
@click.option(
    "--step",
    type=DurationType(0.01, 60.0),
    help="Length of a time step. [the scenario's; 10s in sweeps]",
)
@click.option(
    "--control-plane",
    type=click.Choice(("real", "model", "none")),
    help="Who says where names lead. [the scenario's; a model of it]",
)
@click.option(
    "--engine",
    type=click.Choice(("auto", "compiled", "numpy")),
    envvar="OUTLAST_ENGINE",
    help="Who makes the steps; the results are the same. [compiled where there is a C compiler]",
)
@click.option("--json", "as_json_", is_flag=True, help="Print JSON for machines.")
@click.option("--html", type=OUT, help="Write the report there: one file that needs no network.")
@click.option(
    "--parquet",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the raw series there.",
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write each figure there: SVG, and PNG where a browser is installed.",
)
@click.option("--helped/--no-helped", default=True, help="Try what would have helped. [yes]")
@click.option(
    "--exact",
    default="",
    metavar="SERVICE[@REGION]",
    help="Play one service of it request by request, beside the fluid engine.",
)
@click.option(
    "--sweep", is_flag=True, help="Lose each thing alone, and chosen pairs; rank the harm."
)
@click.option(
    "--search", is_flag=True, help="Find the smallest set of faults that breaks an expectation."
)
@click.option("--most", type=click.IntRange(1, 4), default=2, help="Faults in a set, at most. [2]")
@click.option("--compare", is_flag=True, help="Compare two scenarios or worlds over seeds.")
@click.option(
    "--members", type=click.IntRange(1), default=8, help="Runs of an ensemble, each side. [8]"
)
@click.option(
    "--ensemble", is_flag=True, help="Run SCENARIO over seeds and its variations' ranges."
)
@click.option("--jobs", type=click.IntRange(0), default=0, help="Processes; 0: all cores. [0]")
@click.option(
    "--dask", default="", metavar="ADDRESS", help="Run on this Dask scheduler: tcp://HOST:PORT."
)
@click.option(
    "--only", default="", metavar="KINDS", help="With --sweep and --search: region,zone,service."
)
@live_options
def drill(what: tuple[str, ...], **options: object) -> int:
    """Play a disaster through, on paper or as an exercise."""
    with stepped_by(options["engine"]):
        return _answer(what, options)


def _answer(what: tuple[str, ...], options: dict[str, object]) -> int:
    ask = asking.Ask.of(options)
    if options["show_list"]:
        return _list(console())
    if not what:
        raise click.UsageError("name a scenario or a world; `--list` shows what ships")
    if options["live"]:
        return live(console(), what[0], options)
    if options["compare"]:
        return asking.compare(console(), [_case(one, options) for one in what], ask)
    if len(what) > 1:
        raise click.UsageError("one scenario or world at a time; two with --compare")
    case = _case(what[0], options)
    if options["exact"]:
        from outlast.app.drill.exactly import exactly  # noqa: PLC0415 - it loads numpy

        return exactly(console(), case, str(options["exact"]), as_json=bool(options["as_json_"]))
    if options["sweep"]:
        return asking.sweep(console(), case, ask)
    if options["search"]:
        return asking.search(console(), case, ask)
    if options["ensemble"]:
        return asking.ensemble(console(), case, ask)
    wanted = Wanted(
        as_json=bool(options["as_json_"]),
        html=_path(options["html"]),
        parquet=_path(options["parquet"]),
        figures=_path(options["figures"]),
        helped=bool(options["helped"]),
    )
    wanted.check()
    return _run(case, wanted, what[0])


def _path(value: object) -> Path | None:
    return value if isinstance(value, Path) else None


def _list(out: Console) -> int:
    for name, world, title in library.titles():
        out.print(f"[bold]{name}[/] ({world}): {title}", highlight=False)
    out.print(f"worlds: {', '.join(library.world_names())}")
    return 0


def _case(what: str, options: dict[str, object]) -> Case:
    """Return the case of a scenario, or of a question to a world."""
    lost = options["lose"]
    path = library.find_scenario(what)
    if path is not None and lost:
        raise ConfigError(f"{what} is a scenario", remedy="--lose goes with a world")
    if path is not None:
        loaded = library.open_scenario(path)
        for warning in loaded.warnings:
            sys.stderr.write(f"{warning}\n")
        case = Case(loaded.topology, loaded.scenario)
    else:
        case = _question(what, options)
    changes = {"seed": options["seed"], "step_s": options["step"]}
    given = {key: value for key, value in changes.items() if value is not None}
    if options["control_plane"] is not None:
        given["control_plane"] = ControlPlane(str(options["control_plane"]))
    return Case(case.topology, replace(case.scenario, **given)) if given else case  # type: ignore[arg-type]


def _question(what: str, options: dict[str, object]) -> Case:
    lost, for_s = options["lose"], options["for_s"]
    assert isinstance(lost, tuple)
    assert isinstance(for_s, float)
    topology = library.find_world(what)
    many = any(options[key] for key in ("sweep", "search", "compare"))
    if not lost and (options["compare"] or not many):
        more = "--compare A B with --lose" if options["compare"] else f"outlast drill {what} --lose"
        raise ConfigError(
            f"{what} is a world, and nothing is lost in it",
            remedy=f"{more} region:{topology.regions[0].name}, or --sweep"
            if topology.regions
            else "outlast drill --list",
        )
    scenario = quick.question(topology, what, lost, for_s)
    if many and options["step"] is None:
        scenario = replace(scenario, step_s=asking.STEP_S)
    return Case(topology, scenario)


def _run(case: Case, wanted: Wanted, what: str) -> int:
    out = Console(file=sys.stderr) if wanted.as_json else console()
    print_head(out, case)
    from outlast.app.drill import record, results  # noqa: PLC0415
    from outlast.app.drill.running import tried, watched_run  # noqa: PLC0415 - it loads numpy
    from outlast.drill.report import figures, measured, write_html, write_parquet  # noqa: PLC0415

    outcome, took_s = watched_run(case)
    shown = Shown.of(outcome)
    helped = []
    if wanted.helped:
        asked = record.asked(case)
        helped = [measured(one, name=rail.name, label=rail.label) for rail, one in tried(asked)]
    if helped:
        helped.insert(0, measured(outcome, name="as it is", hit=shown.hit))
    if wanted.as_json:
        click.echo(json.dumps({**as_json(shown, helped), "took_s": took_s}, indent=2))
    else:
        print_summary(out, shown, helped)
        engine = outcome.provenance.get("engine", "")
        out.print(f"{length(case.scenario.length_s / 60)} in {took_s:.1f} s, engine: {engine}")
    results.remember(what, case.scenario, outcome.judgements)
    lines = record.record_of(outcome)
    fitted = record.print_record(out, lines)
    if wanted.html is not None:
        write_html(outcome, wanted.html, helped=helped, notes=record.record_html(lines))
        out.print(f"report: {wanted.html}")
    if wanted.parquet is not None:
        files = write_parquet(outcome, wanted.parquet)
        out.print(f"series: {', '.join(str(one) for one in files)}")
    if wanted.figures is not None:
        png = figures.browser() is not None
        out.print(f"figures: {len(figures.write_figures(outcome, wanted.figures, png=png))} files")
    return int(not fitted or any(not one.held for one in outcome.judgements))
