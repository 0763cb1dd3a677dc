"""Forecasting: a drill of a suggestion, on the same topology, before anybody takes it.

Two runs of the drill's engine, with the step and without: what is thought to be broken stays broken for an
hour. In a process of its own, since the engine computes for seconds and detection must not wait, and with a
deadline: a forecast that comes too late is none.
"""

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection

from outlast.detect.belief import Advice
from outlast.drill.questions import Harm, harm_of
from outlast.drill.scenario import Act, ActionKind, Fault, FaultKind, Scenario
from outlast.drill.vary import Case
from outlast.model.topology import Topology

CALM_S = 300.0
TAKEN_AFTER_S = 120.0
"""How long after it broke the step is taken."""

WATCHED_S = 3600.0
STEP_S = 10.0
DEADLINE_S = 45.0

Forecast = Callable[[Topology, Advice, str], Awaitable[str]]
"""Returns in a line what a drill says of a step; empty: none was held."""

_MEANT = {
    Advice.EVACUATE: (FaultKind.REGION, ActionKind.EVACUATE),
    Advice.FREEZE: (FaultKind.EMPTY_NAME, ActionKind.FREEZE),
}


def scenario_of(advice: Advice, subject: str, *, taken: bool) -> Scenario:
    """Return the drill of a step: what it is taken against lasts for an hour."""
    fault, action = _MEANT[advice]
    act = Act(
        kind=action,
        subject="dns" if advice is Advice.FREEZE else subject,
        at_s=CALM_S + TAKEN_AFTER_S,
    )
    return Scenario(
        name=f"{advice} {subject}",
        world="",
        start=datetime(2025, 1, 1, 12, tzinfo=UTC),
        length_s=CALM_S + WATCHED_S,
        step_s=STEP_S,
        faults=(Fault(kind=fault, subject=subject, at_s=CALM_S),),
        actions=(act,) if taken else (),
    )


def held(topology: Topology, advice: Advice, subject: str) -> str:
    """Hold both drills, and say in a line how they differ."""
    from outlast.app.drill.running import run_case  # noqa: PLC0415 - the engine takes a while to load

    without, with_it = (
        harm_of(run_case(Case(topology, scenario_of(advice, subject, taken=taken))), topology)
        for taken in (False, True)
    )
    return compared(without, with_it)


def compared(without: Harm, with_it: Harm) -> str:
    """Say how two runs differ: in people where it is known who they are, else in services."""
    if without.user_minutes or with_it.user_minutes:
        text = (
            f"{with_it.user_minutes:,.0f} user-minutes lost in the hour, "
            f"{without.user_minutes:,.0f} if nothing is done"
        )
    else:
        text = (
            f"{with_it.service_minutes:,.0f} service-minutes below nine tenths in the hour, "
            f"{without.service_minutes:,.0f} if nothing is done"
        )
    return f"{text}; it stays down by itself" if with_it.stays_down else text


Hold = Callable[[Topology, Advice, str], str]


def _work(answer: Connection, hold: Hold, topology: Topology, advice: Advice, subject: str) -> None:
    answer.send(hold(topology, advice, subject))
    answer.close()


def bounded(
    topology: Topology,
    advice: Advice,
    subject: str,
    *,
    deadline_s: float = DEADLINE_S,
    hold: Hold = held,
) -> str:
    """Hold the drills in a process of their own; blocks until they are over, or the time is."""
    # `spawn`: numerical libraries keep threads, which a forked child would find frozen.
    context = multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(
        target=_work, args=(writer, hold, topology, advice, subject), daemon=True
    )
    process.start()
    writer.close()
    try:
        if not reader.poll(deadline_s):
            return f"none: it was not over after {deadline_s:g} s"
        return str(reader.recv())
    except EOFError:
        return "none: the drill of this topology failed; `outlast drill` tells why"
    finally:
        process.kill()
        process.join()
        reader.close()


async def forecast(topology: Topology, advice: Advice, subject: str) -> str:
    """Return what a drill says of a step."""
    return await asyncio.to_thread(bounded, topology, advice, subject)
