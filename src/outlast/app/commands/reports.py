"""`outlast reports`: take reports of outages in, make them up, look at what came."""

import asyncio
import sys
import time
from pathlib import Path

import click
import msgspec

from outlast.app.commands.up import AddressType
from outlast.app.drill.running import run_case
from outlast.app.options import DurationType, json_option, open_world, world_options
from outlast.app.reports.fromdrill import find_case, people_of
from outlast.app.reports.prober import write_evidence
from outlast.app.reports.serving import Serving, Wanted
from outlast.app.reports.watching import Entry
from outlast.app.web import listen
from outlast.detect.synth import Manner, reports, scaled
from outlast.drill.outcome import Outcome
from outlast.drill.vary import Case
from outlast.drivers.reports.history import History
from outlast.drivers.reports.outgoing import Outgoing
from outlast.drivers.reports.people import read_people, write_stream
from outlast.drivers.reports.review import (
    decide,
    read_decided,
    read_waiting,
    shown,
    write_decided,
)
from outlast.drivers.reports.tokens import (
    Source,
    fingerprint,
    make_token,
    read_sources,
    renewed,
    write_sources,
)
from outlast.model.errors import ConfigError
from outlast.model.topology import Address
from outlast.model.units import NS_PER_S, iso

SWITCH_S = 0.0005
"""The disk's thread must not wait five milliseconds for its turn after each sync."""


@click.group()
def reports_group() -> None:
    """Take reports of outages in, make them up, look at what came."""


@reports_group.command()
@world_options
@click.option(
    "--listen",
    "address",
    type=AddressType(),
    default="127.0.0.1:9180",
    show_default=True,
    help="Where reports are taken in.",
)
@click.option("--tokens-only", is_flag=True, help="Nobody reports without a token.")
@click.option(
    "--proxy", "proxies", multiple=True, help="Address whose X-Forwarded-For is believed."
)
@click.option("--nats", default="", help="Pass counts on to this nats-server instead of detecting.")
@click.option("--worker", default="worker", show_default=True, help="Name in the stream; its own.")
@click.option("--webhook", default="", help="URL that is sent each finding.")
@click.option("--alertmanager", default="", help="URL of an Alertmanager.")
def serve(
    file: Path,
    state: Path | None,
    *,
    address: Address,
    tokens_only: bool,
    proxies: tuple[str, ...],
    nats: str,
    worker: str,
    webhook: str,
    alertmanager: str,
) -> None:
    """Serve `POST /v1/reports`; detect and blame by the minute. Ctrl-C ends it."""
    world = open_world(file, state, kept=True)
    wanted = Wanted(
        nats=nats,
        worker=worker,
        public=not tokens_only,
        proxies=frozenset(proxies),
        webhook=webhook,
        alertmanager=alertmanager,
    )
    sock = listen(
        address,
        "reports",
        "another `outlast reports serve` may run already; else choose another address with --listen",
    )
    sys.setswitchinterval(SWITCH_S)
    sys.stderr.write(f"reports are taken at http://{address}/v1/reports\n")
    with sock:
        asyncio.run(Serving(world, wanted, _tell).run(sock))


@reports_group.command(
    epilog="""
    \b
    Examples:
      outlast reports detect world.yaml --nats nats://10.0.0.1:4222
      outlast reports detect world.yaml --nats nats://10.0.0.1:4222 --alertmanager http://10.0.0.2:9093
    """
)
@world_options
@click.option("--nats", required=True, help="The nats-server to which workers pass their counts.")
@click.option("--webhook", default="", help="URL that is sent each finding.")
@click.option("--alertmanager", default="", help="URL of an Alertmanager.")
def detect(file: Path, state: Path | None, *, nats: str, webhook: str, alertmanager: str) -> None:
    """Detect and blame on what workers count (`outlast reports serve --nats`). Ctrl-C ends it."""
    from outlast.app.reports.fromstream import FromStream  # noqa: PLC0415 - others need no NATS

    world = open_world(file, state, kept=True)
    outgoing = Outgoing(webhook, alertmanager)
    asyncio.run(FromStream(world, nats, _tell, outgoing=outgoing).run())


