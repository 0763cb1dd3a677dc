"""People at a board that really runs: they log in, look, give a reason, agree."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from argon2 import PasswordHasher
from tests.support.system import DEADLINE_S, HOST, System

from outlast.drivers.accounts import Account, AccountFile, Passwords
from outlast.glass.access import Role
from outlast.model.units import Nanos

PASSWORD = "a sentence that nobody guesses"
PEOPLE = {"rita": Role.READER, "otto": Role.OPERATOR, "ann": Role.APPROVER, "abe": Role.APPROVER}
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def add_people(world: System) -> None:
    """Add an account of each of `PEOPLE`, as the command line does, with a hash that costs little."""
    secret = Passwords(CHEAP).hash(PASSWORD)
    file = AccountFile(world.state_folder.accounts)
    for name, role in PEOPLE.items():
        made = Account(name=name, role=role, password=secret, made_ns=Nanos(0))
        _add(file, made)


def _add(file: AccountFile, made: Account) -> None:
    file.change(lambda known: (known.with_account(made), None))


def hidden(html: str, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None, html
    return found[1]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a browser that knows forms and nothing else."""

    client: httpx.Client

    def preview(self, kind: str, fields: dict[str, str]) -> str:
        """Return the page of a preview."""
        return self.client.get(f"/act/{kind}", params=fields | {"preview": "1"}).text

    def act(self, kind: str, fields: dict[str, str], reason: str) -> str:
        """Look, give a reason, send; return the page of the request."""
        page = self.preview(kind, fields)
        token = {"csrf": hidden(page, "csrf"), "seen": hidden(page, "seen"), "reason": reason}
        return self.client.post(f"/act/{kind}", data=fields | token).text

    def agree(self, number: int) -> str:
        """Look at what somebody asked for, and agree; return its page."""
        page = self.client.get(f"/requests/{number}").text
        token = {"csrf": hidden(page, "csrf"), "seen": hidden(page, "seen")}
        return self.client.post(f"/requests/{number}/agree", data=token).text


@contextmanager
def logged_in(world: System, name: str) -> Iterator[Person]:
    """Log somebody in."""
    base = f"http://{HOST}:{world.http_port}"
    with httpx.Client(base_url=base, follow_redirects=True, timeout=DEADLINE_S) as client:
        token = hidden(client.get("/login").text, "csrf")
        sent = {"csrf": token, "name": name, "password": PASSWORD}
        answer = client.post("/login", data=sent)
        assert answer.status_code == 200, answer.text
        yield Person(client)
