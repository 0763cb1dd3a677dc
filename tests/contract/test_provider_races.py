"""Many writers, one fence: each generation has exactly one winner, and the content is the winner's."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from tests.support import nameservers, targets
from tests.support.nameservers import NameServer
from tests.support.publishing import A, fence, layout_at, publish, writing_to
from tests.support.targets import Target

from outlast.drivers.providers.connection import Limits
from outlast.model.errors import ProviderError
from outlast.model.fence import parse_fence
from outlast.model.plan import Layout, Observation, OutcomeKind
from outlast.ports import Provider

pytestmark = [pytest.mark.servers, pytest.mark.slow]

GENERATIONS = 300
CLOUD_GENERATIONS = 40
"""Every request there is XML over HTTP in threads: a hundred times the work."""
WRITERS = 4


@pytest.fixture(scope="module", params=targets.ALL, ids=lambda one: one.name)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    with request.param.start(()) as running:
        yield running


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


@dataclass(frozen=True)
class Race:
    """One race: where, to which generation, and who won each."""

    layout: Layout
    last: int
    wins: Counter[int] = field(default_factory=Counter)


async def race(provider: Provider, course: Race, writer: int) -> None:
    """Move the fence on from wherever it stands, again and again, until the last generation."""
    layout = course.layout
    while True:
        try:
            seen = await provider.read(layout)
        except ProviderError:  # the others moved the fence all the time: look again
            continue
        generation = check_content(seen)
        if generation >= course.last:
            return
        new = fence(generation + 1, writer, f"writer{writer}")
        move = publish(layout, seen.fence[0], new, content(generation + 1, writer))
        outcome = await provider.write(move)
        assert outcome.kind in (OutcomeKind.APPLIED, OutcomeKind.REFUSED, OutcomeKind.BUSY)
        if outcome.kind is OutcomeKind.APPLIED:
            course.wins[generation + 1] += 1


async def test_racing_writers_have_one_winner_a_generation(target: Target) -> None:
    """Hundreds of generations: none won twice, none by nobody, the content always the winner's."""
    course = Race(
        layout_at(target, "race"),
        CLOUD_GENERATIONS if target.provider().kind.has_api else GENERATIONS,
    )
    async with AsyncExitStack() as stack:
        providers = [await stack.enter_async_context(target.connect()) for _ in range(WRITERS)]
        await providers[0].write(publish(course.layout, None, fence(1, 0), content(1, 0)))
        async with asyncio.TaskGroup() as group:
            for writer, provider in enumerate(providers):
                group.create_task(race(provider, course, writer))
        assert check_content(await providers[0].read(course.layout)) == course.last
    assert course.wins == Counter(range(2, course.last + 1))


async def test_a_crowd_with_the_same_fence_in_hand_has_one_winner(target: Target) -> None:
    """Forty writes against the same fence, all in flight at once: one applied, the rest refused."""
    layout = layout_at(target, "crowd")
    async with target.connect() as provider:
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
    """A hundred writes, each on the fence of the one before, sent without waiting for answers.

    BIND syncs its journal for each of them: on a disk that takes 0.1 s for that the last waits for 10 s.
    """
    layout = layout_at(server, "chain")
    async with writing_to(server, timeout_s=60, limits=Limits(connections=1)) as provider:
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
