"""Tree: laid under names of its own, read back whole, flipped by one write; what does not fit is refused."""

from dataclasses import replace

import pytest
from tests.support import modeldns
from tests.support.builders import (
    NAME,
    ZONE,
    addresses,
    at,
    endpoint,
    epoch,
    fence_of,
    nonce,
    plan,
    provider,
    situation,
)

from outlast.core import tree as trees
from outlast.core.enact import Idle, State, Writing, step
from outlast.core.guard import Case, rule
from outlast.core.laying import SURVEYS_MAX, Growing, Surveying
from outlast.core.messages import (
    Confirm,
    FetchNewest,
    Newest,
    Read,
    ReadProvider,
    ReportDrift,
    RetryAt,
    Woken,
    Write,
    Wrote,
)
from outlast.core.plan import can_be_tree, make
from outlast.core.transact import release, tend
from outlast.core.tree import Piece, chunks, leads_to, leaves_of, missing, place_of, through
from outlast.core.verify import compare
from outlast.model.errors import Bug
from outlast.model.fence import epoch_name
from outlast.model.names import DnsName, EnactorName, ProviderName
from outlast.model.plan import Drift, Laying, Layout, Observation, Outcome, OutcomeKind, Plan, Proof
from outlast.model.records import RecordSet, RecordType
from outlast.model.topology import Endpoint, PublishedName
from outlast.model.treenames import generation_of, label, under
from outlast.model.units import Generation

TWO = (PublishedName(name=NAME), PublishedName(name=DnsName("b.example.net")))
OF = replace(endpoint("eu-1", "us-1", names=TWO), layout=Laying.TREE)


def treed(generation: int = 1) -> Plan:
    """A plan that lies in a tree."""
    made = plan(OF, generation=generation)
    return replace(made, layout=replace(made.layout, tree=True))


def seeded(*record_sets: RecordSet) -> modeldns.Zone:
    """A zone with an epoch, and what else is given."""
    return modeldns.put(
        (), RecordSet(epoch_name(ZONE), RecordType.TXT, 0, (epoch(),)), *record_sets
    )


class World:
    """One machine and one model server; commands are carried out in order."""

    def __init__(self, zone: modeldns.Zone, wanted: Plan, carries: int = 100) -> None:
        self.zone, self.wanted = zone, wanted
        self.state = State(enactor=EnactorName("e1"), layout=wanted.layout, carries=carries)
        self.writes: list[Write] = []
        self.told: list[Confirm | ReportDrift | RetryAt] = []
        self.fates: list[OutcomeKind] = []

    def read(self, layout: Layout) -> Observation:
        """What a driver would have read, pointers followed."""
        seen = modeldns.read(self.zone, layout, at(0))
        top = leads_to(seen)
        if not top:
            return seen
        found = through(seen, modeldns.read(self.zone, place_of(self.wanted.layout, top), at(0)))
        assert found is not None
        return found

    def run(self, limit: int = 400) -> None:
        """Wake the machine and carry out what it asks for until it rests."""
        self.state, commands = step(self.state, Woken(layout=self.wanted.layout, at_ns=at(0)))
        todo = list(commands)
        for _ in range(limit):
            if not todo:
                return
            command = todo.pop(0)
            match command:
                case ReadProvider(layout=layout):
                    event: Read | Newest | Wrote = Read(observation=self.read(layout), at_ns=at(0))
                case FetchNewest():
                    number = nonce(len(self.writes) + 20)
                    event = Newest(
                        plan=self.wanted, confirmed=Generation(0), nonce=number, at_ns=at(0)
                    )
                case Write(transaction=transaction):
                    self.writes.append(command)
                    kind = self.fates.pop(0) if self.fates else OutcomeKind.APPLIED
                    if kind is OutcomeKind.APPLIED:
                        self.zone, kind = modeldns.apply(self.zone, transaction)
                    event = Wrote(outcome=Outcome(kind=kind), at_ns=at(0))
                case _:
                    self.told.append(command)
                    continue
            self.state, more = step(self.state, event)
            todo += more
        raise AssertionError("it does not rest")

    def flips(self) -> list[Write]:
        """The writes that moved the fence."""
        fence_at = self.wanted.layout.fence_at
        return [
            it
            for it in self.writes
            if any(one.name == fence_at for one in it.transaction.additions)
        ]


