"""The resolver: live first, then memory; never longer than declared."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from outlast.client import NamePolicy, Resolver
from outlast.client.answers import Miss
from outlast.client.errors import MemoryDamaged
from outlast.client.facts import Fact, StaleName
from outlast.client.lookup import error_of
from outlast.client.memory import load

NAME = "db.example"


class Dns:
    """A DNS in memory: what each name answers, a failure, or silence."""

    def __init__(self) -> None:
        self.answers: dict[str, list[str] | Miss | None] = {NAME: ["192.0.2.1"]}
        self.asked: list[str] = []
        self.speak = threading.Event()

    def __call__(self, name: str, family: int) -> list[str]:
        self.asked.append(name)
        answer = self.answers.get(name, Miss.GONE)
        if answer is None:
            self.speak.wait(20)
            return []
        if isinstance(answer, Miss):
            raise error_of(name, answer)
        return [one for one in answer if (":" in one) == (family == socket.AF_INET6)]


POLICY = NamePolicy(fresh_s=0.05, negative_s=0.02)


def resolver(dns: Callable[[str, int], list[str]], **options: object) -> Resolver:
    return Resolver(lookup=dns, **{"policy": POLICY, **options})  # type: ignore[arg-type]


@pytest.fixture
def dns() -> Dns:
    return Dns()


@pytest.mark.parametrize("miss", [Miss.EMPTY, Miss.GONE, Miss.SERVFAIL])
def test_a_wiped_name_keeps_answering(dns: Dns, miss: Miss) -> None:
    """Empty, NXDOMAIN and SERVFAIL leave the last good answer, and every use of it is told."""
    names = resolver(dns)
    facts: list[Fact] = []
    names.hooks.add(facts.append)
    assert names.lookup(NAME) == ("192.0.2.1",)
    dns.answers[NAME] = miss
    names.expire()
    assert names.lookup(NAME) == ("192.0.2.1",)
    assert names.is_stale(NAME)
    assert [(one.name, one.why) for one in facts if isinstance(one, StaleName)] == [(NAME, miss)]
    assert [one[:2] for one in names.stale()] == [(NAME, miss)]


def test_healed_at_the_next_look_up(dns: Dns) -> None:
    """The new address comes with the first look-up after negative_s."""
    names = resolver(dns)
    names.lookup(NAME)
    dns.answers[NAME] = Miss.GONE
    names.expire()
    names.lookup(NAME)
    dns.answers[NAME] = ["192.0.2.77"]
    names.expire()
    assert names.lookup(NAME) == ("192.0.2.77",)
    assert not names.is_stale(NAME)


def test_a_never_seen_name_keeps_its_true_error(dns: Dns) -> None:
    """NXDOMAIN stays EAI_NONAME, empty stays EAI_NODATA."""
    names = resolver(dns)
    with pytest.raises(socket.gaierror) as gone:
        names.lookup("nobody.example")
    assert gone.value.errno == socket.EAI_NONAME
    dns.answers["void.example"] = Miss.EMPTY
    with pytest.raises(socket.gaierror) as void:
        names.lookup("void.example")
    assert void.value.errno == socket.EAI_NODATA


def test_silence_is_waited_for_as_declared(dns: Dns) -> None:
    """Unknown names wait timeout_s, remembered ones patience_s, and then not at all."""
    names = resolver(dns, timeout_s=0.15, patience_s=0.05)
    names.lookup(NAME)
    dns.answers.update({NAME: None, "new.example": None})
    names.expire()
    try:
        took_s = [_timed(lambda: names.lookup(NAME)) for _ in range(2)]
        assert 0.04 < took_s[0] < 1
        assert took_s[1] < 0.04
        began = time.monotonic()
        with pytest.raises(socket.gaierror):
            names.lookup("new.example")
        assert 0.14 < time.monotonic() - began < 1
    finally:
        dns.speak.set()


def _timed(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


async def test_callers_of_a_hanging_name_share_one_look_up(dns: Dns) -> None:
    """Two hundred callers: one flight a family, and a healthy name is not kept waiting behind them."""
    names = resolver(dns, timeout_s=5.0)
    dns.answers["hung.example"] = None
    hung = [asyncio.create_task(names.lookup_async("hung.example")) for _ in range(200)]
    await asyncio.sleep(0)
    assert await names.lookup_async(NAME) == ("192.0.2.1",)
    assert dns.asked.count("hung.example") == 2
    assert not any(one.done() for one in hung)
    for one in hung:
        one.cancel()
    dns.speak.set()
    await asyncio.gather(*hung, return_exceptions=True)


def test_a_silent_aaaa_does_not_cost_the_a() -> None:
    """One family answers, the other hangs: the answer comes after a twentieth of a second."""
    quiet = threading.Event()

    def half(_: str, family: int) -> list[str]:
        if family == socket.AF_INET6:
            quiet.wait(20)
        return ["192.0.2.1"]

    names = resolver(half, timeout_s=5.0)
    try:
        assert _timed(lambda: names.lookup(NAME)) < 2
        assert names.lookup(NAME) == ("192.0.2.1",)
    finally:
        quiet.set()


def test_a_restart_in_the_outage_still_knows(dns: Dns, tmp_path: Path) -> None:
    """The file's answer serves a process whose first look-up fails."""
    file = tmp_path / "names.json"
    resolver(dns, memory=file).lookup(NAME)
    dns.answers[NAME] = Miss.EMPTY
    again = resolver(dns, memory=file)
    assert again.lookup(NAME) == ("192.0.2.1",)
    again.forget(NAME)
    assert not load(file)


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"format": "outlast names 1", "names": [[1,2]]}', b"\xff\xfe"]
)
def test_a_damaged_file_is_set_aside(dns: Dns, tmp_path: Path, damage: bytes) -> None:
    """A warning, the damaged file kept under another name, and a resolver that works."""
    file = tmp_path / "names.json"
    file.write_bytes(damage)
    with pytest.warns(MemoryDamaged, match="is damaged"):
        names = resolver(dns, memory=file)
    assert (tmp_path / "names.json.damaged").read_bytes() == damage
    assert names.lookup(NAME) == ("192.0.2.1",)
    assert load(file)


