"""Many writers, one fence: each generation has exactly one winner, and the content is the winner's."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from tests.support import nameservers
from tests.support.nameservers import NameServer
from tests.support.publishing import A, fence, layout_at, publish, writing_to

from outlast.drivers.providers.connection import Limits
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.model.errors import ProviderError
from outlast.model.fence import parse_fence
from outlast.model.plan import Layout, Observation, OutcomeKind

pytestmark = [pytest.mark.servers, pytest.mark.slow]

GENERATIONS = 300
WRITERS = 4


@pytest.fixture(scope="module", params=nameservers.ALL, ids=lambda one: one.name)
def server(request: pytest.FixtureRequest) -> Iterator[NameServer]:
    with nameservers.running(request.param) as running:
        yield running


def content(generation: int, nonce: int) -> list[str]:
    """Addresses that tell who wrote them."""
    return [f"198.18.{generation >> 8}.{generation & 255}", f"198.19.0.{nonce}"]


def check_content(found: Observation) -> int:
    """Fail unless the addresses are those of the fence's writer; return the generation."""
    standing = parse_fence(found.fence)
    assert standing is not None
    wanted = tuple(sorted(content(standing.generation, int(standing.nonce, 16))))
    assert [one.values for one in found.record_sets if one.rtype is A] == [wanted]
    return standing.generation


async def race(provider: Rfc2136Provider, layout: Layout, writer: int, wins: Counter[int]) -> None:
    """Move the fence on from wherever it stands, again and again, until the last generation."""
    while True:
        try:
            seen = await provider.read(layout)
        except ProviderError:  # the others moved the fence all the time: look again
            continue
        generation = check_content(seen)
        if generation >= GENERATIONS:
            return
        new = fence(generation + 1, writer, f"writer{writer}")
        move = publish(layout, seen.fence[0], new, content(generation + 1, writer))
        outcome = await provider.write(move)
        assert outcome.kind in (OutcomeKind.APPLIED, OutcomeKind.REFUSED, OutcomeKind.BUSY)
        if outcome.kind is OutcomeKind.APPLIED:
            wins[generation + 1] += 1


async def test_racing_writers_have_one_winner_a_generation(server: NameServer) -> None:
    """Hundreds of generations: none won twice, none by nobody, the content always the winner's."""
    layout = layout_at(server, "race")
    wins: Counter[int] = Counter()
    async with AsyncExitStack() as stack:
        providers = [await stack.enter_async_context(writing_to(server)) for _ in range(WRITERS)]
        await providers[0].write(publish(layout, None, fence(1, 0), content(1, 0)))
        async with asyncio.TaskGroup() as group:
            for writer, provider in enumerate(providers):
                group.create_task(race(provider, layout, writer, wins))
        assert check_content(await providers[0].read(layout)) == GENERATIONS
    assert wins == Counter(range(2, GENERATIONS + 1))


async def test_a_crowd_with_the_same_fence_in_hand_has_one_winner(server: NameServer) -> None:
    """Forty writes against the same fence, all in flight at once: one applied, the rest refused."""
    layout = layout_at(server, "crowd")
    async with writing_to(server) as provider:
        await provider.write(publish(layout, None, fence(1), content(1, 0)))
        moves = [publish(layout, fence(1), fence(2, n), content(2, n)) for n in range(40)]
        outcomes = await asyncio.gather(*(provider.write(one) for one in moves))
        found = await provider.read(layout)
    kinds = Counter(one.kind for one in outcomes)
    assert kinds == {OutcomeKind.APPLIED: 1, OutcomeKind.REFUSED: 39}
    winner = next(n for n, one in enumerate(outcomes) if one.kind is OutcomeKind.APPLIED)
    assert found.fence == (fence(2, winner),)
    check_content(found)


async def test_a_chain_in_one_pipeline_is_applied_in_order(server: NameServer) -> None:
    """A hundred writes, each on the fence of the one before, sent without waiting for answers."""
    layout = layout_at(server, "chain")
    async with writing_to(server, limits=Limits(connections=1)) as provider:
        steps = [None, *(fence(n) for n in range(1, 101))]
        moves = [
            publish(layout, old, fence(n), content(n, 0))
            for n, old in enumerate(steps[:-1], start=1)
        ]
        outcomes = await asyncio.gather(*(provider.write(one) for one in moves))
        found = await provider.read(layout)
    assert Counter(one.kind for one in outcomes) == {OutcomeKind.APPLIED: 100}
    assert found.fence == (fence(100),)


async def test_many_endpoints_at_once(server: NameServer) -> None:
    """Two hundred endpoints in flight over one connection; each gets its own answer."""
    layouts = [layout_at(server, f"many-{n}") for n in range(200)]
    async with writing_to(server, timeout_s=30) as provider:
        made = [publish(one, None, fence(1, n), content(1, n)) for n, one in enumerate(layouts)]
        outcomes = await asyncio.gather(*(provider.write(one) for one in made))
        assert Counter(one.kind for one in outcomes) == {OutcomeKind.APPLIED: 200}
        for found in await asyncio.gather(*(provider.read(one) for one in layouts)):
            check_content(found)
