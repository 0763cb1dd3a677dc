"""`outlast account` and `outlast token`, and what `outlast up` refuses."""

import stat
import threading
from pathlib import Path

import pytest
from tests.support.boarding import CHEAP, PASSWORD
from tests.support.system import TOPOLOGY, Done, invoke

from outlast.app.commands import account as command
from outlast.app.state import StateFolder
from outlast.drivers.accounts import Account, AccountFile, Known, Passwords, digest_of, new_secret
from outlast.glass.access import Role
from outlast.model.units import Nanos

HASHED = "$argon2id$v=19$"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A topology, with passwords that are cheap to hash."""
    monkeypatch.setattr(command, "Passwords", lambda: Passwords(CHEAP))
    text = TOPOLOGY.replace("@HTTP@", "9153").replace("@DNS@", "5353").replace("@PORT@", "8080")
    for number, mark in enumerate(("@EU@", "@US@", "@AP@")):
        text = text.replace(mark, f"127.9.9.{number + 1}")
    (tmp_path / "world.yaml").write_text(text)
    return tmp_path / "world.yaml"


def account(file: Path, verb: str, *rest: str, password: str = PASSWORD) -> Done:
    wants = ("--password-stdin",) if verb in {"add", "passwd"} else ()
    return invoke("account", verb, str(file), *rest, *wants, stdin=f"{password}\n")


def token(file: Path, verb: str, *rest: str) -> Done:
    return invoke("token", verb, str(file), *rest)


def known(file: Path) -> Known:
    return AccountFile(StateFolder.of(file, None).accounts).read()


def test_an_account_from_its_first_day_to_its_last(file: Path) -> None:
    """The password stands nowhere; the file is its owner's alone; each change is on record."""
    assert "nobody can act" in account(file, "list").out
    assert account(file, "add", "anna", "--role", "operator").out == "anna may log in as operator\n"
    assert account(file, "add", "anna", "--role", "reader").code == 2
    path = StateFolder.of(file, None).accounts
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PASSWORD not in path.read_text()
    anna = known(file).account("anna")
    assert anna is not None
    assert anna.password.startswith(HASHED)
    assert anna.password not in repr(anna)
    assert account(file, "passwd", "anna", password="another long sentence").code == 0
    changed = known(file).account("anna")
    assert changed is not None
    assert changed.password != anna.password
    assert account(file, "disable", "anna").code == 0
    assert "disabled" in account(file, "list").out
    assert known(file).role_of("anna", 0) is None
    account(file, "enable", "anna", "--role", "approver")
    assert known(file).role_of("anna", 0) is Role.APPROVER
    told = invoke("history", str(file)).out
    for text in ("account added as operator", "account disabled", "account enabled as approver"):
        assert text in told
    assert "anna" not in told, "the journal knows people by a pseudonym"


@pytest.mark.parametrize("password", ["short", "fourteen chars", "x" * 1025, ""])
def test_a_password_that_is_guessed_easily_is_refused(file: Path, password: str) -> None:
    done = account(file, "add", "anna", "--role", "reader", password=password)
    assert done.code == 2
    assert "characters" in done.err
    assert not known(file).accounts


@pytest.mark.parametrize("name", ["Anna", "a b", "", "-anna", "x" * 41, "anna\n"])
def test_a_name_is_one_word(file: Path, name: str) -> None:
    assert account(file, "add", "--role", "reader", "--", name).code == 2
    assert account(file, "disable", "anna").code == 2


def test_a_token_is_shown_once_and_kept_as_a_hash(file: Path) -> None:
    """Somebody answers for it, and it can do no more than they may."""
    assert token(file, "new", "deploy", "--owner", "anna", "--role", "operator").code == 2
    account(file, "add", "anna", "--role", "operator")
    account(file, "add", "rita", "--role", "reader")
    made = token(file, "new", "deploy", "--owner", "anna", "--role", "operator", "--for", "90d")
    secret = made.out.strip()
    assert secret.startswith("outlast_")
    assert secret not in made.err
    assert secret not in StateFolder.of(file, None).accounts.read_text()
    listed = token(file, "list").out
    assert "deploy" in listed
    assert "of anna" in listed
    assert digest_of(secret) not in listed
    now_ns = 0
    found = known(file).bearer(secret, now_ns)
    assert found is not None
    assert (found.name, found.owner, found.role) == ("deploy", "anna", Role.OPERATOR)
    assert known(file).bearer(new_secret(), now_ns) is None
    assert token(file, "new", "deploy", "--owner", "anna", "--role", "reader").code == 2
    assert token(file, "new", "anna", "--owner", "anna", "--role", "reader").code == 2
    assert token(file, "new", "second", "--owner", "rita", "--role", "operator").code == 2
    assert token(file, "new", "third", "--owner", "anna", "--role", "approver").code == 2
    assert token(file, "revoke", "none").code == 2
    assert token(file, "revoke", "deploy").code == 0
    assert known(file).bearer(secret, now_ns) is None
    assert "token revoked" in invoke("history", str(file)).out


def test_two_who_change_accounts_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each reads, changes and writes alone."""
    path = tmp_path / "accounts.json"

    def add(number: int) -> None:
        secret = Passwords(CHEAP).hash(PASSWORD)
        fresh = Account(name=f"p{number}", role=Role.READER, password=secret, made_ns=Nanos(0))
        AccountFile(path).change(lambda now: (now.with_account(fresh), None))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(AccountFile(path).read().accounts) == 8


def test_up_refuses_to_serve_a_board_to_a_network_in_the_clear(file: Path) -> None:
    """Before anything starts, and says what to do."""
    done = invoke("up", str(file), "--http", "192.0.2.7:9153")
    assert done.code == 2
    assert "without TLS" in done.err
    assert "--no-board" in done.err