def test_a_clock_set_back_does_not_age_the_file(dns: Dns, tmp_path: Path) -> None:
    """An entry from the future counts as written now; one from years ago is over."""
    file = tmp_path / "names.json"
    for shift_s, known in ((1e6, True), (-1e7, False)):
        stamp = time.time() + shift_s
        file.write_text(
            f'{{"format": "outlast names 1", "names": [["{NAME}", 2, {stamp}, ["192.0.2.5"]]]}}'
        )
        dns.answers[NAME] = Miss.EMPTY
        names = resolver(dns, memory=file)
        if known:
            assert names.lookup(NAME) == ("192.0.2.5",)
        else:
            with pytest.raises(socket.gaierror):
                names.lookup(NAME)


def test_stale_addresses_need_a_certificate(dns: Dns) -> None:
    """Without TLS a remembered address may be a stranger's, so it takes a policy to use it."""
    names = resolver(dns, policies={"plain.example": NamePolicy(without_tls=True)})
    dns.answers["plain.example"] = ["192.0.2.2"]
    names.lookup(NAME)
    names.lookup("plain.example")
    assert names.may_use(NAME, tls=False)
    dns.answers.update({NAME: Miss.GONE, "plain.example": Miss.GONE})
    names.expire()
    names.lookup(NAME)
    names.lookup("plain.example")
    assert not names.may_use(NAME, tls=False)
    assert names.may_use(NAME, tls=True)
    assert names.may_use("plain.example", tls=False)


def test_a_second_opinion_heals_past_a_negative_cache(dns: Dns) -> None:
    """Where the resolver still says nothing, the authority is asked."""
    authority = Dns()
    names = resolver(dns, second_lookup=authority)
    names.lookup(NAME)
    dns.answers[NAME] = Miss.GONE
    authority.answers[NAME] = ["192.0.2.9"]
    names.expire()
    assert names.lookup(NAME) == ("192.0.2.9",)


def test_a_fork_looks_up_anew(dns: Dns) -> None:
    """A child is not kept waiting by look-ups that its parent's threads had under way."""
    names = resolver(dns, timeout_s=0.2)
    dns.answers["hung.example"] = None
    threading.Thread(target=lambda: _timed(lambda: _quiet(names)), daemon=True).start()
    while "hung.example" not in dns.asked:
        time.sleep(0.001)
    child = os.fork()
    if child == 0:
        os._exit(0 if names.lookup(NAME) == ("192.0.2.1",) else 1)
    dns.speak.set()
    assert os.waitpid(child, 0)[1] == 0


def _quiet(names: Resolver) -> None:
    with pytest.raises(socket.gaierror):
        names.lookup("hung.example")