def test_a_plan_is_laid_piece_by_piece_and_flipped_by_the_last_write() -> None:
    """Until then nothing that clients ask for changes; then root and fence at once."""
    world = World(seeded(), treed(), carries=100)
    world.run()
    assert len(world.writes) > 2
    assert world.flips() == [world.writes[-1]]
    assert isinstance(compare(world.wanted, world.read(world.wanted.layout)), Proof)
    assert isinstance(world.told[-1], Confirm)
    (pointer,) = [it for it in world.zone if it.name == NAME]
    assert (pointer.rtype, pointer.ttl_s) == (RecordType.CNAME, world.wanted.record_sets[0].ttl_s)


def test_what_stands_already_is_not_laid_again() -> None:
    """A try that was abandoned, by whomever, is gone on with."""
    wanted = treed()
    standing = leaves_of(wanted)[0]
    world = World(seeded(standing), wanted, carries=100)
    world.run()
    laid = [one for it in world.writes[:-1] for one in it.transaction.additions]
    assert laid
    assert standing not in laid


def test_nothing_is_flipped_that_was_not_read_back_whole() -> None:
    """Acknowledged and dropped: the survey sees the hole, and it is laid anew."""
    wanted = treed()
    world = World(
        seeded(RecordSet(under(trees.label_of(wanted), NAME), RecordType.CNAME, 1, ("x.example",))),
        wanted,
    )
    world.run()
    assert isinstance(compare(wanted, world.read(wanted.layout)), Proof), "and strays are removed"


def test_surveys_end_where_a_server_drops_what_it_acknowledges() -> None:
    """It waits and says so instead of writing for ever."""
    world = World(seeded(), treed())
    world.fates = [OutcomeKind.UNKNOWN] * 50
    world.run()
    assert len(world.writes) == SURVEYS_MAX
    assert not world.flips()
    assert [type(one) for one in world.told] == [ReportDrift, RetryAt]


def test_a_busy_server_is_told_of_and_tried_later() -> None:
    """Nothing changed; the pieces that stand are kept."""
    world = World(seeded(), treed(), carries=100)
    world.fates = [OutcomeKind.APPLIED, OutcomeKind.BUSY]
    world.run()
    assert isinstance(world.state.phase, Idle)
    assert isinstance(world.told[-1], RetryAt)
    world.run()
    assert isinstance(compare(world.wanted, world.read(world.wanted.layout)), Proof)


def test_whoever_is_overtaken_while_laying_chooses_anew() -> None:
    """The fence moved under the survey: no piece and no flip rests on what was read before."""
    wanted = treed(2)
    state = State(enactor=EnactorName("e1"), layout=wanted.layout)
    found = Observation(
        endpoint=OF.name,
        provider=wanted.layout.provider,
        epoch=(epoch(),),
        fence=(str(fence_of(treed(1), number=1)),),
        record_sets=(),
        at_ns=at(0),
    )
    state, _ = step(state, Woken(layout=wanted.layout, at_ns=at(0)))
    state, _ = step(state, Read(observation=found, at_ns=at(0)))
    asked = Newest(plan=wanted, confirmed=Generation(1), nonce=nonce(9), at_ns=at(0))
    state, (reading,) = step(state, asked)
    assert isinstance(state.phase, Surveying)
    assert isinstance(reading, ReadProvider)
    moved = replace(found, fence=(str(fence_of(treed(3), number=2)),))
    after, (again,) = step(state, Read(observation=moved, at_ns=at(0)))
    assert isinstance(again, ReadProvider)
    assert not isinstance(after.phase, Surveying | Growing | Writing)


