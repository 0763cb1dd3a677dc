"""`outlast up`: the control plane of one topology, in this process."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import click

from outlast.app.board.front import Front
from outlast.app.options import open_world, world_options
from outlast.app.play import local_regions
from outlast.app.up import ALL_ROLES, Options, Role, Up
from outlast.app.wiring import World
from outlast.drivers.accounts import AccountFile
from outlast.drivers.regions import LocalRegion
from outlast.drivers.telemetry import make_logger
from outlast.model.api import ProviderKind
from outlast.model.facts import FenceGrade
from outlast.model.names import CellName, EnactorName, VantageName
from outlast.model.topology import NO_SERVER, Address

PEM = click.Path(path_type=Path, exists=True, dir_okay=False)


class AddressType(click.ParamType[Address]):
    """`HOST:PORT` or a port on loopback."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """Read an address."""
        host, _, port = str(value).rpartition(":")
        if not port.isdigit() or not 0 < int(port) < 65536:
            self.fail(f"{value!r} is no address; write 127.0.0.1:9153 or 9153", param, ctx)
        return Address(host=host.strip("[]") or "127.0.0.1", port=int(port))


@click.command(
    epilog="""
    \b
    Examples:
      outlast up examples/three-regions.yaml             everything, in one process
      outlast up world.yaml --role enactor --name enactor-2
      outlast up world.yaml --role enactor --cell payments
      outlast up world.yaml --role prober --vantage frankfurt --http 9154
      outlast up world.yaml --http 192.0.2.7:9153 --tls-cert board.pem --tls-key board.key

    Ctrl-C stops the process and leaves the DNS as it is. The file is read again on SIGHUP and when it
    changes; an invalid one is refused and the old one stays in force.
    """
)
@world_options
@click.option(
    "--role",
    "roles",
    type=click.Choice([str(one) for one in Role]),
    multiple=True,
    help="Play only this role; may be given several times. [default: all]",
)
@click.option("--name", help="With --role enactor or planner: the name of this single one.")
@click.option(
    "--cell",
    "cells",
    multiple=True,
    help="With --role enactor: write in this cell only; may be given several times.",
)
@click.option("--vantage", help="With --role prober: the vantage that this process is.")
@click.option("--http", type=AddressType(), help="Where the board and /metrics are served.")
@click.option("--tls-cert", type=PEM, help="Serve them with TLS: the certificate chain, PEM.")
@click.option("--tls-key", type=PEM, help="Its private key, PEM. [default: in the same file]")
@click.option("--no-board", is_flag=True, help="Serve metrics and health alone, at any address.")
@click.option(
    "--play-regions",
    is_flag=True,
    help="Also serve the topology's loopback targets from this process, for trying things out.",
)
@click.option("--json-logs", is_flag=True, help="Write log lines as JSON.")
def up(
    file: Path,
    state: Path | None,
    *,
    roles: tuple[str, ...],
    name: str | None,
    cells: tuple[str, ...],
    vantage: str | None,
    http: Address | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    no_board: bool,
    play_regions: bool,
    json_logs: bool,
) -> None:
    """Start the control plane of the topology in FILE.

    Planner, enactors, prober, the embedded name server if the topology has one, and a metrics endpoint,
    in one process, or with --role each alone.
    """
    world = open_world(file, state, warn=True)
    chosen = frozenset(Role(one) for one in roles) or ALL_ROLES
    alone = chosen != ALL_ROLES
    address = http or (None if alone else world.topology.settings.http)
    front = None
    if address is not None:
        front = Front(address=address, cert=tls_cert, key=tls_key, board=not no_board)
        front.check(AccountFile(world.state.accounts), file)
    options = Options(
        roles=chosen,
        enactor=EnactorName(name) if name else None,
        cells=tuple(CellName(one) for one in cells),
        planner=name or "",
        vantage=VantageName(vantage) if vantage else None,
        http=front,
    )
    regions = local_regions(world.topology) if play_regions else []
    _print_uncertified(world)
    _print_hint(world, front)
    _run(_up(Up(world, options, make_logger(as_json=json_logs)), regions))


def _print_uncertified(world: World) -> None:
    """Say whose fence nobody has seen hold, and what to run."""
    known = world.certificates.read()
    for one in world.topology.providers:
        if one.kind is ProviderKind.EMBEDDED or one.name in known:
            continue
        held = "nothing will be written" if one.fence is FenceGrade.FULL else "its word is taken"
        text = f"provider {one.name}: its fence is not certified, {held}"
        click.echo(f"{text}\n  -> outlast certify {world.file} {one.name}", err=True)


def _print_hint(world: World, front: Front | None) -> None:
    """Say what to try."""
    endpoint = world.topology.endpoints[0] if world.topology.endpoints else None
    if endpoint is None:
        return
    server = world.topology.provider(endpoint.provider).server
    at = f"@{server.host} -p {server.port} " if server != NO_SERVER else ""
    ask = f"dig {at}{endpoint.names[0].name}"
    board = f"{front.url} or " if front is not None and front.board else ""
    click.echo(f"ask it:    {ask}\nsee it:    {board}outlast status {world.file}", err=True)


async def _up(control: Up, regions: list[LocalRegion]) -> None:
    try:
        for region in regions:
            await region.start()
        await control.run()
    finally:
        for region in regions:
            await region.close()


def _run(job: Coroutine[None, None, None]) -> None:
    try:
        import uvloop  # noqa: PLC0415 - an optional extra
    except ImportError:
        asyncio.run(job)
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(job)
