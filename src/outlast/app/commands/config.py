"""`outlast config` and `schema`: check and explain a topology file."""

import json
from pathlib import Path

import click

from outlast.app.options import json_option
from outlast.config import TopologyErrors, load
from outlast.config.explain import explain as explain_fields
from outlast.config.schema import json_schema


@click.group()
def config() -> None:
    """Check or explain a topology file."""


@config.command(
    epilog="""
    \b
    Examples:
      outlast config check world.yaml
      outlast config check world.yaml --json       for editors and hooks

    Every fault of the file is told at once, each with line, column, value and remedy. Ends with 0 if the
    file can be used (warnings or not), with 2 if not.
    """
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), envvar="OUTLAST_TOPOLOGY")
@json_option
def check(file: Path, *, as_json: bool) -> int:
    """Check FILE without touching anything else."""
    try:
        loaded = load(file)
    except TopologyErrors as errors:
        if not as_json:
            raise
        click.echo(json.dumps(errors.as_json(), indent=2))
        return errors.exit_code
    if as_json:
        warnings = [one.as_json() for one in loaded.warnings]
        click.echo(json.dumps({"file": str(file), "faults": warnings, "ok": True}, indent=2))
        return 0
    for warning in loaded.warnings:
        click.echo(str(warning), err=True)
    topology = loaded.topology
    targets = sum(len(one.targets) for one in topology.endpoints)
    click.echo(
        f"{file} can be used: {len(topology.endpoints)} endpoints with {targets} targets in "
        f"{len(topology.regions)} regions, {len(topology.providers)} providers, "
        f"{len(topology.services)} services; {len(loaded.warnings)} warnings"
    )
    return 0


@config.command(
    epilog="""
    \b
    Examples:
      outlast config explain
      outlast config explain endpoints.NAME.budget
      outlast config explain settings.evidence_max_age_s
    """
)
@click.argument("field", required=False)
@json_option
def explain(field: str | None, *, as_json: bool) -> None:
    """Explain every field, or FIELD and what is below it: meaning, unit, range, default, consequences."""
    rows = explain_fields(field)
    if as_json:
        click.echo(json.dumps([row.as_json() for row in rows], indent=2))
        return
    for row in rows:
        click.echo(f"{row}\n")


@click.command(
    epilog="""
    \b
    With the YAML language server:
      outlast schema > outlast.schema.json
    and as the first line of the topology file:
      # yaml-language-server: $schema=outlast.schema.json
    """
)
def schema() -> None:
    """Print the JSON Schema of topology files, so that editors complete and check them."""
    click.echo(json.dumps(json_schema(), indent=2))
