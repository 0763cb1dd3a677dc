"""Checks: S1 to S6, judged after every write by somebody who shares no code with those who wrote.

They hold the zone before and after, and their own record of what ever stood in the DNS (`world.Truth`).
A foreign hand may do to the zone what it likes; what is judged is what *our* writes leave behind.
"""

import hashlib
import re
from dataclasses import replace

from outlast.model.fence import epoch_name, next_name, parse_fence
from outlast.model.health import Health, Verdict
from outlast.model.names import DnsName
from outlast.model.override import Evacuation, Freeze, Override
from outlast.model.plan import Layout, Origin, Plan
from outlast.model.records import RecordSet, RecordType
from outlast.model.topology import Endpoint, subject_of
from outlast.sim.world import ADDRESSES, Row, Truth, Zone, find, put


def judge_write(
    layout: Layout, before: Zone, after: Zone, truth: Truth, *, floor: int
) -> tuple[str, ...]:
    """Return every invariant that a write of ours broke.

    Args:
        layout: of the endpoint that was written.
        before: the zone before the write.
        after: and after it.
        truth: what the checks knew before the write.
        floor: addresses that each name keeps.
    """
    broken = [foreign_touched(layout, before, after)]
    before, after = (answered(layout, zone) for zone in (before, after))
    fence = parse_fence(find(after, layout.fence_at, RecordType.TXT))
    if fence is None or _part(layout, before) == _part(layout, after):
        # It did not touch the endpoint: the first epoch of a zone is a write of its own.
        return tuple(one for one in broken if one)
    broken += [
        never_empty(layout, before, after, floor),
        monotone(layout, fence.generation, truth),
        authentic(layout, after, fence.digest),
    ]
    if (fence.generation, fence.digest) not in truth.allowed:
        broken.append(f"S5 guarded: {layout.endpoint}: nobody allowed plan {fence.generation}")
    return tuple(one for one in broken if one)


def _part(layout: Layout, zone: Zone) -> Zone:
    own = {layout.fence_at, *layout.names} | {DnsName(f"_weights.{one}") for one in layout.names}
    return tuple(one for one in zone if one.name in own)


def answered(layout: Layout, zone: Zone) -> Zone:
    """Return the zone as whoever asks for an endpoint's names gets it, along a CNAME within the zone."""
    for name in layout.names:
        for target in find(zone, name, RecordType.CNAME):
            there = [one for one in zone if one.name == target and one.rtype in ADDRESSES]
            if there:
                rest = tuple(one for one in zone if one.name != name)
                zone = put(rest, *(replace(one, name=name) for one in there))
    return zone


_TREE = re.compile(r"g[0-9]+-[0-9a-f]{12}\Z")


def _in_trees(layout: Layout, name: DnsName) -> bool:
    """Whether a name lies in a tree of an endpoint's."""
    top, _, rest = name.partition(".")
    return DnsName(rest) in layout.names and bool(_TREE.match(top))


def never_empty(layout: Layout, before: Zone, zone: Zone, floor: int) -> str:
    """S1: each name that answered still does, with its floor of addresses in each published family.

    A name that nobody published yet, since it was added to the topology a moment ago, is no matter of a
    write that does not know of it. What a foreign hand emptied and a write of ours leaves empty is S3's.
    """
    for name in layout.names:
        counts = [len(find(zone, name, rtype)) for rtype in ADDRESSES]
        if not any(find(before, name, rtype) for rtype in ADDRESSES) and not any(counts):
            continue
        if max(counts) < floor or 0 < min(counts) < floor:
            return f"S1 never empty: {name} answers with {max(counts)} addresses"
    return ""


def monotone(layout: Layout, generation: int, truth: Truth) -> str:
    """S2: not below anything that ever stood there, wiped since or not."""
    if generation >= truth.high:
        return ""
    return f"S2 monotone: {layout.endpoint} went back to plan {generation} after plan {truth.high}"


def authentic(layout: Layout, zone: Zone, digest: str) -> str:
    """S3: the records hash to what the fence names; hashed here, not by the code under test."""
    names = {str(name) for name in layout.names} | {f"_weights.{name}" for name in layout.names}
    if hashed(tuple(one for one in zone if one.name in names)) == digest:
        return ""
    return f"S3 authentic: the records of {layout.endpoint} are not those of the fenced plan"


def hashed(record_sets: tuple[RecordSet, ...]) -> str:
    """The digest of a publication, as a fence names it."""
    text = "".join(_line(one) for one in record_sets)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _line(one: RecordSet) -> str:
    return f"{one.name} {one.ttl_s} {one.rtype.value} {' '.join(one.values)}\n"


def retained(layout: Layout, zone: Zone, before: Row, after: Row) -> str:
    """S4: clean-up left the live plan and the one before it."""
    fence = parse_fence(find(zone, layout.fence_at, RecordType.TXT))
    if fence is None:
        return ""
    older = [one.generation for one in before.archive if one.generation < fence.generation]
    kept = {one.generation for one in after.archive}
    held = {one.generation for one in before.archive}
    needed = ({fence.generation} | ({max(older)} if older else set())) & held
    missing = sorted(needed - kept)
    if not missing:
        return ""
    return f"S4 retained: plan {missing[0]} of {layout.endpoint} was deleted, plan {fence.generation} is live"


def foreign_touched(layout: Layout, before: Zone, after: Zone) -> str:
    """S6: nothing changed at names that are not the endpoint's, its fence's or the epoch's."""
    own = {layout.fence_at, epoch_name(layout.zone), *layout.names}
    own |= {DnsName(f"_weights.{one}") for one in layout.names}
    own |= {next_name(layout.fence_at)} if layout.mirrors else set()
    rest = [
        tuple(one for one in zone if one.name not in own and not _in_trees(layout, one.name))
        for zone in (before, after)
    ]
    return (
        "" if rest[0] == rest[1] else f"S6 owned: a write for {layout.endpoint} touched other names"
    )


def allowed_anyhow(plan: Plan) -> bool:
    """S5's own minimum, whatever the guard said: each name has an address."""
    return all(
        any(plan.addresses(name, rtype) for rtype in ADDRESSES) for name in plan.layout.names
    )


def groundless(
    plan: Plan,
    head: Plan | None,
    endpoint: Endpoint,
    health: tuple[Health, ...],
    overrides: tuple[Override, ...],
) -> str:
    """S5's second opinion on a plan that automation wants to commit: has it any ground to stand on?

    Nothing new is published while an operator froze the endpoint, and an address is only taken out if it
    was reported down, its region is being evacuated, or it left the topology. Missing evidence is none.
    """
    if plan.origin is not Origin.AUTOMATIC:
        return ""
    if any(isinstance(one, Freeze) and one.endpoint in (None, endpoint.name) for one in overrides):
        return f"S5 guarded: plan {plan.generation} was committed while {endpoint.name} is frozen"
    drained = {one.region for one in overrides if isinstance(one, Evacuation)}
    down = {one.subject for one in health if one.verdict is Verdict.DOWN}
    now = {(one.target, one.family) for one in plan.members if one.published}
    for one in head.members if head is not None else ():
        gone = one.published and (one.target, one.family) not in now
        known = any(one.target == target.name for target in endpoint.targets)
        seen_down = subject_of(endpoint.name, one.target, one.family) in down
        if gone and known and one.region not in drained and not seen_down:
            return f"S5 guarded: plan {plan.generation} takes {one.target} out; nobody saw it down"
    return ""
