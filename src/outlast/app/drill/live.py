"""Live: a planned exercise on the running control plane, which ends by itself.

In this order, and each may refuse: no blocked window, no freeze, nothing drained already; the same
evacuation simulated; the guard's capacity proof on the newest probes. Then it is announced in the history,
the region is drained in steps and held, and taken back. Whatever ends the exercise (its time, a stop
condition, Ctrl-C, an error) the way back is taken; if even that fails, `outlast restore` is named.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from outlast.app.drain import Progress, endpoints_in, follow, prove
from outlast.app.drill.calendar import Blocked
from outlast.app.drill.running import run_case
from outlast.app.drill.stops import Metric, Watch
from outlast.app.session import Session, open_session
from outlast.app.wiring import World
from outlast.config.scenario import START
from outlast.drill.scenario import (
    Act,
    ActionKind,
    ControlPlane,
    Expectation,
    ExpectKind,
    Scenario,
)
from outlast.drill.vary import Case
from outlast.model.errors import ConfigError, OutlastError, StoreError
from outlast.model.names import RegionName
from outlast.model.override import Evacuation, Freeze, is_over
from outlast.model.topology import Endpoint, Topology
from outlast.model.units import seconds

SETTLE_S = 60.0
CALM_S = 600.0
SIMULATED_HOLD_S = 1800.0
SERVED_MIN = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """What is planned."""

    region: RegionName
    reason: str
    by: str
    steps: int
    every_s: float
    hold_s: float
    notice_s: float
    metrics: tuple[Metric, ...]
    blocked: tuple[Blocked, ...]
    record: Path

    @property
    def length_s(self) -> float:
        """From the first step to the last one back."""
        return self.notice_s + 2 * (self.steps - 1) * self.every_s + self.hold_s


@dataclass(slots=True, kw_only=True)
class Record:
    """What happened, for the audit trail; times in UTC."""

    region: str
    reason: str
    by: str
    outcome: str = "refused"
    why: str = ""
    simulated: list[str] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Write down what happens now."""
        self.events.append(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}")


class Refused(Exception):
    """The exercise does not begin; the message says why."""


def simulation(topology: Topology, region: str) -> Scenario:
    """Return the exercise as a scenario: the region's users are sent elsewhere for half an hour."""
    back_s = CALM_S + SIMULATED_HOLD_S
    return Scenario(
        name=f"evacuate {region}",
        control_plane=ControlPlane.REAL,
        title=f"{region} is evacuated, as planned",
        world="live",
        start=START,
        length_s=back_s + CALM_S,
        actions=(
            Act(kind=ActionKind.EVACUATE, subject=region, at_s=CALM_S),
            Act(kind=ActionKind.RETURN, subject=region, at_s=back_s),
        ),
        expectations=(
            *(
                Expectation(
                    name=f"{one.name} stays up",
                    kind=ExpectKind.SERVED_MIN,
                    service=one.name,
                    value=SERVED_MIN,
                )
                for one in topology.services
                if one.essential
            ),
            Expectation(name="it comes back by itself", kind=ExpectKind.NOT_METASTABLE),
        ),
    )


def check_calendar(exercise: Exercise, begin: datetime) -> None:
    """Refuse an exercise that would run in a blocked window.

    Raises:
        Refused: it would.
    """
    end = begin + timedelta(seconds=exercise.length_s)
    for one in exercise.blocked:
        if one.overlaps(begin, end):
            raise Refused(f"{begin:%Y-%m-%d %H:%M} UTC lies in the blocked window `{one.text}`")


async def hold(world: World, exercise: Exercise, out: Console) -> int:
    """Hold an exercise; exit code 0: it ran to its end, 1: refused or stopped."""
    record = Record(region=exercise.region, reason=exercise.reason, by=exercise.by)
    endpoints = endpoints_in(world, exercise.region)
    try:
        check_calendar(exercise, datetime.now(UTC))
        _simulate(world, exercise, record)
        async with open_session(world, "operator", writes=True) as session:
            await _proved(session, endpoints, exercise, record)
            await _exercise(session, endpoints, exercise, record, out=out)
    except Refused as refusal:
        record.why = str(refusal)
        out.print(f"[red]refused[/]: {refusal}")
    finally:
        write_record(exercise.record, record)
        out.print(f"record: {exercise.record}")
        await _log(world, exercise, record, out)
    return int(record.outcome != "done")


