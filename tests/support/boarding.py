"""A board in this process: no sockets, a store in memory, a clock that can be put forward, cheap passwords.

The DNS of its world is not there: what is asked of it is refused at once, and the pages say so.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from argon2 import PasswordHasher
from starlette.applications import Starlette
from tests.support.nameservers import free_port
from tests.support.system import TOPOLOGY

from outlast.app.board.access import CSRF, Entrance, Gate
from outlast.app.board.desk import Desk
from outlast.app.board.routes import Board
from outlast.app.options import open_world
from outlast.app.session import Session
from outlast.app.wiring import World
from outlast.drivers.accounts import (
    Account,
    AccountFile,
    Known,
    Passwords,
    Token,
    digest_of,
    new_secret,
)
from outlast.drivers.clock import SystemClock
from outlast.drivers.stores.memory import MemoryStore
from outlast.glass.access import Role
from outlast.model.units import Nanos, seconds
from outlast.ports import Store

PASSWORD = "a sentence that nobody guesses"
PORT = 9153
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class ForwardClock(SystemClock):
    """The system's clock, put forward."""

    ahead_s = 0.0

    def now_ns(self) -> Nanos:
        """Return the time."""
        return Nanos(super().now_ns() + seconds(self.ahead_s))


@dataclass(slots=True)
class Boarding:
    """A board, who may use it, and what it works on."""

    world: World
    clock: ForwardClock
    store: Store
    gate: Gate
    app: Starlette
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def accounts(self) -> AccountFile:
        """Who is known."""
        return self.gate.accounts

    def add(self, name: str, role: Role) -> None:
        """Add an account; its password is `PASSWORD`."""
        account = Account(
            name=name,
            role=role,
            password=self.gate.passwords.hash(PASSWORD),
            made_ns=self.clock.now_ns(),
        )
        self.change(lambda known: known.with_account(account))

    def token(self, name: str, owner: str, role: Role = Role.OPERATOR) -> str:
        """Add a token; return its secret."""
        secret = new_secret()
        token = Token(name=name, owner=owner, role=role, digest=digest_of(secret), made_ns=Nanos(0))
        self.change(lambda known: known.with_token(token))
        return secret

    def change(self, make: Callable[[Known], Known]) -> None:
        """Change who is known, as the command line does."""
        self.accounts.change(lambda known: (make(known), None))

    def client(self, token: str = "") -> httpx.AsyncClient:
        """Return somebody's browser, or a program with a token."""
        scheme = "https" if self.gate.entrance.secure else "http"
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app),
            base_url=f"{scheme}://127.0.0.1:{PORT}",
            headers={"authorization": f"Bearer {token}"} if token else {},
        )

    @asynccontextmanager
    async def logged_in(self, name: str) -> AsyncIterator[httpx.AsyncClient]:
        """Give the browser of somebody who has logged in."""
        async with self.client() as client:
            answer = await log_in(client, name)
            assert answer.status_code == 303, answer.text
            yield client


async def log_in(client: httpx.AsyncClient, name: str, password: str = PASSWORD) -> httpx.Response:
    """Fill the form for logging in, and send it."""
    form = await client.get("/login")
    fields = {CSRF: hidden(form.text, CSRF), "name": name, "password": password}
    return await client.post("/login", data=fields)


def hidden(html: str, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None, html
    return found[1]


def make_boarding(folder: Path, entrance: Entrance | None = None) -> Boarding:
    """Make a board."""
    text = TOPOLOGY
    for mark in ("@DNS@", "@HTTP@", "@PORT@"):
        text = text.replace(mark, str(free_port()))
    for number, mark in enumerate(("@EU@", "@US@", "@AP@")):
        text = text.replace(mark, f"127.9.9.{number + 1}")
    file = folder / "world.yaml"
    file.write_text(text)
    clock = ForwardClock()
    world = replace(open_world(file, None), clock=clock)
    store = MemoryStore()
    providers = world.providers()
    entrance = entrance or Entrance(port=PORT)
    gate = Gate(AccountFile(world.state.accounts), Passwords(CHEAP), clock, entrance)

    def session() -> Session:
        return Session(
            world=world, store=store, ledger=world.ledger(store, "board"), providers=providers
        )

    app = Starlette(routes=Board(Desk(session), gate).routes())
    app.state.troubles = dict
    return Boarding(world, clock, store, gate, app)
