"""PowerDNS with weights: Lua laid beside, turned to by one fenced update, drawn anew for each answer."""

import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import dns.message
import dns.query
import pytest
from tests.support import targets
from tests.support.nameservers import HOST, NameServer, free_port
from tests.support.publishing import TXT, SkewedClock, fence, key_of, layout_at, publish
from tests.support.system import until

from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.powerdns import PowerDnsProvider
from outlast.drivers.providers.powerdns_api import PowerDnsApi
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.model.errors import Denied
from outlast.model.plan import Layout, OutcomeKind, Transaction
from outlast.model.records import RecordSet, RecordType, weights_name
from outlast.ports import Clock

pytestmark = [pytest.mark.servers, pytest.mark.slow]

KEY = targets.LUA_KEY
Applied, Refused = OutcomeKind.APPLIED, OutcomeKind.REFUSED


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[NameServer, str]]:
    """A PowerDNS with Lua records and its HTTP API, and the API's address."""
    with targets.powerdns_with_lua() as one:
        yield one


def made(
    server: tuple[NameServer, str], *, clock: Clock | None = None, port: int = 0, key: str = KEY
) -> PowerDnsProvider:
    noun = server[0].provider()
    inner = Rfc2136Provider(noun, key_of(noun), SystemClock())
    api = PowerDnsApi(server[1], 5.0, lambda: key)
    return PowerDnsProvider(inner, api, clock or SystemClock(), health_port=port)


@pytest.fixture
async def provider(server: tuple[NameServer, str]) -> AsyncIterator[PowerDnsProvider]:
    one = made(server)
    yield one
    await one.close()


def weighted(layout: Layout, old: str | None, new: str, shares: dict[str, int]) -> Transaction:
    """A fenced swap with weights, as plans make it."""
    plain = publish(layout, old, new, list(shares))
    at, name = weights_name(layout.names[0]), layout.names[0]
    weights = RecordSet.of(at, TXT, 60, [f"{one}={share}" for one, share in shares.items()])
    gone = ((name, RecordType.CNAME), (name, RecordType.AAAA), (at, TXT))
    return replace(
        plain, deletions=(*plain.deletions, *gone), additions=(*plain.additions, weights)
    )


def answers(server: NameServer, layout: Layout, count: int = 300) -> Counter[str]:
    """What clients get, so many times."""
    found: Counter[str] = Counter()
    question = dns.message.make_query(f"{layout.names[0]}.", "A")
    for _ in range(count):
        reply = dns.query.udp(question, HOST, timeout=2, port=server.port)
        found[reply.answer[-1][0].to_text()] += 1
    return found


async def test_answers_are_drawn_by_weight_and_read_back_as_the_plan(
    server: tuple[NameServer, str], provider: PowerDnsProvider
) -> None:
    """Three to one; the plan's own sets are read back; equal weights are plain records again."""
    layout = layout_at(server[0], "drawn")
    move = weighted(layout, None, fence(1), {"192.0.2.1": 3, "192.0.2.2": 1})
    assert (await provider.write(move)).kind is Applied
    seen = await provider.read(layout)
    assert set(seen.record_sets) == {one for one in move.additions if one.name != layout.fence_at}
    drawn = answers(server[0], layout)
    assert set(drawn) == {"192.0.2.1", "192.0.2.2"}
    assert drawn["192.0.2.1"] > 1.8 * drawn["192.0.2.2"]  # 3 is expected; 1.8 is ten deviations off
    plain = weighted(layout, fence(1), fence(2), {"192.0.2.1": 1, "192.0.2.2": 1})
    assert (await provider.write(plain)).kind is Applied
    assert {one.rtype for one in (await provider.read(layout)).record_sets} == {RecordType.A, TXT}