def test_a_plan_goes_from_in_place_to_a_tree_and_back() -> None:
    """Each way one write: the names are never without an answer."""
    flat, big = plan(OF), treed(2)
    world = World(seeded(), flat)
    world.run()
    world.wanted = big
    world.run()
    assert isinstance(compare(big, world.read(big.layout)), Proof)
    assert isinstance(compare(flat, world.read(flat.layout)), Drift)
    back = plan(OF, generation=3)
    world.wanted = back
    world.run()
    assert isinstance(compare(back, world.read(back.layout)), Proof)
    assert not [it for it in world.zone if it.name == NAME and it.rtype is RecordType.CNAME]


def test_the_same_records_elsewhere_are_drift() -> None:
    """The fence names the content, the layout says where it lies: another plan's tree is not it."""
    world = World(seeded(), treed())
    world.run()
    seen = world.read(world.wanted.layout)
    assert isinstance(compare(world.wanted, replace(seen, below="")), Drift)
    assert isinstance(
        compare(world.wanted, replace(seen, below=label(Generation(7), "0" * 32))), Drift
    )


def test_a_pointer_with_another_ttl_is_drift() -> None:
    """A longer one would outlive the quarantine of its tree."""
    world = World(seeded(), treed())
    world.run()
    (pointer,) = [it for it in world.zone if it.name == NAME]
    world.zone = modeldns.put(world.zone, replace(pointer, ttl_s=86_400))
    assert isinstance(compare(world.wanted, world.read(world.wanted.layout)), Drift)
    world.run()
    assert isinstance(compare(world.wanted, world.read(world.wanted.layout)), Proof)


def test_readings_of_two_moments_are_not_put_together() -> None:
    """Somebody wrote in between: read again."""
    world = World(seeded(), treed())
    world.run()
    seen = modeldns.read(world.zone, world.wanted.layout, at(0))
    leaves = modeldns.read(world.zone, place_of(world.wanted.layout, leads_to(seen)), at(0))
    assert through(seen, leaves) is not None
    assert through(seen, replace(leaves, fence=())) is None


def test_other_aliases_are_not_followed() -> None:
    """A CNAME of somebody else's, a tree's name that is not ours, half pointers: shown as they are."""
    world = World(seeded(), treed())
    seen = modeldns.read(world.zone, world.wanted.layout, at(0))
    top = label(Generation(1), "a" * 32)
    strange = RecordSet(NAME, RecordType.CNAME, 1, (DnsName("elsewhere.example"),))
    ours = RecordSet(NAME, RecordType.CNAME, 1, (under(top, NAME),))
    other = RecordSet(NAME, RecordType.CNAME, 1, (under(top, DnsName("b.example")),))
    assert leads_to(replace(seen, record_sets=(strange,))) == ""
    assert leads_to(replace(seen, record_sets=(other,))) == ""
    assert leads_to(replace(seen, record_sets=(ours, addresses("10.0.0.1")))) == ""
    assert leads_to(replace(seen, record_sets=(ours,))) == top


def test_a_tree_is_cut_into_transactions_and_no_set_is_split() -> None:
    """Every record once, in order, each piece below the limit."""
    sets = [
        RecordSet.of(DnsName(f"n{one:04}.{ZONE}"), RecordType.A, 60, ["10.0.0.1"])
        for one in range(5_000)
    ]
    pieces = chunks(sets)
    assert len(pieces) > 3
    assert [one for piece in pieces for one in piece] == sets
    assert all(trees.bytes_of(one) <= trees.CHUNK_BYTES_MAX for one in pieces)
    many = [f"10.1.{one // 250}.{one % 250}" for one in range(2_500)]
    with pytest.raises(Bug, match="does not fit"):
        chunks([RecordSet.of(NAME, RecordType.A, 60, many)])


def test_a_piece_that_reaches_beyond_its_tree_is_never_sent() -> None:
    """A fault of our own: names outside of the tree, or a label that is none."""
    wanted = treed()
    found = modeldns.read(seeded(), wanted.layout, at(0))
    outside = Piece(((NAME, RecordType.A),), ())
    with pytest.raises(Bug, match="does not lie in the tree"):
        tend(wanted.layout, trees.label_of(wanted), outside, found)
    with pytest.raises(Bug, match="does not lie in the tree"):
        tend(wanted.layout, "www", Piece((), leaves_of(wanted)), found)


