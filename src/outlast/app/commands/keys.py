"""`outlast keys`: the key that plans are signed with."""

import os
from pathlib import Path

import click

from outlast.app.options import open_world, world_options
from outlast.drivers.signing import PlanSigner
from outlast.model.errors import ConfigError
from outlast.model.fence import key_name


@click.group()
def keys() -> None:
    """Make and show the key that plans are signed with."""


@keys.command(
    epilog="""
    \b
    Example:
      outlast keys make plans.key
    then, in the topology:
      settings: {signing_key: "file:plans.key"}

    The planner alone needs the file. Whoever checks needs the public key, which this prints.
    """
)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def make(path: Path) -> int:
    """Make a key in PATH, readable by you alone; an existing file is left as it is."""
    signer = PlanSigner.generate()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be made: {error.strerror}",
            remedy="choose another path; a key that is in use must not be overwritten",
        ) from error
    with os.fdopen(handle, "w") as file:
        file.write(signer.secret + "\n")
    click.echo(signer.public)
    return 0


@keys.command(
    epilog="""
    \b
    Example:
      outlast keys show world.yaml

    The record may be published in the zone itself, so that `outlast check` finds it there; better hand the
    key to those who check by another road, since whoever can change the zone can change that record.
    """
)
@world_options
def show(file: Path, state: Path | None) -> int:
    """Show the public key of FILE, and the records that publish it."""
    world = open_world(file, state)
    signer = world.signer()
    if signer is None:
        raise ConfigError(
            f"{file} names no signing key",
            remedy="outlast keys make plans.key; then settings: {signing_key: file:plans.key}",
        )
    click.echo(signer.public)
    for zone in dict.fromkeys(zone for one in world.topology.providers for zone in one.zones):
        click.echo(f'{key_name(zone)}. 3600 TXT "{signer.public}"')
    return 0
