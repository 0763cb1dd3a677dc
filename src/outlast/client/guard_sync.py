"""Guards for plain functions.

`guard` returns the way of a good call: look at one flag, take a permit, call, look at the clock. Whatever
is not plain sailing goes to `_drive`, which carries out a `Course`.

A plain function cannot be interrupted from outside in Python. Its time-out is a deadline in the context,
which our adapters obey; a call that overstays it all the same is counted as failed when it comes back, so
that its circuit opens. The documentation says so.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from time import monotonic, sleep
from typing import Any

from outlast.client.course import Course, Give, Step, Try, Use
from outlast.client.deadline import DEADLINE
from outlast.client.facts import Retried
from outlast.client.job import MISSING, REGIONS, Job, in_region
from outlast.client.record import RECORD
from outlast.client.verdict import failed


def guard(job: Job) -> Callable[..., Any]:
    """Return the guarded form of a plain function."""
    return _untimed(job) if job.terms.timeout_s is None else _timed(job, job.terms.timeout_s)


def _untimed(job: Job) -> Callable[..., Any]:
    function, gate, home = job.function, job.gate, job.gate.home
    hooks, record = gate.hooks, RECORD.get
    take, give = gate.bulkhead.permits.pop, gate.bulkhead.permits.append
    slow_s, keep, plain = job.terms.slow_s, job.keep, job.plain
    remembers, overall, now = job.results is not None, DEADLINE.get, monotonic
    measures = slow_s != float("inf")

    @wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not gate.quick or overall() is not None:
            if plain is not MISSING and now() < gate.shut_until_s:
                gate.shed += 1
                if hooks.listeners or record() is not None:
                    job.shed_aloud()
                return plain
            return _drive(job, args, kwargs)
        try:
            permit = take()
        except IndexError:
            return _drive(job, args, kwargs)
        began_s = now() if measures else 0.0
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            give(permit)
            if not isinstance(error, Exception):
                raise
            return _resume(job, args, kwargs, error)
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


def _timed(job: Job, timeout_s: float) -> Callable[..., Any]:
    function, gate, home = job.function, job.gate, job.gate.home
    hooks, record = gate.hooks, RECORD.get
    take, give = gate.bulkhead.permits.pop, gate.bulkhead.permits.append
    slow_s, plain = min(job.terms.slow_s, timeout_s), job.plain
    overall, begin, end, now = DEADLINE.get, DEADLINE.set, DEADLINE.reset, monotonic

    @wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        began_s = now()
        if not gate.quick and plain is not MISSING and began_s < gate.shut_until_s:
            gate.shed += 1
            if hooks.listeners or record() is not None:
                job.shed_aloud()
            return plain
        until_s, outer_s = began_s + timeout_s, overall()
        if not gate.quick or (outer_s is not None and outer_s < until_s):
            return _drive(job, args, kwargs)
        try:
            permit = take()
        except IndexError:
            return _drive(job, args, kwargs)
        token = begin(until_s)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            end(token)
            give(permit)
            if not isinstance(error, Exception):
                raise
            return _resume(job, args, kwargs, error)
        end(token)
        give(permit)
        ended_s = now()
        if ended_s - began_s <= slow_s and ended_s < home.turn_at_s:
            home.good += 1
        else:
            job.ended(0, began_s, timeout_s)
        job.keep(args, kwargs, result)
        return result

    return guarded


def _drive(job: Job, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Carry out a whole call, everything considered."""
    course = Course(job.gate, job.ladder, idempotent=job.idempotent)
    return _carry(job, course, course.begin(monotonic()), args, kwargs)


def _resume(job: Job, args: tuple[Any, ...], kwargs: Mapping[str, Any], error: Exception) -> Any:
    """Go on after the first attempt failed on the quick way."""
    course = Course(job.gate, job.ladder, idempotent=job.idempotent)
    step = failed(job, course, 0, error)
    return _carry(job, course, step, args, kwargs)


def _carry(
    job: Job, course: Course, step: Step, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    while True:
        match step:
            case Try():
                if step.wait_s:
                    sleep(step.wait_s)
                step, result = _attempt(job, course, step, args, kwargs)
            case Use():
                step, result = _fall_back(job, course, step, args, kwargs)
            case Give(error=error):
                job.lost(course.why)
                raise error
        if result is not MISSING:
            return result


def _attempt(
    job: Job, course: Course, step: Try, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Step, Any]:
    gate, permits = job.gate, job.gate.bulkhead.permits
    if step.attempt:
        gate.tell(Retried(gate.name, step.attempt, step.wait_s))
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
        result = job.function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - judged by `failed`
        return failed(job, course, step.region, error), MISSING
    except BaseException:
        gate.abandoned(step.region)
        raise
    finally:
        DEADLINE.reset(until)
        REGIONS.reset(region)
        permits.append(permit)
    job.ended(step.region, began_s, limit_s)
    if step.region:
        job.note(course.why, "other-region")
    else:
        job.keep(args, kwargs, result)
    return step, result


def _fall_back(
    job: Job, course: Course, step: Use, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Step, Any]:
    function = job.instead(step.rung)
    try:
        if function is None:
            result = job.take(step.rung, course.why, args, kwargs)
        else:
            result = function(*args, **kwargs)
            job.note(course.why, step.rung.kind)
    except Exception as error:  # noqa: BLE001 - it joins the cause, and the next rung is tried
        return course.missed(monotonic(), error), MISSING
    return (step, result) if result is not MISSING else (course.missed(monotonic()), MISSING)