def test_a_release_takes_the_pointers() -> None:
    """What stands at the names; the trees behind them are swept afterwards."""
    world = World(seeded(), treed())
    world.run()
    found = world.read(world.wanted.layout)
    world.zone, kind = modeldns.apply(world.zone, release(world.wanted.layout, found))
    assert kind is OutcomeKind.APPLIED
    assert not [one for one in world.zone if one.name == NAME]


# who gets a tree


def big_endpoint(names: int, asked: Laying) -> Endpoint:
    """An endpoint of so many names."""
    many = [PublishedName(name=DnsName(f"n{one}.{ZONE}")) for one in range(names)]
    made = endpoint(*(f"t-{one}" for one in range(1, 9)), names=many)
    return replace(made, layout=asked, names=tuple(many))


@pytest.mark.parametrize(
    ("names", "asked", "tree"),
    [
        (2, Laying.AUTO, False),
        (600, Laying.AUTO, True),
        (600, Laying.IN_PLACE, False),
        (2, Laying.TREE, True),
    ],
)
def test_a_plan_beyond_one_transaction_becomes_a_tree_by_itself(
    names: int, asked: Laying, *, tree: bool
) -> None:
    """Unless the operator wants it in place; then the guard refuses it."""
    of = big_endpoint(names, asked)
    made = make(situation(of, weighted=False), Generation(1))
    assert made.layout.tree is tree
    case = Case(
        situation=situation(of, weighted=False),
        plan=made,
        newest=Generation(0),
        sick=(),
        evidence_max_age_s=60,
    )
    ruling = rule(case)
    blocked = {one.rule for one in ruling.findings if one.rule == "transaction-size"}
    assert bool(blocked) is (names == 600 and not tree)


def test_pointers_beyond_one_transaction_are_refused() -> None:
    """The flip is never split."""
    of = big_endpoint(2_000, Laying.TREE)
    made = make(situation(of, weighted=False), Generation(1))
    assert made.layout.tree
    assert "pointers" in trees.unfit(made)


def test_no_tree_where_no_pointer_can_stand() -> None:
    """At the top of a zone, at several providers, and where weights belong to an address."""
    noun = provider(weighted=False)
    assert not can_be_tree(OF, provider())
    assert can_be_tree(OF, noun)
    apex = replace(OF, names=(PublishedName(name=ZONE),))
    assert not can_be_tree(apex, noun)
    assert not can_be_tree(replace(OF, providers=(noun.name, ProviderName("other"))), noun)


def test_names_of_trees_bear_number_and_digest() -> None:
    """And nothing else is taken for one."""
    top = label(Generation(42), "5f2c9ab01d3e" + "0" * 20)
    assert under(top, DnsName("www.example.org")) == "g42-5f2c9ab01d3e.www.example.org"
    assert generation_of(top) == 42
    for other in ("", "g42", "g0-5f2c9ab01d3e", "g42-5F2C9AB01D3E", "g42-5f2c9ab01d3e0", "www"):
        assert generation_of(other) == 0


def test_missing_says_what_to_lay_and_what_to_take_away() -> None:
    """Sets that differ are laid, strays are removed, what is right is left alone."""
    wanted = treed()
    top = trees.label_of(wanted)
    stray = RecordSet(under(top, NAME), RecordType.TXT, 1, ("stray",))
    leaves = leaves_of(wanted)
    seen = modeldns.read(seeded(), wanted.layout, at(0))
    pieces = missing(wanted, replace(seen, record_sets=(*leaves[1:], stray)))
    assert [one.laid for one in pieces] == [(), (leaves[0],)], "strays first: one may be an alias"
    assert pieces[0].removed == ((stray.name, RecordType.TXT),)
    assert pieces[1].removed == (), "what did not stand is added, and nothing deleted for it"
    other = replace(leaves[0], values=("10.9.9.9",))
    (piece,) = missing(wanted, replace(seen, record_sets=(*leaves[1:], other)))
    assert piece == Piece(((other.name, other.rtype),), (leaves[0],))
    assert missing(wanted, replace(seen, record_sets=leaves)) == ()
