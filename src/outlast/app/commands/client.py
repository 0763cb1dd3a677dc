"""`outlast client export`: an application's declared dependencies as topology."""

import importlib
import sys
from pathlib import Path

import click
import yaml

from outlast.client.application import Application
from outlast.client.export import topology_of
from outlast.model.errors import ConfigError


@click.group()
def client() -> None:
    """Work with applications that declare their dependencies."""


@client.command(
    epilog="""
    \b
    Examples:
      outlast client export shop.resilience:app               on standard output
      outlast client export shop.resilience:app -o shop.yaml  into a file, to be joined to the topology

    The module is imported, so run it where the application would run.
    """
)
@click.argument("where")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write a file."
)
def export(where: str, output: Path | None) -> None:
    """Write the dependencies of the application at WHERE (`module:name`) as topology YAML."""
    text = yaml.safe_dump(dict(topology_of(find(where))), sort_keys=False, allow_unicode=True)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text)


def find(where: str) -> Application:
    """Import `module:name` and return the application there.

    Raises:
        ConfigError: there is no such module, name, or it is no application.
    """
    module, _, name = where.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module), name or "application")
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"no application at {where!r}: {error}",
            remedy="give module:name, such as shop.resilience:app",
        ) from error
    if not isinstance(found, Application):
        raise ConfigError(f"{where!r} is a {type(found).__name__}, no outlast.client.Application")
    return found
