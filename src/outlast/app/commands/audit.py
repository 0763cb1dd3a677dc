"""`outlast audit`: names each hidden single road of a topology."""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import click

from outlast.app.audit import baseline as baselines
from outlast.app.audit import suppress
from outlast.app.audit.outcome import Outcome
from outlast.app.audit.shown import Shown, show
from outlast.audit.boot import boot
from outlast.audit.finding import Severity, count
from outlast.audit.rule import Rule
from outlast.audit.rules import RULES
from outlast.audit.run import Choice, case_of
from outlast.audit.run import audit as run_rules
from outlast.config.load import parse
from outlast.model.errors import ConfigError
from outlast.model.topology import Topology

FIX_ROUNDS_MAX = 5
FORMATS = ("text", "json", "sarif", "junit", "html")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asks for."""

    choice: Choice
    today: date
    baseline: Path | None


def _codes(texts: tuple[str, ...]) -> tuple[str, ...]:
    codes = tuple(one.strip().upper() for text in texts for one in text.split(",") if one.strip())
    for code in codes:
        if not any(rule.code.startswith(code) for rule in RULES):
            raise ConfigError(f"no rule begins with {code!r}", remedy="outlast audit --list-rules")
    return codes


def _read(file: Path) -> str:
    if not file.exists():
        from outlast.app.drill.library import world_file  # noqa: PLC0415

        file = world_file(str(file)) or file
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file} cannot be read: {error}", remedy="name a topology file"
        ) from error


def examine(file: str, text: str, wanted: Wanted) -> Outcome:
    """Judge a text.

    Raises:
        TopologyErrors: it is no topology that can be used.
        ConfigError: the baseline cannot be read.
    """
    topology = parse(text, file).topology
    case = case_of(topology, wanted.today)
    chosen = tuple(one for one in RULES if wanted.choice.takes(one.code))
    shown: list[Shown] = show(run_rules(case, wanted.choice), file, text)
    shown = suppress.apply(shown, file, text, chosen)
    gone = 0
    if wanted.baseline is not None:
        shown, gone = baselines.apply(shown, baselines.read_baseline(wanted.baseline))
    return Outcome(file=file, size=_size(topology), shown=shown, gone=gone, boot=case.boot)


def _size(topology: Topology) -> str:
    edges = sum(len(one.needs) for one in topology.services)
    return (
        f"{count(len(topology.services), 'service')}, {count(edges, 'dependency')}, "
        f"{count(len(topology.endpoints), 'endpoint')}, {count(len(topology.regions), 'region')}"
    )


def _rendered(outcome: Outcome, form: str, chosen: tuple[Rule, ...], *, reasons: bool) -> str:
    """Only the form that is asked for is imported: a hook should not wait for the others."""
    if form == "sarif":
        from outlast.app.audit.sarif import sarif  # noqa: PLC0415

        return sarif(outcome)
    if form == "junit":
        from outlast.app.audit.junit import junit  # noqa: PLC0415

        return junit(outcome, chosen)
    if form == "html":
        from outlast.app.audit.page import page  # noqa: PLC0415

        return page(outcome)
    from outlast.app.audit.text import as_json, text  # noqa: PLC0415

    return as_json(outcome) if form == "json" else text(outcome, reasons=reasons)


def _fix(file: Path, text: str, wanted: Wanted) -> str:
    from outlast.app.audit.fix import fix  # noqa: PLC0415

    written = text
    for _ in range(FIX_ROUNDS_MAX):  # a shorter TTL may make another one look long
        fixed = fix(text, str(file), examine(str(file), text, wanted).shown, wanted.today)
        text = fixed.text
        for one in fixed.done:
            sys.stderr.write(f"fixed: {one.finding.hit.message} [{one.rule.code}]\n")
        if not fixed.done:
            break
    for one, reason in fixed.left:
        sys.stderr.write(f"not fixed, {reason}: {one.finding.hit.message} [{one.rule.code}]\n")
    if text != written:
        beside = file.with_name(file.name + ".new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    return text


def _list(form: str, *, markdown: bool) -> str:
    if markdown:
        from outlast.app.audit.rulebook import rulebook  # noqa: PLC0415

        return rulebook()
    if form == "json":
        return json.dumps([one.as_json() for one in RULES], indent=2, ensure_ascii=False)
    from outlast.app.audit.text import rule_list  # noqa: PLC0415

    return rule_list(RULES)


def _explained(code: str) -> str:
    for rule in RULES:
        if rule.code == code.upper():
            return str(rule)
    raise ConfigError(f"there is no rule {code!r}", remedy="outlast audit --list-rules")


def _boot(file: Path, text: str, region: str) -> str:
    from outlast.app.audit.text import boot_text  # noqa: PLC0415

    topology = parse(text, str(file)).topology
    if region == "all":
        return boot_text(boot(topology), "everything")
    if region not in {one.name for one in topology.regions}:
        raise ConfigError(f"there is no region {region!r} in {file}", remedy="name one, or `all`")
    return boot_text(boot(topology, region), f"what runs only in {region}")


@click.command(
    epilog="""
    \b
    Examples:
      outlast audit world.yaml
      outlast audit aws                                             a world that ships
      outlast audit world.yaml --select CUT,TTL --ignore TTL003
      outlast audit aws                                             a world that ships: `drill --list`
      outlast audit world.yaml --format html --output audit.html    with the roads drawn
      outlast audit world.yaml --format sarif                       for code review
      outlast audit world.yaml --write-baseline audit.json          then: --baseline audit.json
      outlast audit world.yaml --fix                                what is safe: TTLs, budgets
      outlast audit --explain CUT001
      outlast audit world.yaml --boot all
      outlast audit world.yaml --discover compose:compose.yaml --discover dns

    \b
    Accept a finding in the file, with a reason:
      login: {...}   # audit: ignore DIV001 -- customers keep tokens for a day

    Ends with 0 if nothing at or above --fail-on is left, with 1 if something is, with 2 if FILE cannot
    be used.
    """
)
@click.argument(
    "file",
    required=False,
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="OUTLAST_TOPOLOGY",
)
@click.option(
    "--select", multiple=True, metavar="CODES", help="Only rules that begin so: DIV,TTL002."
)
@click.option("--ignore", multiple=True, metavar="CODES", help="But not those that begin so.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", help="How to show it."
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it there.")
@click.option(
    "--fail-on",
    type=click.Choice([str(one) for one in Severity]),
    default="warning",
    show_default=True,
    help="End with 1 from this severity on.",
)
@click.option("--reasons", is_flag=True, help="Show what is accepted, too, with the reasons.")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Leave out the findings of this file.",
)
@click.option(
    "--write-baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write today's findings to this file, and end with 0.",
)
@click.option("--fix", is_flag=True, help="Repair what is safe, in FILE; comments stay.")
@click.option("--list-rules", is_flag=True, help="List all rules.")
@click.option("--markdown", is_flag=True, help="With --list-rules: the rulebook.")
@click.option("--explain", metavar="CODE", help="Explain one rule.")
@click.option(
    "--boot", "boot_region", metavar="REGION", help="Print the order of a cold start; `all`."
)
@click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day to judge drills by. [default: today]",
)
@click.option(
    "--discover",
    "sources",
    multiple=True,
    metavar="SOURCE",
    help="Complete FILE first: dns, dns:SERVER, compose:PATH, kubernetes:PATH, terraform:PATH, "
    "traces:PATH.",
)
@click.option("--offline", is_flag=True, help="Ask no name server, whatever --discover says.")
@click.option(
    "--completed",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where --discover writes. [default: FILE.completed.yaml; FILE itself is never touched]",
)
def audit(
    file: Path | None,
    *,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    form: str,
    as_json: bool,
    output: Path | None,
    fail_on: str,
    reasons: bool,
    baseline: Path | None,
    write_baseline: Path | None,
    fix: bool,
    list_rules: bool,
    markdown: bool,
    explain: str | None,
    boot_region: str | None,
    today: datetime | None,
    sources: tuple[str, ...],
    offline: bool,
    completed: Path | None,
) -> int:
    """Find every road in FILE that leads to one place, before it closes."""
    form = "json" if as_json else form
    if list_rules:
        return _say(_list(form, markdown=markdown), output)
    if explain is not None:
        return _say(_explained(explain), output)
    if file is None:
        raise click.UsageError("name a topology FILE, or --list-rules, or --explain CODE")
    name, file = str(file), _shipped(file, fix=fix)
    if sources:
        file = _completed(file, sources, offline=offline, into=completed)
        name = str(file)
    text = _read(file)
    if boot_region is not None:
        return _say(_boot(file, text, boot_region), output)
    day = today.date() if today else datetime.now(UTC).date()
    wanted = Wanted(choice=Choice(_codes(select), _codes(ignore)), today=day, baseline=baseline)
    if fix:
        text = _fix(file, text, wanted)
    outcome = examine(name, text, wanted)
    if write_baseline is not None:
        baselines.write_baseline(write_baseline, outcome.shown)
        return _say(f"{write_baseline}: {count(len(outcome.counting), 'finding')}", output)
    chosen = tuple(one for one in RULES if wanted.choice.takes(one.code))
    _say(_rendered(outcome, form, chosen, reasons=reasons), output)
    return int(outcome.fails(Severity(fail_on)))


def _completed(file: Path, sources: tuple[str, ...], *, offline: bool, into: Path | None) -> Path:
    from outlast.app.audit.discover import complete  # noqa: PLC0415 - readers that few calls need

    return complete(file, sources, offline=offline, into=into)


def _shipped(file: Path, *, fix: bool) -> Path:
    """Return the file of a world that ships, if that is meant and no file of this name lies here."""
    if file.exists() or file.suffix:
        return file
    from outlast.app.drill.library import world_file  # noqa: PLC0415 - with all of drills behind it

    found = world_file(str(file))
    if found is not None and fix:
        raise ConfigError(f"{file} ships with Outlast", remedy=f"copy it first: cp {found} .")
    return found or file


def _say(text: str, output: Path | None) -> int:
    if output is None:
        click.echo(text)
    else:
        output.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return 0
