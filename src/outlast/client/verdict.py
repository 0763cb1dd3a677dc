"""What an attempt's error says: about the dependency, and about what comes next. Both drivers ask here."""

from random import random
from time import monotonic

from outlast.client.course import Course, Step
from outlast.client.deadline import left_s
from outlast.client.job import Job, pause_of


def failed(job: Job, course: Course, region: int, error: Exception) -> Step:
    """Tell the circuit, and return the next step.

    Raises:
        Exception: the error itself, if it is an answer and no failure.
    """
    at_s = monotonic()
    if not job.is_failure(error):
        job.gate.succeeded(region, at_s)
        raise error
    if job.hurried(error):
        job.gate.abandoned(region)
    else:
        job.gate.failed(region, at_s)
    jitter = random()  # noqa: S311 - spreads retries, guards nothing
    return course.failed(error, at_s, jitter=jitter, left_s=left_s(), pause_s=pause_of(error))
