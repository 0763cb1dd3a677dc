"""What real servers do when they are killed, hang, or will not be written to, and what we make of it."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.support import nameservers
from tests.support.nameservers import NameServer
from tests.support.publishing import TXT, A, at_fence, fence, layout_at, publish, writing_to
from tests.support.waiting import eventually

from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.model.errors import ProviderError, Unreachable
from outlast.model.fence import epoch_name, parse_fence
from outlast.model.plan import Layout, OutcomeKind, Transaction
from outlast.model.records import RecordSet

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ROUNDS = 5
ENDPOINTS = 20
ACKNOWLEDGED_MIN = 200
"""Acknowledgements before the server is killed, in each round."""


@pytest.fixture(params=nameservers.ALL, ids=lambda one: one.name)
def server(request: pytest.FixtureRequest) -> Iterator[NameServer]:
    with nameservers.running(request.param) as running:
        yield running


def content(generation: int) -> list[str]:
    """Addresses that tell which generation wrote them."""
    return [f"198.18.{generation >> 8}.{generation & 255}", f"198.19.{generation >> 8}.1"]


async def standing(provider: Rfc2136Provider, layout: Layout) -> int:
    """The generation that stands at an endpoint, 0 for none; fail if its content is torn."""
    found = await provider.read(layout)
    if not found.fence:
        assert found.record_sets == ()
        return 0
    held = parse_fence(found.fence)
    assert held is not None
    wanted = tuple(sorted(content(held.generation)))
    assert [one.values for one in found.record_sets if one.rtype is A] == [wanted]
    return held.generation


async def test_killed_in_the_middle_nothing_acknowledged_is_lost(server: NameServer) -> None:
    """After each kill -9 every endpoint stands where it was acknowledged, or one unanswered step on."""
    layouts = [layout_at(server, f"ep{n}") for n in range(ENDPOINTS)]
    reached = [0] * ENDPOINTS
    for _ in range(ROUNDS):
        acknowledged = await stream_and_kill(server, layouts, reached)
        assert acknowledged >= ACKNOWLEDGED_MIN
        server.restart()
        async with writing_to(server) as provider:
            for n, layout in enumerate(layouts):
                found = await standing(provider, layout)
                assert found in (reached[n], reached[n] + 1)
                reached[n] = found


async def stream_and_kill(server: NameServer, layouts: list[Layout], reached: list[int]) -> int:
    """Move all endpoints on as fast as they go, kill the server, count what it acknowledged."""
    before = sum(reached)

    async def climb(provider: Rfc2136Provider, n: int) -> None:
        while True:
            generation = reached[n]
            old = fence(generation) if generation else None
            move = publish(layouts[n], old, fence(generation + 1), content(generation + 1))
            if (await provider.write(move)).kind is not OutcomeKind.APPLIED:
                return
            reached[n] = generation + 1

    async with writing_to(server) as provider:
        climbing = [asyncio.create_task(climb(provider, n)) for n in range(len(layouts))]
        await eventually(lambda: sum(reached) - before >= ACKNOWLEDGED_MIN, deadline_s=30)
        server.kill()
        await asyncio.gather(*climbing)
    return sum(reached) - before


async def test_an_abandoned_write_leaves_exactly_one_winner(server: NameServer) -> None:
    """A sends to a hung server and gives up, B follows, it wakes: one of them won, and both know."""
    layout = layout_at(server, "api")
    async with writing_to(server, timeout_s=0.3) as a, writing_to(server, timeout_s=20) as b:
        await b.write(publish(layout, None, fence(1), content(1)))
        assert await standing(a, layout) == 1
        server.freeze()
        try:
            first = await a.write(publish(layout, fence(1), fence(2, 0xA), content(2)))
            assert first.kind is OutcomeKind.UNKNOWN
            with pytest.raises(Unreachable):
                await a.read(layout)
            following = asyncio.create_task(
                b.write(publish(layout, fence(1), fence(2, 0xB), content(2)))
            )
            await asyncio.sleep(0)
        finally:
            server.thaw()
        second = await following
        assert second.kind in (OutcomeKind.APPLIED, OutcomeKind.REFUSED)
        winner = fence(2, 0xB) if second.kind is OutcomeKind.APPLIED else fence(2, 0xA)
        assert await standing(b, layout) == 2
        assert (await b.read(layout)).fence == (winner,)
        # A finds out by its own nonce whether its abandoned write went through.
        assert ((await read_again(a, layout)) == (fence(2, 0xA),)) is (winner == fence(2, 0xA))


async def read_again(provider: Rfc2136Provider, layout: Layout) -> tuple[str, ...]:
    """Read a fence as soon as the provider has found back to its server."""
    async with asyncio.timeout(10):
        while True:
            with suppress(ProviderError):
                return (await provider.read(layout)).fence
            await asyncio.sleep(0.01)


async def test_a_killed_server_is_found_again(server: NameServer) -> None:
    """While it is gone nothing was sent; once it is back, the same provider goes on by itself."""
    layout = layout_at(server, "api")
    async with writing_to(server) as provider:
        assert await standing(provider, layout) == 0
        server.kill()
        kinds = set()
        for _ in range(20):  # the first may meet the dying connection
            kinds.add((await provider.write(publish(layout, None, fence(1), content(1)))).kind)
        assert OutcomeKind.BUSY in kinds
        assert kinds <= {OutcomeKind.BUSY, OutcomeKind.UNKNOWN}
        server.restart()
        assert await read_again(provider, layout) == ()
        move = publish(layout, None, fence(1), content(1))
        assert (await provider.write(move)).kind is OutcomeKind.APPLIED


READ_ONLY = {
    "bind": {"update-policy { grant outlast zonesub ANY; };": ""},
    "knot": {"action: [update, transfer]": "action: [transfer]"},
    "powerdns": {"dnsupdate=yes": "dnsupdate=no"},
}


@pytest.mark.parametrize("software", nameservers.ALL, ids=lambda one: one.name)
async def test_a_read_only_server_is_told_from_a_busy_one(
    software: nameservers.Software,
) -> None:
    """It rejects with a remedy, instead of being tried again for ever; reading goes on."""
    with nameservers.running(software, replacements=READ_ONLY[software.name]) as server:
        layout = layout_at(server, "api")
        async with writing_to(server) as provider:
            outcome = await provider.write(publish(layout, None, fence(1), content(1)))
            assert outcome.kind is OutcomeKind.REJECTED
            assert ":" in outcome.detail
            assert await standing(provider, layout) == 0


async def test_rights_by_name_refuse_the_whole_transaction() -> None:
    """With BIND's documented grants the key moves its endpoint, and nothing that touches another name."""
    policy = nameservers.document_block("update-policy.conf").strip()
    every_name = "update-policy { grant outlast zonesub ANY; };"
    with nameservers.running(nameservers.BIND, replacements={every_name: policy}) as server:
        ours, others = layout_at(server, "api"), layout_at(server, "others")
        async with writing_to(server) as provider:
            move = publish(ours, None, fence(1), content(1))
            epoch = RecordSet.of(epoch_name(server.zone), TXT, 0, ["outlast-epoch1 e=1 n=00"])
            allowed = Transaction(
                zone=move.zone,
                conditions=move.conditions,
                deletions=move.deletions,
                additions=(*move.additions, epoch),
            )
            assert (await provider.write(allowed)).kind is OutcomeKind.APPLIED
            foreign = Transaction(
                zone=move.zone,
                conditions=(at_fence(ours, fence(1)),),
                deletions=((ours.names[0], A), (others.names[0], A)),
                additions=(RecordSet.of(ours.fence_at, TXT, 0, [fence(2)]),),
            )
            outcome = await provider.write(foreign)
            assert outcome.kind is OutcomeKind.REJECTED
            assert "REFUSED" in outcome.detail
            assert await standing(provider, ours) == 1
