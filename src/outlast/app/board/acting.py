"""Acting: everything of the board that knows who somebody is: logging in, acting, the HTTP API."""

from starlette.routing import BaseRoute

from outlast.app.board.access import Gate
from outlast.app.board.actpages import ActPages
from outlast.app.board.api import Api
from outlast.app.board.desk import Desk
from outlast.app.board.front import Front
from outlast.app.board.loginpages import LoginPages
from outlast.app.wiring import World
from outlast.drivers.accounts import AccountFile, Passwords


def make_gate(world: World, front: Front) -> Gate:
    """Make what stands before every page of a board."""
    accounts = AccountFile(world.state.accounts)
    return Gate(accounts, Passwords(), world.clock, front.entrance)


def acting(desk: Desk, gate: Gate) -> list[BaseRoute]:
    """Return what to serve beside the pages that read."""
    return [
        *LoginPages(desk, gate).routes(),
        *ActPages(desk, gate).routes(),
        *Api(desk, gate).routes(),
    ]
