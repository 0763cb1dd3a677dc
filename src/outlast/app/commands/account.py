"""`outlast account`: who may log in to the board, and as what."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from outlast.app.options import by_option, open_world, world_options
from outlast.app.session import open_session
from outlast.app.wiring import World
from outlast.drivers.accounts import Account, AccountFile, Known, Passwords, check_name
from outlast.glass.access import Role
from outlast.model.errors import ConfigError
from outlast.model.units import iso
from outlast.trail.entry import pseudonym


@click.group()
def account() -> None:
    """Say who may log in to the board, and as what.

    A reader looks, an operator acts, an approver also agrees to the dangerous things that somebody else
    asked for. What changes here takes effect at once, also for those who are logged in.
    """


name_argument = click.argument("name")
role_option = click.option(
    "--role",
    type=click.Choice(Role, case_sensitive=False),
    required=True,
    help="What they may do.",
)
stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
)


@account.command(
    epilog="""
    \b
    Examples:
      outlast account add world.yaml anna --role operator
      pass show outlast/ben | outlast account add world.yaml ben --role approver --password-stdin
    """
)
@world_options
@name_argument
@role_option
@stdin_option
@by_option
def add(
    file: Path, state: Path | None, name: str, *, role: Role, password_stdin: bool, by: str
) -> None:
    """Add an account called NAME; its password is asked for."""
    world = open_world(file, state, kept=True)
    fresh = Account(
        name=check_name(name),
        role=role,
        password=_password(stdin=password_stdin),
        made_ns=world.clock.now_ns(),
    )

    def make(known: Known) -> tuple[Known, None]:
        if known.account(name) is not None or known.token(name) is not None:
            raise ConfigError(
                f"there is an account or token {name} already",
                remedy="choose another name, or `outlast account passwd`",
            )
        return known.with_account(fresh), None

    AccountFile(world.state.accounts).change(make)
    click.echo(f"{name} may log in as {role}")
    told(world, name, f"account added as {role}", by=by)


@account.command(name="list")
@world_options
def list_(file: Path, state: Path | None) -> None:
    """List the accounts."""
    world = open_world(file, state, kept=True)
    known = AccountFile(world.state.accounts).read()
    for one in known.accounts:
        end = "  disabled" if one.disabled else ""
        click.echo(f"{one.name:<20}  {one.role:<9}  since {iso(one.made_ns)}{end}")
    if not known.accounts:
        click.echo("there are no accounts: the board can be read on loopback, and nobody can act")


@account.command()
@world_options
@name_argument
@by_option
def disable(file: Path, state: Path | None, name: str, *, by: str) -> None:
    """Keep NAME out, at once; tokens that NAME answers for end with it."""
    world = open_world(file, state, kept=True)
    _change(world, name, lambda one: replace(one, disabled=True))
    click.echo(f"{name} may not log in any more")
    told(world, name, "account disabled", by=by)


@account.command()
@world_options
@name_argument
@role_option
@by_option
def enable(file: Path, state: Path | None, name: str, *, role: Role, by: str) -> None:
    """Let NAME in again, or in another role."""
    world = open_world(file, state, kept=True)
    _change(world, name, lambda one: replace(one, disabled=False, role=role))
    click.echo(f"{name} may log in as {role}")
    told(world, name, f"account enabled as {role}", by=by)


@account.command()
@world_options
@name_argument
@stdin_option
@by_option
def passwd(file: Path, state: Path | None, name: str, *, password_stdin: bool, by: str) -> None:
    """Give NAME another password; whoever is logged in as NAME is logged out."""
    world = open_world(file, state, kept=True)
    found(AccountFile(world.state.accounts).read(), name)
    password = _password(stdin=password_stdin)
    _change(world, name, lambda one: replace(one, password=password))
    click.echo(f"{name} has a new password")
    told(world, name, "account has a new password", by=by)


def _change(world: World, name: str, make: Callable[[Account], Account]) -> None:
    def change(known: Known) -> tuple[Known, None]:
        return known.with_account(make(found(known, name))), None

    AccountFile(world.state.accounts).change(change)


def found(known: Known, name: str) -> Account:
    """Return an account.

    Raises:
        ConfigError: there is none of that name.
    """
    account = known.account(name)
    if account is None:
        there = ", ".join(one.name for one in known.accounts) or "none"
        raise ConfigError(f"there is no account {name!r}", remedy=f"accounts: {there}")
    return account


def _password(*, stdin: bool) -> str:
    if stdin:
        return Passwords().hash(sys.stdin.readline().rstrip("\r\n"))
    return Passwords().hash(click.prompt("password", hide_input=True, confirmation_prompt=True))


def told(world: World, name: str, text: str, *, by: str) -> None:
    """Write into the journal that somebody's access changed; the log knows them by a pseudonym."""
    data: dict[str, object] = {"account": pseudonym(name, world.state.people_secret())}

    async def note() -> None:
        async with open_session(world, "operator", writes=True) as session:
            await session.ledger.note("access", text, by=by, data=data)

    asyncio.run(note())
