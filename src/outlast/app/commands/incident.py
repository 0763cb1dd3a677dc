"""`outlast incident`: opened by hand, told to the public, reviewed from the audit trail."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from outlast.app.commands.log import reader, verified
from outlast.app.options import by_option, json_option, open_world, world_options
from outlast.app.session import open_session
from outlast.app.wiring import World
from outlast.drivers.incidents import all_incidents, open_incident, update_incident
from outlast.drivers.ledger import Ledger
from outlast.glass.incident import Certainty, Impact, Incident, Phase, Update
from outlast.glass.review import as_html, review
from outlast.model.errors import ConfigError
from outlast.model.units import Nanos, from_iso, iso
from outlast.trail.verify import entries

T = TypeVar("T")
MARKDOWN, HTML = ".md", ".html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What an incident is opened with.

    Attributes:
        began: UTC, as 2025-10-20T06:48:00Z; empty: now. `notice`: the same; empty: none yet.
    """

    title: str
    say: str
    impact: Impact = Impact.MINOR
    about: tuple[str, ...] = ()
    began: str = ""
    notice: str = ""
    exercise: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What is said about an incident; a phase of None: as before."""

    number: int
    say: str
    phase: Phase | None = None
    confirmed: bool = False
    revises: int = 0
    private: bool = False


@click.group()
def incident() -> None:
    """Open incidents, tell the public, and write the review.

    Whatever is said here stands on the public page (`outlast page`) and in the audit trail.
    """


number_argument = click.argument("number", type=click.IntRange(1))
at_help = "UTC, as 2025-10-20T06:48:00Z."


@incident.command(
    name="open",
    epilog="""
    \b
    Examples:
      outlast incident open world.yaml "Paying fails" --impact major --about api \\
          --say "We see errors when paying and are looking into it."
      outlast incident open world.yaml "Paying fails" --from-alarm --say "We are looking into it."
      outlast incident open world.yaml "Evacuation of eu-west" --exercise --say "Planned exercise."
    """,
)
@world_options
@click.argument("title")
@click.option(
    "--impact",
    type=click.Choice(Impact, case_sensitive=False),
    default=Impact.MINOR,
    show_default="minor",
    help="How bad it is for people.",
)
@click.option("--about", multiple=True, help="Endpoint or service that is hit; may be repeated.")
@click.option("--began", default="", help=f"When people began to be hit: {at_help} [default: now]")
@click.option("--notice", default="", help=f"When the provider at fault gave notice: {at_help}")
@click.option("--exercise", is_flag=True, help="A drill: marked as such, counts as no outage.")
@click.option(
    "--from-alarm",
    is_flag=True,
    help="What is hit, since when, and the notice: from what detection holds to be so now.",
)
@click.option("--say", required=True, help="The first words to the public.")
@by_option
def open_(
    file: Path,
    state: Path | None,
    title: str,
    *,
    impact: Impact,
    about: tuple[str, ...],
    began: str,
    notice: str,
    exercise: bool,
    from_alarm: bool,
    say: str,
    by: str,
) -> None:
    """Open an incident called TITLE."""
    world = open_world(file, state, kept=True)
    wanted = Opening(
        title=title,
        say=say,
        impact=impact,
        about=about,
        began=began,
        notice=notice,
        exercise=exercise,
    )
    now_ns = world.clock.now_ns()
    if from_alarm:
        # Imported when it is asked for: detection brings numerical libraries along.
        from outlast.app.reports.alarming import alarm_of  # noqa: PLC0415

        raised = _run(world, lambda ledger: alarm_of(ledger.store, now_ns), writes=False)
        wanted = replace(
            wanted,
            about=(*dict.fromkeys([*about, *raised.about]),),
            began=began or iso(raised.began_ns),
            notice=notice or (iso(raised.notice_ns) if raised.notice_ns else ""),
        )
    found = _run(world, lambda ledger: put_opening(ledger, wanted, by, now_ns), writes=True)
    click.echo(f"incident {found.number} is open: {found.title}")


@incident.command(
    epilog="""
    \b
    Examples:
      outlast incident say world.yaml 1 "A DNS name of a supplier is empty." --phase identified
      outlast incident say world.yaml 1 "It was not DNS after all." --revises 2
      outlast incident say world.yaml 1 "Reviewed the graphs." --private
      outlast incident say world.yaml 1 "All names answer again." --phase resolved --confirmed
    """
)
@world_options
@number_argument
@click.argument("text")
@click.option(
    "--phase",
    type=click.Choice(Phase, case_sensitive=False),
    help="How far the work is. [default: as before]",
)
@click.option("--confirmed", is_flag=True, help="Two kinds of evidence show it.")
@click.option("--revises", type=click.IntRange(1), default=None, help="Replaces that update.")
@click.option("--private", is_flag=True, help="A note for ourselves; not on the public page.")
@by_option
def say(
    file: Path,
    state: Path | None,
    number: int,
    text: str,
    *,
    phase: Phase | None,
    confirmed: bool,
    revises: int | None,
    private: bool,
    by: str,
) -> None:
    """Say TEXT about incident NUMBER."""
    world = open_world(file, state, kept=True)
    wanted = Saying(
        number=number,
        say=text,
        phase=phase,
        confirmed=confirmed,
        revises=revises or 0,
        private=private,
    )
    now_ns = world.clock.now_ns()
    found = _run(world, lambda ledger: put_saying(ledger, wanted, by, now_ns), writes=True)
    click.echo(f"incident {found.number}: {found.phase}, {len(found.updates)} updates")


@incident.command(name="list")
@world_options
@json_option
def list_(file: Path, state: Path | None, *, as_json: bool) -> None:
    """List all incidents, newest first."""
    found = _run(open_world(file, state, kept=True), all_incidents, writes=False)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    for one in found:
        kind = "exercise" if one.exercise else one.impact
        click.echo(f"{one.number:>4}  {iso(one.began_ns)}  {one.phase:<13} {kind:<8} {one.title}")
    if not found:
        click.echo("no incidents are on record")


def _of_a_kind(_: click.Context, __: click.Parameter, output: Path | None) -> Path | None:
    """Refuse a file of a kind that is not made: Markdown by the name of another is found out too late."""
    if output is not None and output.suffix not in {MARKDOWN, HTML}:
        raise click.BadParameter(f"{output} is neither a {MARKDOWN} nor a {HTML} file")
    return output


@incident.command(
    name="review",
    epilog="""
    \b
    Examples:
      outlast incident review world.yaml 1 --output review.md
      outlast incident review world.yaml 1 --output review.html --trail copy/of/trail

    Facts come out of the verified audit trail, each with its entry; what is missing is listed. The
    reasoning is left to people.
    """,
)
@world_options
@number_argument
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_of_a_kind,
    help="A .md or .html file.",
)
@click.option(
    "--trail", default="", help="Folder or URL of the trail. [default: the state folder's]"
)
def review_(
    file: Path, state: Path | None, number: int, *, output: Path | None, trail: str
) -> None:
    """Write the review of incident NUMBER."""
    world = open_world(file, state, kept=True)
    found = _one(world, number)
    read = reader(trail or str(world.state.trail))
    size = verified(read, world.trail_signer().verifier).size
    text = review(found, list(entries(read, size)))
    if output is None:
        click.echo(text, nl=False)
        return
    page = as_html(text, found.title) if output.suffix == HTML else text
    output.write_text(page, encoding="utf-8")
    click.echo(f"written: {output}")


async def put_opening(ledger: Ledger, wanted: Opening, by: str, now_ns: Nanos) -> Incident:
    """Open an incident.

    Raises:
        ConfigError: a text or a time is none.
    """
    first = Update(at_ns=now_ns, by=by, text=_line(wanted.say), phase=Phase.INVESTIGATING)

    def make(number: int) -> Incident:
        return Incident(
            number=number,
            title=_line(wanted.title),
            impact=wanted.impact,
            about=wanted.about,
            opened_ns=now_ns,
            began_ns=_instant(wanted.began) if wanted.began else now_ns,
            notice_ns=_instant(wanted.notice) if wanted.notice else None,
            exercise=wanted.exercise,
            updates=(first,),
        )

    return await open_incident(ledger, make, by=by)


async def put_saying(ledger: Ledger, wanted: Saying, by: str, now_ns: Nanos) -> Incident:
    """Say something about an incident.

    Raises:
        ConfigError: there is no such incident, or the text is none.
    """
    known = _named(await all_incidents(ledger), wanted.number)
    certainty = Certainty.CONFIRMED if wanted.confirmed else Certainty.PROVISIONAL
    update = Update(
        at_ns=now_ns,
        by=by,
        text=_line(wanted.say),
        phase=wanted.phase or known.phase,
        certainty=Certainty.REVISED if wanted.revises else certainty,
        revises=wanted.revises,
        public=not wanted.private,
    )
    return await update_incident(ledger, wanted.number, update)


def _run(world: World, work: Callable[[Ledger], Awaitable[T]], *, writes: bool) -> T:
    async def run() -> T:
        async with open_session(world, "incident", writes=writes) as session:
            return await work(session.ledger)

    return asyncio.run(run())


def _one(world: World, number: int) -> Incident:
    return _named(_run(world, all_incidents, writes=False), number)


def _named(known: list[Incident], number: int) -> Incident:
    for one in known:
        if one.number == number:
            return one
    raise ConfigError(f"there is no incident {number}", remedy="`outlast incident list` shows them")


def _line(text: str) -> str:
    if not text.strip() or any(ord(one) < ord(" ") for one in text):
        raise ConfigError(f"{text!r} is no line of text", remedy="write one line, without tabs")
    return text.strip()


def _instant(text: str) -> Nanos:
    try:
        return from_iso(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no time", remedy=f"write {at_help}") from error
