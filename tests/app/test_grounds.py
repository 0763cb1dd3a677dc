"""Grounds: planning less never plans differently.

Random histories of a small world; after each step the shortcut and the long way are both taken.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import builders, modeldns
from tests.support.builders import DOWN, UP, ZONE, at, nonce

from outlast.app import observing
from outlast.app.preview import Knowledge, checksum_of, learn, preview_all, remember_grounds
from outlast.app.state import StateFolder
from outlast.app.wiring import World, forgetful_store
from outlast.core.messages import CommitPlan
from outlast.core.observe import VantageView
from outlast.core.verify import compare
from outlast.drivers import groundings
from outlast.drivers.ledger import Ledger
from outlast.drivers.providers.image import Piece, ZoneImage
from outlast.drivers.providers.wire import TYPE_CODES
from outlast.model.fence import Fence, epoch_name, fence_name
from outlast.model.names import DnsName, EnactorName, EndpointName, VantageName
from outlast.model.override import Evacuation, Freeze, Waiver
from outlast.model.plan import (
    Layout,
    Observation,
    Outcome,
    OutcomeKind,
    Plan,
    Proof,
    Receipt,
    Transaction,
)
from outlast.model.records import RecordSet, RecordType, weights_name
from outlast.model.topology import Endpoint, PublishedName, Region, Topology, subject_of
from outlast.model.units import Nanos

NAMES = ("a", "b")
REGIONS = ("eu", "us")


class _Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.second = 0.0
        self.drawn = 0

    def now_ns(self) -> Nanos:
        return at(self.second)

    def nonce(self) -> str:
        self.drawn += 1
        return nonce(self.drawn)


class _Dns:
    """A provider of one zone that can be read and transferred."""

    def __init__(self) -> None:
        self.zone: modeldns.Zone = (
            RecordSet(epoch_name(ZONE), RecordType.TXT, 0, (builders.epoch(),)),
        )

    async def read(self, layout: Layout) -> Observation:
        return modeldns.read(self.zone, layout, at(0))

    async def write(self, transaction: Transaction) -> Outcome:
        del transaction
        return Outcome(kind=OutcomeKind.BUSY)

    async def close(self) -> None:
        return

    async def portray(self, zone: DnsName) -> ZoneImage:
        sets: dict[int, dict[str, Piece]] = {code: {} for code in TYPE_CODES.values()}
        for one in self.zone:
            values = one.values if len(one.values) > 1 else one.values[0]
            sets[TYPE_CODES[one.rtype]][one.name] = (one.ttl_s, values)
        return ZoneImage(zone, sets, builders.provider().server)


def _endpoint(name: str, policy_kind: int = 0) -> Endpoint:
    policy = builders.failover("eu", "us") if policy_kind else None
    return builders.endpoint(
        "eu-1",
        "eu-2",
        "us-1",
        name=name,
        names=(PublishedName(name=DnsName(f"{name}.{ZONE}")),),
        policy=policy,
    )


class _Small:
    """Two endpoints, a store, a DNS, and what may happen to them."""

    def __init__(self, *, weighted: bool) -> None:
        self.clock, self.dns = _Clock(), _Dns()
        self.ledger = Ledger(forgetful_store(), self.clock, "test")
        topology = Topology(
            regions=tuple(Region(name=builders.target(f"{one}-1").region) for one in REGIONS),
            providers=(builders.provider(weighted=weighted),),
            endpoints=tuple(_endpoint(one) for one in NAMES),
        )
        self.world = World(
            file=Path("none.yaml"),
            topology=topology,
            digest="",
            state=StateFolder(Path("none")),
            clock=self.clock,
        )
        self.generations: dict[str, int] = {}

    async def learn(self, *, shortcut: bool) -> Knowledge:
        providers = {one.name: self.dns for one in self.world.topology.providers}
        return await learn(self.world, self.ledger, providers, probe=False, shortcut=shortcut)

    async def agree(self) -> int:
        """Take both ways, demand that they agree; return how much the shortcut left out."""
        endpoints = self.world.topology.endpoints
        short, long = await self.learn(shortcut=True), await self.learn(shortcut=False)
        some, everyone = (preview_all(self.world, endpoints, one) for one in (short, long))
        assert checksum_of(some) == checksum_of(everyone)
        assert short.planned == {name for name, row in long.rows.items() if row.head}
        for one in everyone:
            if one.endpoint.name in short.grounded:
                assert one.plan is None
                assert one.head is not None
                observation = long.observations[one.endpoint.name]
                assert isinstance(compare(one.head, observation), Proof)
        await remember_grounds(self.ledger, short, some)
        return len(short.grounded)

    # what may happen

    async def publish(self, name: str, *, fully: bool = True) -> None:
        """Commit what is wanted and, perhaps, publish it."""
        known = await self.learn(shortcut=False)
        endpoint = next(one for one in self.world.topology.endpoints if one.name == name)
        (one,) = preview_all(self.world, [endpoint], known)
        command = next((it for it in one.commands if isinstance(it, CommitPlan)), None)
        if command is not None:
            await self.ledger.commit_plan(command)
        plan = command.plan if command is not None else one.head
        if plan is not None and fully:
            await self._put(plan)

    async def _put(self, plan: Plan) -> None:
        fence = Fence(
            generation=plan.generation,
            digest=plan.digest,
            nonce=self.clock.nonce(),
            writer="test",
        )
        at_name = fence_name(plan.layout.names[0])
        ours = [*plan.layout.names, *(weights_name(one) for one in plan.layout.names), at_name]
        zone = modeldns.drop(self.dns.zone, *ours)
        stands = RecordSet(at_name, RecordType.TXT, 0, (str(fence),))
        self.dns.zone = modeldns.put(zone, *plan.record_sets, stands)
        receipt = Receipt(
            endpoint=plan.endpoint,
            provider=plan.layout.provider,
            enactor=EnactorName("test"),
            fence=fence,
            at_ns=self.clock.now_ns(),
        )
        await self.ledger.confirm(receipt)

    async def vote(self, name: str, target: str, *, up: bool) -> None:
        endpoint = _endpoint(name)
        found = next(one for one in endpoint.targets if one.name == target)
        vote = builders.vote(UP if up else DOWN, second=self.clock.second)
        view = VantageView(vantage=VantageName("v1"), regions=(), heard_at_ns=self.clock.now_ns())
        subjects = tuple(subject_of(endpoint.name, found.name, one) for one in found.families)
        await self.ledger.cast(view, (vote,), subjects)

    def edit(self, name: str, **changes: object) -> None:
        endpoints = tuple(
            replace(one, **changes) if one.name == name else one  # type: ignore[arg-type]
            for one in self.world.topology.endpoints
        )
        topology = replace(self.world.topology, endpoints=endpoints)
        self.world = replace(self.world, topology=topology)

    def spoil(self, name: str, how: int) -> None:
        at_name = DnsName(f"{name}.{ZONE}")
        fence = fence_name(at_name)
        match how:
            case 0:
                self.dns.zone = modeldns.drop(self.dns.zone, at_name)
            case 1:
                self.dns.zone = modeldns.drop(self.dns.zone, fence)
            case 2:
                foreign = RecordSet(at_name, RecordType.A, 30, ("192.0.2.99",))
                self.dns.zone = modeldns.put(self.dns.zone, foreign)
            case 3:
                alias = RecordSet(at_name, RecordType.CNAME, 30, ("elsewhere.example",))
                self.dns.zone = modeldns.put(self.dns.zone, alias)
            case _:
                self.dns.zone = tuple(
                    replace(one, ttl_s=7) if one.name == at_name else one for one in self.dns.zone
                )

    async def override(self, kind: int, name: str) -> None:
        now_ns = self.clock.now_ns()
        endpoint = EndpointName(name)
        until_ns = Nanos(now_ns + 60_000_000_000)
        match kind:
            case 0:
                region = self.world.topology.regions[0].name
                one = Evacuation(region=region, reason="r", by="b", at_ns=now_ns)
                await self.ledger.place(one, "evacuated")
            case 1:
                freeze = Freeze(endpoint=endpoint, reason="r", by="b", at_ns=now_ns)
                await self.ledger.place(freeze, "frozen")
            case 2:
                waiver = Waiver(
                    rule="floor-targets",
                    endpoint=endpoint,
                    reason="r",
                    by="b",
                    at_ns=now_ns,
                    until_ns=until_ns,
                )
                await self.ledger.place(waiver, "waived")
            case _:
                for placed in (await self.ledger.overrides())[0] or ():
                    await self.ledger.lift(placed, "lifted", by="b")

    async def happen(self, what: str, name: str, number: int) -> None:
        """Let one thing happen."""
        match what:
            case "publish":
                await self.publish(name)
            case "commit":
                await self.publish(name, fully=False)
            case "vote":
                await self.vote(name, ("eu-1", "eu-2", "us-1")[number % 3], up=number % 2 == 0)
            case "ttl":
                self.edit(name, ttl_s=20 + number)
            case "policy":
                self.edit(name, policy=_endpoint(name, number % 2).policy)
            case "targets":
                self.edit(name, targets=_endpoint(name).targets[: 1 + number % 3])
            case "spoil":
                self.spoil(name, number)
            case "override":
                await self.override(number, name)
            case "forget":
                await self.ledger.forget(EndpointName(name))
            case _:
                self.clock.second += number * 20


WHAT = ("publish", "publish", "commit", "vote", "ttl", "policy", "targets", "spoil", "override")
EVENTS = st.tuples(
    st.sampled_from((*WHAT, "forget", "time")),
    st.sampled_from(NAMES),
    st.integers(0, 5),
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(weighted=st.booleans(), history=st.lists(EVENTS, max_size=14))
def test_the_shortcut_never_changes_the_answer(
    *, weighted: bool, history: list[tuple[str, str, int]]
) -> None:
    """Whatever happened: the same plans, and what was left out is proved in the DNS."""

    async def live() -> None:
        small = _Small(weighted=weighted)
        for name in NAMES:
            for target in ("eu-1", "eu-2", "us-1"):
                await small.vote(name, target, up=True)
            await small.publish(name)
        await small.agree()
        for event in history:
            await small.happen(*event)
            await small.agree()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observing, "TRANSFER_FROM", 1)
        asyncio.run(live())


async def test_what_did_not_change_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the test above would hold for a shortcut that leads nowhere."""
    monkeypatch.setattr(observing, "TRANSFER_FROM", 1)
    small = _Small(weighted=False)
    for name in NAMES:
        for target in ("eu-1", "eu-2", "us-1"):
            await small.vote(name, target, up=True)
        await small.publish(name)
    assert [await small.agree() for _ in range(2)] == [0, 2]
    small.edit("a", ttl_s=77)
    assert [await small.agree() for _ in range(2)] == [1, 1], "wanted and not published yet"
    await small.publish("a")
    assert [await small.agree() for _ in range(2)] == [1, 2]


async def test_a_fingerprint_of_an_older_plan_is_not_stored() -> None:
    """Taken before a plan was committed, it would speak for that one."""
    small = _Small(weighted=False)
    await small.publish("a")
    row = await small.ledger.row(EndpointName("a"))
    small.edit("a", ttl_s=77)
    await small.publish("a", fully=False)
    await groundings.put(small.ledger.store, [(row, b"0123456789abcdef")])
    assert (await groundings.fetch(small.ledger.store))[row.endpoint] == groundings.UNKNOWN
