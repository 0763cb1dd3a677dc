"""Synth: the reports that people would have sent, from how many of them something failed for.

A drill says how many people were hit, minute by minute, service by service, country by country. What a
report site sees of it is something else: people notice when they next use the thing, some of those tell, a
little later, once; after some hours they tell again. And every day, outage or not, some people report
something. All of that is here, and nothing of why anything failed: detection is handed rows of time,
service, country and reporter, as it would be by the world.

    unaware people hit --notice--> about to tell --delay--> reports x propensity
          ^                                                     |
          +------------------- tell again after hours ----------+

One figure can be set by what was recorded: how likely somebody who noticed is to tell (`scaled`). It moves
all counts of the outage alike, so it makes the size right and can make no shape.

Everything follows from one seed.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from outlast.detect.cells import Codes, Grid

Shares = NDArray[np.float32]

DAY_MINUTES = 1440


@dataclass(frozen=True, slots=True)
class People:
    """Whom it failed for.

    Attributes:
        grid: services and countries.
        start_s: the first minute, seconds since 1970.
        minutes: how many there are.
        users: who uses a service in a country [service, country].
        awake: share of them that use anything at a minute [minute, country].
        hit: yields, each time it is called, the people for whom it fails, minute by minute
            [service, country]; only those who are awake.
    """

    grid: Grid
    start_s: int
    minutes: int
    users: Shares
    awake: Shares
    hit: Callable[[], Iterator[Shares]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How people behave.

    Attributes:
        notice_minutes: mean time until somebody for whom it fails meets it.
        delay_minutes: mean time from noticing to telling.
        again_minutes: mean time after which somebody tells again, if it still fails.
        propensity: share of those who noticed that tell.
        usual_a_day: reports that one user sends on a day without any outage.
        noise: size of the negative binomial noise of the usual reports, for one service and minute; the
            smaller the wilder.
        repeat_ratio: share of reports that somebody sends twice within seconds.
    """

    notice_minutes: float = 6.0
    delay_minutes: float = 3.0
    again_minutes: float = 240.0
    propensity: float = 0.01
    usual_a_day: float = 2e-4
    noise: float = 1.3
    repeat_ratio: float = 0.02


@dataclass(frozen=True, slots=True)
class Rows:
    """Reports of one minute, ordered by time.

    Attributes:
        at_s: seconds since 1970.
        service, country: codes of the grid.
        reporter: a number for each person.
    """

    at_s: Codes
    service: Codes
    country: Codes
    reporter: NDArray[np.uint64]


def noticed(people: People, manner: Manner) -> Iterator[Shares]:
    """Yield how many are ready to tell, minute by minute, before propensity."""
    notice = 1 - math.exp(-1 / manner.notice_minutes)
    tell = 1 - math.exp(-1 / manner.delay_minutes)
    forget = 1 - math.exp(-1 / manner.again_minutes)
    told = np.zeros(people.grid.shape, np.float32)
    about = np.zeros(people.grid.shape, np.float32)
    for hit in people.hit():
        # Who has told does not tell anew at each flap: only time makes them ready again.
        fresh = np.maximum(hit - told, 0) * np.float32(notice)
        told += fresh
        told *= np.float32(1 - forget)
        about += fresh
        due = about * np.float32(tell)
        about -= due
        yield due


def usual(people: People, manner: Manner, minute: int) -> Shares:
    """Return the reports to be expected in a minute without any outage [service, country]."""
    day = people.awake.mean(axis=0)
    rhythm = people.awake[minute] / np.maximum(day, np.float32(1e-9))
    found: Shares = people.users * rhythm * np.float32(manner.usual_a_day / DAY_MINUTES)
    return found


def scaled(people: People, manner: Manner, total: int) -> Manner:
    """Return the manner with the propensity that makes so many reports in all, usual ones included.

    Raises:
        ValueError: nobody is hit, or the usual reports alone are more.
    """
    ready = math.fsum(float(one.sum()) for one in noticed(people, manner))
    background = math.fsum(float(usual(people, manner, one).sum()) for one in range(people.minutes))
    wanted = total / (1 + manner.repeat_ratio) - background
    if ready <= 0 or wanted <= 0:
        raise ValueError(
            f"{total:,} reports cannot be reached: {background:,.0f} come without any outage, and "
            f"{ready:,.0f} people notice one"
        )
    return replace(manner, propensity=wanted / ready)


def reports(people: People, manner: Manner, seed: int) -> Iterator[Rows]:
    """Yield the reports, minute by minute."""
    chance = np.random.default_rng(seed)
    services = len(people.grid.services)
    for minute, ready in enumerate(noticed(people, manner)):
        wild = chance.gamma(manner.noise, 1 / manner.noise, (services, 1)).astype(np.float32)
        mean = usual(people, manner, minute) * wild + ready * np.float32(manner.propensity)
        yield _rows(people, minute, chance.poisson(mean), chance, manner.repeat_ratio)


def _rows(
    people: People,
    minute: int,
    numbers: NDArray[np.int64],
    chance: np.random.Generator,
    repeat_ratio: float,
) -> Rows:
    flat = numbers.reshape(-1)
    cell = np.repeat(np.flatnonzero(flat), flat[flat > 0])
    reporter = chance.integers(2, 1 << 63, len(cell), dtype=np.uint64)
    twice = np.flatnonzero(chance.random(len(cell)) < repeat_ratio)
    cell, reporter = np.r_[cell, cell[twice]], np.r_[reporter, reporter[twice]]
    at_s = np.sort(chance.integers(0, 60, len(cell)))
    order = chance.permutation(len(cell))
    width = len(people.grid.countries)
    return Rows(
        people.start_s + 60 * minute + at_s,
        cell[order] // width,
        cell[order] % width,
        reporter[order],
    )
