"""`outlast import`: what octoDNS, a zone file or Route 53 hold becomes a topology."""

import ipaddress
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from outlast.app.moving.found import Seen
from outlast.app.moving.gather import REGION, Network, Places, gather
from outlast.app.moving.octodns import read_octodns
from outlast.app.moving.route53 import list_zone, read_listing
from outlast.app.moving.write import Writing, write
from outlast.app.moving.zonefile import read_zone_file
from outlast.config.texts import parse_secret, parse_server
from outlast.model.errors import ConfigError
from outlast.model.names import parse_dns_name, parse_word

F = TypeVar("F", bound=Callable[..., object])

SERVER = "127.0.0.1:53"
SHARED = """
    What cannot be carried over is reported, each with its place. It stays in the DNS as it is, and Outlast
    does not touch it. The first `outlast plan` of the new file changes no record: it puts the fence beside
    each name.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What all sources' options say."""

    output: Path | None
    provider: str
    server: str | None
    key: str | None
    region: str
    places: tuple[str, ...]
    checks: bool


def shared_options(command: F) -> F:
    """Add the options that each source has."""
    for option in (
        click.option("--checks", is_flag=True, help="Switch the source's health checks on at once."),
        click.option(
            "--place", "places", multiple=True, metavar="NETWORK=REGION",
            help="Addresses of this network stand in this region, as 192.0.2.0/24=eu-west.",
        ),
        click.option("--region", default=REGION, show_default=True, help="Where all others stand."),
        click.option(
            "--key", metavar="NAME=SECRET",
            help="TSIG key with which the server takes updates; SECRET is env:VARIABLE or file:PATH.",
        ),
        click.option(
            "--server", show_default=SERVER,
            help="The primary that takes updates.",
        ),
        click.option("--provider", default="dns", show_default=True, help="What to call that DNS."),
        click.option(
            "--output", "-o", type=click.Path(path_type=Path, dir_okay=False),
            help="Where to write. [default: standard output]",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group(name="import", epilog=SHARED)
def import_() -> None:
    """Make a topology of what others wrote: octoDNS, a zone file, Route 53."""


@import_.command(
    epilog="""
    \b
    Examples:
      outlast import octodns config/ --server 192.0.2.53:53 -o world.yaml
      outlast import octodns config/ --place 192.0.2.0/24=eu-west --place 198.51.100.0/24=us-east
    """
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@shared_options
def octodns(folder: Path, **options: object) -> int:
    """Import the YAML files of octoDNS below FOLDER."""
    wishes = _wishes(options)
    return _finish(read_octodns(folder), str(folder), wishes, _server(wishes))


@import_.command(
    epilog="""
    \b
    Examples:
      outlast import zone example.org.zone --origin example.org --key outlast=file:/etc/outlast/key
    """
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--origin", required=True, help="The zone's name.")
@shared_options
def zone(file: Path, origin: str, **options: object) -> int:
    """Import a zone file, as BIND and others write it."""
    try:
        name = parse_dns_name(origin)
    except ValueError as error:
        raise ConfigError(f"--origin {origin}: {error}") from error
    wishes = _wishes(options)
    return _finish(read_zone_file(file, name), str(file), wishes, _server(wishes))


@import_.command(
    epilog="""
    \b
    Examples:
      aws route53 list-resource-record-sets --hosted-zone-id Z123 > zone.json
      outlast import route53 zone.json -o world.yaml
      outlast import route53 Z123 -o world.yaml        asks Route 53 itself; needs boto3
    """
)
@click.argument("source")
@shared_options
def route53(source: str, **options: object) -> int:
    """Import a Route 53 zone: SOURCE is the AWS CLI's listing as a file, or a hosted zone's id.

    The topology publishes at Route 53, unless `--server` names another DNS that takes updates.
    """
    path = Path(source)
    seen = read_listing(path) if path.exists() else list_zone(source)
    wishes = _wishes(options)
    # A server or a key is only named by somebody who moves the zone to another DNS at once.
    stays = wishes.server is None and wishes.key is None
    return _finish(seen, source, wishes, ("kind: route53",) if stays else _server(wishes))


def _wishes(options: dict[str, object]) -> Wishes:
    return Wishes(**options)  # type: ignore[arg-type]  # click made each of the type its option has


def _finish(seen: Seen, source: str, wishes: Wishes, provider: tuple[str, ...]) -> int:
    """Write the topology and tell what stays; ends with 0 also if something does.

    Args:
        provider: the lines of the DNS that is written to.
    """
    drafts = gather(seen, Places(networks=_networks(wishes.places), default=_word(wishes.region)))
    for one in sorted(seen.stays, key=lambda one: one.place):
        sys.stderr.write(f"{one}\n")
    how = Writing(
        source=source,
        provider_name=_word(wishes.provider),
        provider=provider,
        checks=wishes.checks,
    )
    text = write(drafts, seen, how)
    if wishes.output is None:
        click.echo(text, nl=False)
    else:
        wishes.output.write_text(text, encoding="utf-8")
    records = sum(1 for one in seen.stays if one.whole)
    targets = sum(len(one.targets) for one in drafts)
    sys.stderr.write(
        f"{len(drafts)} names with {targets} addresses move in; {records} records stay as they are; "
        f"{len(seen.stays) - records} traits are not carried over\n"
    )
    if wishes.output is not None:
        sys.stderr.write(f"see what the first plan changes: outlast plan {wishes.output}\n")
    return 0


def _word(text: str) -> str:
    try:
        return parse_word(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no name for a topology: {error}") from error


def _networks(places: tuple[str, ...]) -> tuple[tuple[Network, str], ...]:
    made: list[tuple[Network, str]] = []
    for one in places:
        network, _, region = one.partition("=")
        try:
            made.append((ipaddress.ip_network(network), _word(region)))
        except ValueError as error:
            raise ConfigError(
                f"--place {one}: {error}", remedy="write it as in --place 192.0.2.0/24=eu-west"
            ) from error
    return tuple(made)


def _server(wishes: Wishes) -> tuple[str, ...]:
    """A server that takes updates."""
    try:
        server = parse_server(wishes.server or SERVER)
    except ValueError as error:
        raise ConfigError(f"--server {wishes.server}: {error}") from error
    lines = ["kind: rfc2136", f'server: "{server}"']
    if wishes.key is not None:
        name, _, secret = wishes.key.partition("=")
        try:
            known = parse_dns_name(name), parse_secret(secret)
        except ValueError as error:
            remedy = "write --key outlast=file:/etc/outlast/key"
            raise ConfigError(f"--key: {error}", remedy=remedy) from error
        lines.append(f'key: {{name: {known[0]}, algorithm: hmac-sha256, secret: "{known[1]}"}}')
    return tuple(lines)
