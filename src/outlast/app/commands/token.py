"""`outlast token`: a way into the board's HTTP API for machines."""

from pathlib import Path

import click

from outlast.app.commands.account import found, told
from outlast.app.options import DurationType, by_option, open_world, until, world_options
from outlast.drivers.accounts import AccountFile, Known, Token, check_name, digest_of, new_secret
from outlast.glass.access import Role
from outlast.model.errors import ConfigError
from outlast.model.units import Nanos, iso


@click.group()
def token() -> None:
    """Give machines a way into the board's HTTP API.

    A token is shown once and kept as a hash. Some account answers for it: when that is disabled, the token
    ends, and what a token asks for, its owner cannot agree to.
    """


@token.command(
    epilog="""
    \b
    Examples:
      outlast token new world.yaml pager --owner anna --role reader
      outlast token new world.yaml deploy --owner anna --role operator --for 90d

    Used as: curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:9153/api/v1/status
    """
)
@world_options
@click.argument("name")
@click.option("--owner", required=True, help="The account that answers for it.")
@click.option(
    "--role",
    type=click.Choice([str(Role.READER), str(Role.OPERATOR)]),
    required=True,
    help="What it may do; to agree takes a person.",
)
@click.option("--for", "for_s", type=DurationType(), help="Ends by itself after this time.")
@by_option
def new(
    file: Path,
    state: Path | None,
    name: str,
    *,
    owner: str,
    role: str,
    for_s: float | None,
    by: str,
) -> None:
    """Make a token called NAME, and show it this once."""
    world = open_world(file, state, kept=True)
    secret = new_secret()
    fresh = Token(
        name=check_name(name),
        owner=owner,
        role=Role(role),
        digest=digest_of(secret),
        made_ns=world.clock.now_ns(),
        until_ns=until(world, for_s) if for_s is not None else Nanos(0),
    )

    def make(known: Known) -> tuple[Known, None]:
        account = found(known, owner)
        if account.role is Role.READER and fresh.role is not Role.READER:
            raise ConfigError(
                f"{owner} may not act, so no token of theirs may", remedy="give it --role reader"
            )
        if known.token(name) is not None or known.account(name) is not None:
            raise ConfigError(
                f"there is an account or token {name} already",
                remedy="choose another name, or `outlast token revoke` it first",
            )
        return known.with_token(fresh), None

    AccountFile(world.state.accounts).change(make)
    click.echo(f"token {name}, {role}; keep it now, it is not shown again:", err=True)
    click.echo(secret)
    told(world, name, f"token made as {role}", by=by)


@token.command(name="list")
@world_options
def list_(file: Path, state: Path | None) -> None:
    """List the tokens; their secrets are not known."""
    world = open_world(file, state, kept=True)
    known = AccountFile(world.state.accounts).read()
    for one in known.tokens:
        over = known.role_of(one.name, world.clock.now_ns()) is None
        end = f"  until {iso(one.until_ns)}" if one.until_ns else ""
        click.echo(
            f"{one.name:<20}  {one.role:<9}  of {one.owner}, since {iso(one.made_ns)}{end}"
            f"{'  over' if over else ''}"
        )
    if not known.tokens:
        click.echo("there are no tokens")


@token.command()
@world_options
@click.argument("name")
@by_option
def revoke(file: Path, state: Path | None, name: str, *, by: str) -> None:
    """End the token NAME, at once."""
    world = open_world(file, state, kept=True)

    def make(known: Known) -> tuple[Known, None]:
        if known.token(name) is None:
            there = ", ".join(one.name for one in known.tokens) or "none"
            raise ConfigError(f"there is no token {name!r}", remedy=f"tokens: {there}")
        return known.without_token(name), None

    AccountFile(world.state.accounts).change(make)
    click.echo(f"token {name} is revoked")
    told(world, name, "token revoked", by=by)
