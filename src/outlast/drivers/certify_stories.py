"""The stories that `certify` tells: each names what a fence must do, and tries to break it."""

from outlast.drivers.certify import Bench, Story, race, token
from outlast.model.certificate import Weight
from outlast.model.names import DnsName
from outlast.model.plan import Absent, Held, OutcomeKind, Transaction
from outlast.model.records import RecordSet, RecordType

Result = tuple[str, str]
TXT = RecordType.TXT


async def _create(bench: Bench) -> Result:
    nonce = bench.trial.clock.nonce()
    late = await bench.hold(bench.move((), (token(2, nonce),), "192.0.2.2"))
    await bench.do(bench.move((), (token(1, nonce),), "192.0.2.1"))
    return await bench.is_refused(late, await bench.look()), ""


async def _swap(bench: Bench) -> Result:
    nonce = bench.trial.clock.nonce()
    await bench.do(bench.move((), (token(1, nonce),), "192.0.2.1"))
    await bench.do(bench.move((token(1, nonce),), (token(2, nonce),), "192.0.2.2"))
    found = await bench.look()
    addresses = [value for one in found.record_sets for value in one.values]
    if (found.fence, addresses) != ((token(2, nonce),), ["192.0.2.2"]):
        return f"read back: {' | '.join(found.fence)} with {', '.join(addresses)}", ""
    return "", ""


async def _stale(bench: Bench) -> Result:
    nonce = bench.trial.clock.nonce()
    await bench.do(bench.move((), (token(1, nonce),), "192.0.2.1"))
    late = await bench.hold(bench.move((token(1, nonce),), (token(3, nonce),), "192.0.2.3"))
    await bench.do(bench.move((token(1, nonce),), (token(2, nonce),), "192.0.2.2"))
    return await bench.is_refused(late, await bench.look()), ""


async def _partial(bench: Bench) -> Result:
    """A write against one value, while a second one has come to stand beside it."""
    nonce = bench.trial.clock.nonce()
    ours, theirs = token(1, nonce), token(9, nonce)
    await bench.do(bench.move((), (ours,), "192.0.2.1"))
    late = await bench.hold(bench.move((ours,), (token(2, nonce),), "192.0.2.2"))
    await bench.do(bench.move((ours,), (ours, theirs), "192.0.2.1"))
    return await bench.is_refused(late, await bench.look()), ""


async def _wiped(bench: Bench) -> Result:
    """A write against a fence that is gone."""
    nonce = bench.trial.clock.nonce()
    ours = (token(1, nonce),)
    await bench.do(bench.move((), ours, "192.0.2.1"))
    late = await bench.hold(bench.move(ours, (token(2, nonce),), "192.0.2.2"))
    wipe = bench.move(ours, ours, "192.0.2.1")
    await bench.do(
        Transaction(
            zone=wipe.zone, conditions=wipe.conditions, deletions=wipe.deletions, additions=()
        )
    )
    return await bench.is_refused(late, await bench.look()), ""


async def _case(bench: Bench) -> Result:
    nonce = bench.trial.clock.nonce()
    ours = token(1, f"abc{nonce}")
    await bench.do(bench.move((), (ours,), "192.0.2.1"))
    late = await bench.hold(bench.move((ours,), (token(2, nonce),), "192.0.2.2"))
    await bench.do(bench.move((ours,), (ours.upper(),), "192.0.2.1"))
    fault = await bench.is_refused(late, await bench.look())
    return ("TXT values are compared without regard to case" if fault else ""), ""


async def _all_conditions(bench: Bench) -> Result:
    """Two conditions in one write, of which only the first one holds."""
    nonce = bench.trial.clock.nonce()
    ours, other = (token(1, nonce),), DnsName(f"_other.{bench.layout.names[0]}")
    await bench.do(bench.move((), ours, "192.0.2.1"))
    move = bench.move(ours, (token(2, nonce),), "192.0.2.2")
    both = Transaction(
        zone=move.zone,
        conditions=(*move.conditions, Absent(name=other, rtype=TXT)),
        deletions=move.deletions,
        additions=(*move.additions, RecordSet.of(other, TXT, 0, ["second"])),
    )
    late = await bench.hold(both)
    mark = Transaction(
        zone=move.zone,
        conditions=(Absent(name=other, rtype=TXT),),
        deletions=(),
        additions=(RecordSet.of(other, TXT, 0, ["first"]),),
    )
    await bench.do(mark)
    try:
        return await bench.is_refused(late, await bench.look()), ""
    finally:
        await _unmark(bench, other)


async def _unmark(bench: Bench, at: DnsName) -> None:
    for value in ("first", "second"):
        await bench.main.write(
            Transaction(
                zone=bench.layout.zone,
                conditions=(Held(name=at, rtype=TXT, values=(value,)),),
                deletions=((at, TXT),),
                additions=(),
            )
        )


async def _whole(bench: Bench) -> Result:
    """A write whose last part cannot be: the parts before it must not stay."""
    nonce = bench.trial.clock.nonce()
    ours = (token(1, nonce),)
    await bench.do(bench.move((), ours, "192.0.2.1"))
    before = await bench.look()
    foreign = RecordSet.of(DnsName("outlast-certify.invalid"), RecordType.A, 5, ["192.0.2.9"])
    mixed = await bench.hold(bench.move(ours, (token(2, nonce),), "192.0.2.2", foreign))
    outcome = await bench.fire(mixed)
    after = await bench.look()
    if (after.fence, after.record_sets) != (before.fence, before.record_sets):
        return f"it was {outcome.kind}, and a part of it stayed", ""
    return ("it was applied" if outcome.kind is OutcomeKind.APPLIED else ""), ""


STORIES = (
    Story(
        name="create",
        meaning="of two first publications the later one is refused",
        weight=Weight.FENCE,
        tell=_create,
    ),
    Story(
        name="swap",
        meaning="the right fence moves fence and data, and is read back at once",
        weight=Weight.TOGETHER,
        tell=_swap,
    ),
    Story(
        name="stale-swap",
        meaning="a write against an older fence is refused",
        weight=Weight.FENCE,
        tell=_stale,
    ),
    Story(
        name="partial-match",
        meaning="a write against one of two values is refused: the whole set is compared",
        weight=Weight.FENCE,
        tell=_partial,
    ),
    Story(
        name="wiped",
        meaning="a write against a fence that is gone is refused",
        weight=Weight.FENCE,
        tell=_wiped,
    ),
    Story(
        name="all-conditions",
        meaning="of several conditions each one counts (the epoch beside the fence)",
        weight=Weight.FENCE,
        tell=_all_conditions,
    ),
    Story(
        name="whole",
        meaning="a write that cannot be done wholly leaves nothing behind",
        weight=Weight.TOGETHER,
        tell=_whole,
    ),
    Story(
        name="case",
        meaning="TXT values differ if only their case differs (every fence is lower case)",
        weight=Weight.CAVEAT,
        tell=_case,
    ),
    Story(
        name="race",
        meaning="each generation has one winner, through all servers that take writes",
        weight=Weight.FENCE,
        tell=race,
    ),
)
