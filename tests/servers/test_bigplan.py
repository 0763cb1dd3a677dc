"""A plan beyond one transaction on real servers: whole before it is looked at, swept only if allowed."""

from collections.abc import Iterator

import pytest
from bench.bigplan import measure, tree
from tests.support.nameservers import BIND, KNOT, NameServer, running
from tests.support.publishing import layout_at, writing_to

from outlast.core.transact import seed_epoch
from outlast.drivers.bigtree import TreePublisher
from outlast.drivers.clock import SystemClock
from outlast.model.errors import ProviderError
from outlast.model.names import DnsName, EnactorName
from outlast.model.plan import Held, Transaction
from outlast.model.records import RecordType
from outlast.model.units import Generation, Nanos

pytestmark = [pytest.mark.slow, pytest.mark.servers]


@pytest.fixture(params=[BIND, KNOT], ids=lambda one: one.name)
def server(request: pytest.FixtureRequest) -> Iterator[NameServer]:
    """A server as the document configures it."""
    with running(request.param) as one:
        yield one


async def test_the_bench_checks_what_it_measures(server: NameServer) -> None:
    """Two plans of 3,000 records, asked all the time: each answer is one of them; then the first goes."""
    took = await measure(server, 3_000)
    assert took["transactions of the sweep"] > 1, "it does not fit one transaction"
    assert took["answers meanwhile, none wrong"] > 1


async def test_a_tree_with_a_hole_is_not_flipped_and_mending_lays_what_is_missing(
    server: NameServer,
) -> None:
    """What is read back decides, not what was acknowledged; an overtaken plan is given up."""
    layout, clock = layout_at(server, "www"), SystemClock()
    one, two = tree(layout, 1, 2_000), tree(layout, 2, 2_000)
    async with writing_to(server) as provider:
        await provider.write(seed_epoch(layout, await provider.read(layout), clock.nonce()))
        publisher = TreePublisher(provider, layout, clock=clock, enactor=EnactorName("e1"))
        await publisher.lay(one)
        await publisher.flip(one)
        assert await publisher.lay(two) > 1
        found = await provider.read(layout)
        gone = two.leaves[7]
        hole = Transaction(
            zone=layout.zone,
            conditions=_fence(found.fence, layout.fence_at),
            deletions=((gone.name, gone.rtype),),
            additions=(),
        )
        await provider.write(hole)
        with pytest.raises(ProviderError, match="does not stand whole"):
            await publisher.flip(two)
        assert await publisher.lay(two) == 1
        fence = await publisher.flip(two)
        assert (await provider.read(layout)).fence == (str(fence),)
        kept = await publisher.sweep(
            Generation(1), Generation(1), live_since_ns=Nanos(0), ttl_max_s=1
        )
        assert kept == 0, "the one before is kept"
        assert len(await publisher.standing(Generation(1))) == 2_000


def _fence(values: tuple[str, ...], at: DnsName) -> tuple[Held, ...]:
    return (Held(name=at, rtype=RecordType.TXT, values=values),)
