"""Guards for coroutine functions. The same two ways as in `guard_sync`; here a time-out really cancels.

A `CancelledError` that our time-out caused counts as a failure of the dependency; the caller's own counts as
nothing and goes through. A call that was cut short by the *caller's* shorter deadline counts as a failure
only if the dependency had half of its declared time: a hurried caller proves nothing about it.
"""

# ruff: noqa: C901 - one closure each: a helper's call costs a third of the budget

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from time import monotonic
from typing import Any

from outlast.client.course import Course, Give, Step, Try, Use
from outlast.client.deadline import DEADLINE
from outlast.client.facts import Retried
from outlast.client.hedge import hedged
from outlast.client.job import MISSING, REGIONS, Job, in_region
from outlast.client.record import RECORD
from outlast.client.verdict import failed
from outlast.client.watch import Watch

AsyncFunction = Callable[..., Coroutine[Any, Any, Any]]


def guard(job: Job) -> AsyncFunction:
    """Return the guarded form of a coroutine function."""
    if job.terms.hedge is not None:
        return _thorough(job)
    return _untimed(job) if job.terms.timeout_s is None else _timed(job, job.terms.timeout_s)


def _thorough(job: Job) -> AsyncFunction:
    @wraps(job.function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        return await _drive(job, args, kwargs)

    return guarded


def _untimed(job: Job) -> AsyncFunction:
    function, gate, home = job.function, job.gate, job.gate.home
    hooks, record = gate.hooks, RECORD.get
    take, give = gate.bulkhead.permits.pop, gate.bulkhead.permits.append
    slow_s, keep, plain = job.terms.slow_s, job.keep, job.plain
    remembers, overall, now = job.results is not None, DEADLINE.get, monotonic
    measures = slow_s != float("inf")

    @wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        if not gate.quick or overall() is not None:
            if plain is not MISSING and now() < gate.shut_until_s:
                gate.shed += 1
                if hooks.listeners or record() is not None:
                    job.shed_aloud()
                return plain
            return await _drive(job, args, kwargs)
        try:
            permit = take()
        except IndexError:
            return await _drive(job, args, kwargs)
        began_s = now() if measures else 0.0
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            give(permit)
            if not isinstance(error, Exception):
                raise
            return await _resume(job, args, kwargs, error)
        give(permit)
        ended_s = now()
        if ended_s - began_s <= slow_s and ended_s < home.turn_at_s:
            home.good += 1
        else:
            job.ended(0, began_s)
        if remembers:
            keep(args, kwargs, result)
        return result

    return guarded


def _timed(job: Job, timeout_s: float) -> AsyncFunction:
    function, gate, plain, record = job.function, job.gate, job.plain, RECORD.get
    take, give = gate.bulkhead.permits.pop, gate.bulkhead.permits.append
    overall, begin, end, now = DEADLINE.get, DEADLINE.set, DEADLINE.reset, monotonic
    watch: Watch | None = None

    @wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        nonlocal watch
        task, began_s = asyncio.current_task(), now()
        if not gate.quick and plain is not MISSING and began_s < gate.shut_until_s:
            gate.shed += 1
            if gate.hooks.listeners or record() is not None:
                job.shed_aloud()
            return plain
        until_s, outer_s = began_s + timeout_s, overall()
        if not gate.quick or task is None or (outer_s is not None and outer_s < until_s):
            return await _drive(job, args, kwargs)
        if watch is None or watch.loop is not task.get_loop():
            watch = Watch(task.get_loop())
        mine, pending = watch, watch.pending
        try:
            permit = MISSING if task in pending else take()
        except IndexError:
            permit = MISSING
        if permit is MISSING:  # full, or the function calls itself
            return await _drive(job, args, kwargs)
        pending[task] = (until_s, task.cancelling())
        if not mine.armed:
            mine.arm(timeout_s)
        token = begin(until_s)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            give(permit)
            fault = _fault(job, mine, task, error)
            if not isinstance(error, GeneratorExit):
                end(token)  # closed from another context, the token would not be valid
            if fault is None:
                raise
            return await _resume(job, args, kwargs, fault)
        if pending.pop(task, None) is None:
            mine.overdue(task)
        end(token)
        give(permit)
        job.came_back(began_s)
        job.keep(args, kwargs, result)
        return result

    return guarded


def _fault(
    job: Job, watch: Watch, task: asyncio.Task[Any], error: BaseException
) -> Exception | None:
    """Return what went wrong with the dependency; None: the caller was cancelled, and nothing is known."""
    ours = watch.pending.pop(task, None) is None and watch.overdue(task)
    if ours and isinstance(error, asyncio.CancelledError):
        return job.overdue(job.terms.timeout_s or 0.0)
    return error if isinstance(error, Exception) else None


async def _drive(job: Job, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Carry out a whole call, everything considered."""
    course = Course(job.gate, job.ladder, idempotent=job.idempotent)
    return await _carry(job, course, course.begin(monotonic()), args, kwargs)


async def _resume(
    job: Job, args: tuple[Any, ...], kwargs: Mapping[str, Any], error: Exception
) -> Any:
    """Go on after the first attempt failed on the quick way."""
    course = Course(job.gate, job.ladder, idempotent=job.idempotent)
    step = failed(job, course, 0, error)
    return await _carry(job, course, step, args, kwargs)


async def _carry(
    job: Job, course: Course, step: Step, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    while True:
        match step:
            case Try():
                step, result = await _attempt(job, course, step, args, kwargs)
            case Use():
                step, result = await _fall_back(job, course, step, args, kwargs)
            case Give(error=error):
                job.lost(course.why)
                raise error
        if result is not MISSING:
            return result


async def _attempt(
    job: Job, course: Course, step: Try, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Step, Any]:
    gate, permits = job.gate, job.gate.bulkhead.permits
    if step.attempt:
        gate.tell(Retried(gate.name, step.attempt, step.wait_s))
        await _wait(job, step)
    limit_s = job.limit_s()
    late = limit_s is not None and limit_s <= 0.0
    try:
        permit = MISSING if late else permits.pop()
    except IndexError:
        permit = MISSING
    if permit is MISSING:
        gate.abandoned(step.region)
        return course.refused("overdue" if late else "full", monotonic()), MISSING
    began_s = monotonic()
    region = REGIONS.set(in_region(gate, step.region))
    until = DEADLINE.set(None if limit_s is None else began_s + limit_s)
    try:
        result = await _timed_call(job, limit_s, args, kwargs)
    except Exception as error:  # noqa: BLE001 - judged by `failed`
        return failed(job, course, step.region, error), MISSING
    except BaseException:
        gate.abandoned(step.region)
        raise
    finally:
        DEADLINE.reset(until)
        REGIONS.reset(region)
        permits.append(permit)
    job.ended(step.region, began_s)
    if step.region:
        job.note(course.why, "other-region")
    else:
        job.keep(args, kwargs, result)
    return step, result


async def _wait(job: Job, step: Try) -> None:
    try:
        await asyncio.sleep(step.wait_s)
    except BaseException:
        job.gate.abandoned(step.region)
        raise


async def _timed_call(
    job: Job, limit_s: float | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    call = job.function if job.terms.hedge is None else hedged(job, job.terms.hedge)
    if limit_s is None:
        return await call(*args, **kwargs)
    timer = asyncio.timeout(limit_s)
    try:
        async with timer:
            return await call(*args, **kwargs)
    except TimeoutError as error:
        if timer.expired():
            raise job.overdue(limit_s) from error
        raise


async def _fall_back(
    job: Job, course: Course, step: Use, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Step, Any]:
    function = job.instead(step.rung)
    try:
        if function is None:
            result = job.take(step.rung, course.why, args, kwargs)
        else:
            result = await function(*args, **kwargs)
            job.note(course.why, step.rung.kind)
    except Exception as error:  # noqa: BLE001 - it joins the cause, and the next rung is tried
        return course.missed(monotonic(), error), MISSING
    return (step, result) if result is not MISSING else (course.missed(monotonic()), MISSING)