def _tell(entry: Entry) -> None:
    at = iso(entry.minute * 60 * NS_PER_S)
    sys.stdout.write(f"{at}  {entry.who:<9} {entry.kind:<10} {entry.text}\n")
    sys.stdout.flush()


@reports_group.command(
    epilog="""
    \b
    Examples:
      outlast reports synth incidents/us-east-1-2025 -o s.parquet --total 17000000 --evidence probes.jsonl
      outlast reports synth people.json -o stream.parquet
      outlast reports synth people.parquet -o stream.parquet --total 17000000
    """
)
@click.argument("people")
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="`-`: lines of JSON."
)
@click.option(
    "--evidence",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write also what a prober outside would have seen of a drill, for `watch --evidence`.",
)
@click.option("--seed", default=1, show_default=True, help="Of everything that is drawn.")
@click.option(
    "--total", type=click.IntRange(1), help="Reports in all; sets how likely people tell."
)
@click.option(
    "--propensity",
    default=Manner().propensity,
    show_default=True,
    help="Share of those hit who write a report.",
)
@click.option("--notice", default=360.0, type=DurationType(), help="Until people meet it. [6m]")
@click.option("--delay", default=180.0, type=DurationType(), help="Until they tell. [3m]")
@click.option("--again", default=14400.0, type=DurationType(), help="Until they tell again. [4h]")
@click.option("--usual", default=Manner().usual_a_day, show_default=True, help="A user and day.")
@click.option(
    "--before", default=14400.0, type=DurationType(), help="Of an ordinary day before a drill. [4h]"
)
def synth(
    people: str,
    *,
    out: Path,
    evidence: Path | None,
    seed: int,
    total: int | None,
    propensity: float,
    notice: float,
    delay: float,
    again: float,
    usual: float,
    before: float,
) -> None:
    """Make the reports that PEOPLE would have sent, for whom something failed.

    PEOPLE is a scenario of `outlast drill`, by name or file, which is run; or a file that says whom it hit.
    """
    case = find_case(people)
    outcome = run_case(case) if case is not None else None
    before_minutes = int(before // 60)
    hit = people_of(outcome, before_minutes) if outcome is not None else read_people(Path(people))
    if evidence is not None:
        _write_evidence(evidence, case, outcome, seed)
    manner = Manner(
        notice_minutes=notice / 60,
        delay_minutes=delay / 60,
        again_minutes=again / 60,
        propensity=propensity,
        usual_a_day=usual,
    )
    if total is not None:
        try:
            manner = scaled(hit, manner, total)
        except ValueError as error:
            raise ConfigError(str(error), remedy="lower --usual or raise --total") from error
    made = write_stream(out, hit.grid, reports(hit, manner, seed))
    sys.stderr.write(
        f"{made:,} reports, {hit.minutes} minutes, {len(hit.grid.services)} services, "
        f"{len(hit.grid.countries)} countries; {manner.propensity:.3g} of those who noticed told\n"
    )


def _write_evidence(path: Path, case: Case | None, outcome: Outcome | None, seed: int) -> None:
    if case is None or outcome is None:
        raise ConfigError(
            "people alone say nothing of what a prober would have seen",
            remedy="name a scenario of `outlast drill`, or leave --evidence out",
        )
    lines = write_evidence(path, case.topology, outcome, seed)
    sys.stderr.write(f"{lines:,} changes of probes\n")


@reports_group.command(
    epilog="""
    \b
    Examples:
      outlast reports token world.yaml carrier
      outlast reports token world.yaml carrier --overlap 1h     the old one is taken for an hour more
      outlast reports token world.yaml carrier --country DE     the only ear there: its silence is no health
      outlast reports token world.yaml carrier --end            no new one
    """
)
@world_options
@click.argument("name")
@click.option("--rate", default=200_000, show_default=True, help="Reports a second it may hand in.")
@click.option("--overlap", default=0.0, type=DurationType(), help="How long older ones last. [0s]")
@click.option("--country", "countries", multiple=True, help="Of which it is the ear; as DE.")
@click.option("--end", is_flag=True, help="End the tokens of NAME, and make no new one.")
def token(
    file: Path,
    state: Path | None,
    name: str,
    *,
    rate: int,
    overlap: float,
    countries: tuple[str, ...],
    end: bool,
) -> None:
    """Make a token for bulk source NAME; it is shown once. Older ones of the name end."""
    world = open_world(file, state, kept=True)
    path = world.state.root / "reports" / "tokens.json"
    now_s, secret = int(time.time()), make_token()
    made = Source(
        name=name,
        sha256=fingerprint(secret),
        since_s=now_s,
        reports_s=rate,
        countries=tuple(one.upper() for one in countries),
    )
    ends_s = now_s + int(overlap) if overlap else 0
    write_sources(path, renewed(read_sources(path), None if end else made, name, ends_s))
    if end:
        sys.stderr.write(f"no new token; what {name} has ends {'later' if ends_s else 'now'}\n")
        return
    sys.stdout.write(f"{secret}\n")
    sys.stderr.write("shown once; a running `outlast reports serve` knows it in a second\n")


@reports_group.command(
    epilog="""
    \b
    Examples:
      outlast reports review world.yaml                         what people name and nobody knows
      outlast reports review world.yaml --accept shpo=shop      it stands for the shop from now on
      outlast reports review world.yaml --ignore asdf           it is not shown again
    """
)
@world_options
@click.option("--accept", multiple=True, help="NAME=SERVICE; may be repeated.")
@click.option("--ignore", multiple=True, help="NAME; may be repeated.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many.")
@json_option
def review(
    file: Path,
    state: Path | None,
    *,
    accept: tuple[str, ...],
    ignore: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """Look at names that the topology does not know: accept, ignore, or just list them."""
    world = open_world(file, state, kept=True)
    folder = world.state.root / "reports"
    known = {str(one.name) for one in world.topology.services}
    decided = decide(read_decided(folder), [_accepted(one, known) for one in accept], ignore)
    if accept or ignore:
        write_decided(folder, decided)
        sys.stderr.write("taken over by a running `outlast reports serve` in a second\n")
    gone = {one.lower() for one in (*decided.ignored, *decided.accepted)}
    found = [one for one in read_waiting(folder) if one.name.lower() not in gone][:limit]
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
        return
    for one in found:
        last = iso(one.last_s * NS_PER_S)
        sys.stdout.write(f"{one.reports:>8}  {last}  {shown(one.name)}\n")
    if not found:
        sys.stdout.write("no name waits\n")


def _accepted(text: str, known: set[str]) -> tuple[str, str]:
    name, equals, service = text.rpartition("=")
    if not equals or not name.strip():
        raise ConfigError(f"{text!r} accepts nothing", remedy="write NAME=SERVICE")
    if service not in known:
        raise ConfigError(
            f"there is no service {service!r}", remedy="enter it in the topology first"
        )
    return name.strip(), service


@reports_group.command()
@world_options
@click.option("--since", default=86400.0, type=DurationType(), help="How far back. [1d]")
@click.option("--step", default=3600.0, type=DurationType(), help="[1h]")
@click.option("--service", default="", help="Only this service. [default: all]")
@click.option("--country", default="", help="Only this country, as DE. [default: all]")
@json_option
def counts(
    file: Path,
    state: Path | None,
    *,
    since: float,
    step: float,
    service: str,
    country: str,
    as_json: bool,
) -> None:
    """Show how many reports were counted, from the history."""
    world = open_world(file, state, kept=True)
    history = History(world.state.root / "reports" / "history")
    now_s = world.clock.now_ns() // NS_PER_S
    found = history.series(
        now_s - int(since), now_s + 1, max(60, int(step)), service=service, country=country
    )
    for one in found:
        at = iso(one.at_s * NS_PER_S)
        sys.stdout.write(
            f'{{"at": "{at}", "reports": {one.reports}}}\n' if as_json else f"{at}  {one.reports}\n"
        )
