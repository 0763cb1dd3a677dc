"""Following a store on etcd: what a change costs does not depend on how much is there."""

import asyncio

import pytest
from tests.support.engines import Etcds

from outlast.drivers.stores.etcd import wire
from outlast.drivers.stores.etcd.link import Access, Link
from outlast.drivers.stores.etcd.store import EtcdStore
from outlast.ports import Change

pytestmark = [pytest.mark.servers, pytest.mark.slow]

CHANGES = 20


class CountedLink(Link):
    """A link that keeps what it sends and counts what comes back."""

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self.requests: list[tuple[str, bytes]] = []
        self.received = 0

    async def send(self, method: str, request: bytes) -> bytes:
        answer = await super().send(method, request)
        self.requests.append((method, request))
        self.received += len(answer)
        return answer


async def followed(etcds: Etcds, size: int) -> CountedLink:
    """Follow some changes of a store with so many entries; return the link, as used for those alone."""
    access = Access(endpoints=etcds.get("one").endpoints)
    prefix = etcds.prefix()
    link = CountedLink(access)
    writer, reader = EtcdStore(access, prefix), EtcdStore(access, prefix, link=link)
    try:
        for start in range(0, size, 100):
            puts = tuple((f"endpoint/{start + at:06d}/head", bytes(200)) for at in range(100))
            await writer.commit(Change(puts=puts))
        revision = (await reader.scan("endpoint/")).revision
        await reader.scan("endpoint/", newer_than=revision)
        link.requests.clear()
        link.received = 0
        for number in range(CHANGES):
            key = f"endpoint/{number:06d}/head"
            waiting = asyncio.create_task(reader.wait(revision))
            await writer.commit(Change(puts=((key, b"changed"),)))
            await waiting
            page = await reader.scan("endpoint/", newer_than=revision)
            assert [one.key for one in page.entries] == [key]
            revision = page.revision
    finally:
        await reader.close()
        await writer.close()
    return link


async def test_the_cost_of_a_change_does_not_grow_and_nothing_is_listed(etcds: Etcds) -> None:
    small, large = await followed(etcds, 200), await followed(etcds, 4_000)
    for link in (small, large):
        assert {method for method, _ in link.requests} <= {wire.RANGE, wire.LEASE_REVOKE}
        assert not [request for _, request in link.requests if b"endpoint" in request]
    assert len(large.requests) <= len(small.requests) + 3, "a beat of the follower may fall in"
    assert large.received < 1.2 * small.received