async def test_a_stale_write_turns_nothing_and_leaves_nothing(
    server: tuple[NameServer, str], provider: PowerDnsProvider
) -> None:
    """The fence is one transaction with the turn; what was laid for a refused write is removed."""
    layout = layout_at(server[0], "stale")
    await provider.write(weighted(layout, None, fence(1), {"192.0.2.1": 3, "192.0.2.2": 1}))
    before = await provider.read(layout)
    stale = weighted(layout, fence(7), fence(8), {"192.0.2.8": 3, "192.0.2.9": 1})
    assert (await provider.write(stale)).kind is Refused
    after = await provider.read(layout)
    assert (after.fence, after.record_sets) == (before.fence, before.record_sets)
    assert await laid(server, layout) == 1


async def laid(server: tuple[NameServer, str], layout: Layout) -> int:
    """How many names of Lua records there are for an endpoint."""
    api = PowerDnsApi(server[1], 5.0, lambda: KEY)
    answer = await api._ask("GET", f"/api/v1/servers/localhost/zones/{layout.zone}.", None)
    names = [one["name"] for one in answer["rrsets"] if one["type"] == "LUA"]
    return sum(one.endswith(f".{layout.names[0]}.") for one in names)


async def test_what_was_left_is_removed_after_its_ttl(server: tuple[NameServer, str]) -> None:
    """Not before: resolvers may still follow the old turn."""
    layout = layout_at(server[0], "left")
    now = made(server)
    for number in range(1, 4):
        old = fence(number - 1) if number > 1 else None
        move = weighted(layout, old, fence(number), {"192.0.2.1": number + 1, "192.0.2.2": 1})
        assert (await now.write(move)).kind is Applied
    assert await laid(server, layout) == 3
    now._clock = SkewedClock(3600)
    last = weighted(layout, fence(3), fence(4), {"192.0.2.1": 9, "192.0.2.2": 1})
    assert (await now.write(last)).kind is Applied
    assert await laid(server, layout) == 2
    await now.close()


async def test_lua_turned_by_a_foreign_hand_is_drift(
    server: tuple[NameServer, str], provider: PowerDnsProvider
) -> None:
    """Other weights, or none at all, than those that stand beside."""
    layout = layout_at(server[0], "turned")
    await provider.write(weighted(layout, None, fence(1), {"192.0.2.1": 3, "192.0.2.2": 1}))
    live = provider._live[layout.names[0]][0]
    api = PowerDnsApi(server[1], 5.0, lambda: KEY)
    await api.lay(layout.zone, live, 60, ["A \"pickwrandom({{9,'192.0.2.1'},{1,'192.0.2.2'}})\""])
    seen = await provider.read(layout)
    assert any("{9," in value for one in seen.record_sets for value in one.values)
    await api.remove(layout.zone, live)
    seen = await provider.read(layout)
    assert any("nothing is laid" in value for one in seen.record_sets for value in one.values)


async def test_health_at_answer_time(server: tuple[NameServer, str]) -> None:
    """Where the port is closed the address is not given; nor is a standby beside others."""
    port = free_port()
    layout = layout_at(server[0], "health")
    provider = made(server, port=port)
    shares = {"127.0.0.2": 3, "127.0.0.3": 1, "127.0.0.4": 0}
    with socket.create_server(("127.0.0.3", port)):
        move = weighted(layout, None, fence(1), shares)
        assert (await provider.write(move)).kind is Applied
        seen = await provider.read(layout)
        assert set(seen.record_sets) == {it for it in move.additions if it.name != layout.fence_at}
        until(  # the first answers come before the first look
            lambda: set(answers(server[0], layout, 20)) == {"127.0.0.3"}, "only the open one"
        )
        assert set(answers(server[0], layout, 50)) == {"127.0.0.3"}
    await provider.close()


async def test_without_the_api_nothing_is_turned(server: tuple[NameServer, str]) -> None:
    """A wrong key is told; the fence stays."""
    layout = layout_at(server[0], "keyless")
    provider = made(server, key="wrong")
    move = weighted(layout, None, fence(1), {"192.0.2.1": 3, "192.0.2.2": 1})
    outcome = await provider.write(move)
    assert outcome.kind is OutcomeKind.REJECTED
    assert "api-key" in outcome.detail
    assert (await provider.read(layout)).fence == ()
    with pytest.raises(Denied):
        await provider._api.look(layout.zone, layout.names[0])
    await provider.close()