def write_record(path: Path, record: Record) -> None:
    """Write what happened."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")


async def _log(world: World, exercise: Exercise, record: Record, out: Console) -> None:
    """Put the record into the journal, from where it comes into the audit trail; refusals too.

    A store that is gone by then does not make the exercise undone: the file has the record, and it is said.
    """
    if not world.has_store():
        return  # no control plane ever ran here: there is no trail to put it into
    text = f"exercise {record.outcome}: {record.region}" + (f": {record.why}" if record.why else "")
    digest = hashlib.sha256(exercise.record.read_bytes()).hexdigest()
    data: dict[str, object] = {key: one for key, one in asdict(record).items() if key != "by"}
    try:
        async with open_session(world, "operator", writes=True) as session:
            await session.ledger.note(
                "exercise", text, by=record.by, data={**data, "sha256": digest}
            )
    except StoreError as error:
        out.print(f"[yellow]not in the audit trail[/]: {error.what}; the record's file has it")


def _simulate(world: World, exercise: Exercise, record: Record) -> None:
    topology = world.topology
    outcome = run_case(Case(topology, simulation(topology, exercise.region)))
    record.simulated = [f"{one.name}: {one.text}" for one in outcome.judgements]
    failed = [one for one in outcome.judgements if not one.held]
    if failed:
        raise Refused(f"simulated first, it fails: {failed[0].name}: {failed[0].text}")


async def _proved(
    session: Session, endpoints: list[Endpoint], exercise: Exercise, record: Record
) -> None:
    if not endpoints:
        raise Refused(f"no endpoint has a target in {exercise.region}")
    overrides, _ = await session.ledger.overrides()
    now_ns = session.world.clock.now_ns()
    for one in overrides or ():
        if is_over(one, now_ns):
            continue  # what came back in steps stays in the store, and so does a freeze that has ended
        if isinstance(one, Freeze):
            raise Refused(f"automation is frozen: {one.reason}")
        if isinstance(one, Evacuation):
            raise Refused(f"{one.region} is being evacuated already: {one.reason}")
    for proof in await prove(session, endpoints, _evacuation(session, exercise)):
        plan = proof.plan or proof.head
        record.proofs.append(f"{proof.endpoint.name}: {plan.proof if plan else 'not published'}")
        if proof.ruling is not None and not proof.ruling.allowed:
            raise Refused(f"the capacity proof fails: {record.proofs[-1]}")


def _evacuation(session: Session, exercise: Exercise) -> Evacuation:
    return Evacuation(
        region=exercise.region,
        reason=f"exercise: {exercise.reason}",
        by=exercise.by,
        at_ns=session.world.clock.now_ns(),
        step_count=exercise.steps,
        step_s=exercise.every_s,
    )


async def _exercise(
    session: Session, endpoints: list[Endpoint], exercise: Exercise, record: Record, *, out: Console
) -> None:
    announced = (
        f"exercise: {exercise.region} is drained for {exercise.hold_s:g} s: {exercise.reason}"
    )
    out.print(f"announced: {announced}; it begins in {exercise.notice_s:g} s")
    record.note(announced)
    await asyncio.sleep(exercise.notice_s)
    evacuation = _evacuation(session, exercise)
    await session.ledger.place(evacuation, announced)
    record.outcome = "stopped"
    try:
        record.why = await _until_stopped(session, endpoints, evacuation, exercise, record=record)
    except OutlastError as error:
        record.why = str(error)
        raise
    finally:
        await asyncio.shield(_return(session, endpoints, evacuation, record))
    if record.why:
        out.print(f"[yellow]stopped early[/]: {record.why}; {exercise.region} serves again")
        return
    record.outcome = "done"
    out.print(f"[green]done[/]: {exercise.region} was drained, held and serves again")


async def _until_stopped(
    session: Session,
    endpoints: list[Endpoint],
    evacuation: Evacuation,
    exercise: Exercise,
    *,
    record: Record,
) -> str:
    """Drain and hold; return why it was stopped early, or nothing."""
    watch = Watch(session, endpoints, evacuation, exercise.metrics)
    watching = asyncio.create_task(watch.until_stopped())
    walking = asyncio.create_task(_walk(session, endpoints, evacuation, exercise, record=record))
    try:
        over = asyncio.Event()
        for task in (watching, walking):
            task.add_done_callback(lambda _: over.set())
        await over.wait()
        return walking.result() if walking.done() else watching.result()
    finally:
        for task in (watching, walking):
            task.cancel()
        await asyncio.gather(watching, walking, return_exceptions=True)


async def _walk(
    session: Session,
    endpoints: list[Endpoint],
    evacuation: Evacuation,
    exercise: Exercise,
    *,
    record: Record,
) -> str:
    steps_s = (exercise.steps - 1) * exercise.every_s
    progress = await _follow(session, endpoints, evacuation, steps_s, empty=True)
    if progress.left or progress.unproved:
        return f"not drained in time: {progress.left} addresses of {exercise.region} are published"
    record.note(f"{exercise.region} is empty, confirmed in the DNS")
    await asyncio.sleep(exercise.hold_s)
    record.note("held as planned")
    return ""


async def _follow(
    session: Session,
    endpoints: list[Endpoint],
    evacuation: Evacuation,
    steps_s: float,
    *,
    empty: bool,
) -> Progress:
    clock = session.world.clock
    last_ns = evacuation.at_ns + seconds(steps_s)

    def is_done(one: Progress) -> bool:
        if one.unproved or (one.left > 0) is empty:
            return False
        return empty or clock.now_ns() >= last_ns

    return await follow(
        session,
        endpoints,
        is_done,
        region=evacuation.region,
        deadline_ns=last_ns + seconds(SETTLE_S),
        tell=lambda _: None,
    )


async def _return(
    session: Session, endpoints: list[Endpoint], evacuation: Evacuation, record: Record
) -> None:
    back = replace(evacuation, at_ns=session.world.clock.now_ns(), returning=True)
    text = f"exercise over: {evacuation.region} comes back"
    if back.step_count > 1:
        await session.ledger.place(back, text)
    else:
        await session.ledger.lift(evacuation, text, by=evacuation.by)
    record.note(text)
    steps_s = (back.step_count - 1) * back.step_s
    progress = await _follow(session, endpoints, back, steps_s, empty=False)
    state = f"{progress.left} addresses of {evacuation.region} published"
    record.note(state if progress.left else f"{state}: see `outlast why`, and `outlast restore`")


def check_region(world: World, text: str) -> RegionName:
    """Return a region of the world.

    Raises:
        ConfigError: there is none of this name.
    """
    known: Sequence[str] = [one.name for one in world.topology.regions]
    if text not in known:
        raise ConfigError(
            f"there is no region {text!r} in {world.file}", remedy=f"regions: {', '.join(known)}"
        )
    return RegionName(text)
