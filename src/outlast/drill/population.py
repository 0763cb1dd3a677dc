"""Who uses what, from where, at which hour; and what load that makes.

People are kept as factors, never multiplied out before somebody asks: people of a service in a country,
the region that serves a country, the daytime. Services placed alike share their homes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from outlast.drill.layout import Layout
from outlast.drill.mechanisms.demand import (
    ONLINE_AT_ONCE_RATIO,
    REQUESTS_PER_PERSON_S,
    awake,
    local_hour,
)
from outlast.drill.people import COUNTRIES, PEAK_HOURS, homes, nearness
from outlast.model.behaviour import Audience
from outlast.model.service import Service
from outlast.model.topology import Endpoint, PolicyKind

Floats = NDArray[np.float64]

EVENING = (20.0, 0.7)
"""Peak hour and swing of the curve by which people are awake at all."""

DAY_MIN = 1440


@dataclass(frozen=True, slots=True)
class Crowd:
    """Users of services that share homes and daytime: what they do is one product of matrices.

    Attributes:
        rows: the services.
        pattern, curve: which homes, and which daytime.
        people: daily users [row, country].
        asked: requests a second that a person makes who is awake [row].
    """

    rows: NDArray[np.intp]
    pattern: int
    curve: int
    people: Floats
    asked: Floats


@dataclass(slots=True)
class Population:
    """People and their load.

    Attributes:
        countries: all that any service has users in.
        people: daily users [service, country].
        pattern: which homes each service has.
        homes: region shares of each pattern [pattern, country, region].
        curve_of: which daytime curve each service follows; 0 is the evening's.
        curves: peak hours and swings.
        demand: requests a second at the peak [service]; for services without people: at all times.
        share: for services without people: share of the demand by region.
        peak: the most of `people * curve` over a day [service].
        stated: whether a service says its load.
        states_load: whether it says how much it must carry, or has people.
        crowds: users of services, by homes and daytime.
    """

    countries: tuple[str, ...]
    people: Floats
    pattern: NDArray[np.intp]
    homes: Floats
    curve_of: NDArray[np.intp]
    curves: tuple[tuple[float, float], ...]
    demand: Floats
    share: Floats
    peak: Floats
    stated: NDArray[np.bool_]
    start_s: float
    offsets_h: Floats
    states_load: NDArray[np.bool_]
    crowds: tuple[Crowd, ...] = ()

    @classmethod
    def of(cls, layout: Layout, start: datetime) -> "Population":
        """Count the people of a topology."""
        services = layout.services
        countries = _countries(services)
        people = np.array([_people(one.audience, countries) for one in services])
        people = people.reshape(len(services), len(countries))
        curves = [EVENING]
        curve_of = np.zeros(len(services), dtype=np.intp)
        for row, one in enumerate(services):
            if one.audience is not None:
                curve = _curve(one.audience)
                if curve not in curves:
                    curves.append(curve)
                curve_of[row] = curves.index(curve)
        pattern, table = _homes(layout, countries)
        placed = layout.placed.astype(float)
        stated = np.array(
            [one.load is not None and one.load.demand > 0 for one in services], dtype=bool
        )
        made = cls(
            countries=countries,
            people=people,
            pattern=pattern,
            homes=table,
            curve_of=curve_of,
            curves=tuple(curves),
            demand=np.zeros(len(services)),
            share=placed / np.maximum(1.0, placed.sum(axis=1, keepdims=True)),
            peak=np.ones(len(services)),
            stated=stated,
            states_load=stated | (people.sum(axis=1) > 0),
            start_s=start.hour * 3600.0 + start.minute * 60.0 + start.second,
            offsets_h=np.array(
                [COUNTRIES[one].utc_h if one in COUNTRIES else 0.0 for one in countries]
            ),
        )
        made._measure(services)
        made.crowds = _crowds(made)
        return made

    def _measure(self, services: Sequence[Service]) -> None:
        """Fit the load at the peak hour to what is stated, or to the number of people."""
        day = np.array(
            [self.daytime(minute * 60.0 - self.start_s) for minute in range(0, DAY_MIN, 15)]
        )
        for row, one in enumerate(services):
            at_most = float((day[:, self.curve_of[row]] @ self.people[row]).max(initial=0.0))
            self.peak[row] = max(at_most, 1e-12)
            if one.load is not None and one.load.demand > 0:
                self.demand[row] = one.load.demand
            elif at_most > 0:
                self.demand[row] = at_most * ONLINE_AT_ONCE_RATIO * REQUESTS_PER_PERSON_S

    def daytime(self, at_s: float) -> Floats:
        """Return how much of the peak each curve is at [curve, country], seconds after the start."""
        hour = local_hour(self.start_s + at_s, self.offsets_h)
        peaks = np.array([[one[0]] for one in self.curves])
        swings = np.array([[one[1]] for one in self.curves])
        return awake(hour[None, :], peaks, swings)

    def load(self, at_s: float, cut: Floats | None) -> Floats:
        """Return requests a second by region [service, region].

        Args:
            cut: share of traffic lost between a country and a region; None: nothing is.
        """
        day = self.daytime(at_s)
        table = self.homes if cut is None else self.homes * (1.0 - cut)[None]
        made = self.demand[:, None] * self.share
        for one in self.crowds:
            awake_now = day[one.curve][:, None] * table[one.pattern]
            made[one.rows] = (one.people @ awake_now) * one.asked[:, None]
        return made

    def felt(self, at_s: float, cut: Floats | None) -> Iterator[tuple[Crowd, Floats, Floats]]:
        """Yield, by crowd, what share of its people are on line and served by each region, and cut off.

        Args:
            cut: share of traffic lost between a country and a region; None: nothing is.

        Yields:
            crowd, share served by a region [region, country], share that no region serves [country].
        """
        day = self.daytime(at_s) * ONLINE_AT_ONCE_RATIO
        for one in self.crowds:
            awake_now, table = day[one.curve], self.homes[one.pattern]
            if cut is None:
                yield one, table.T * awake_now, np.zeros_like(awake_now)
            else:
                lost = (table * cut).sum(axis=1) * awake_now
                yield one, (table * (1.0 - cut)).T * awake_now, lost

    def hit(self, trouble: Floats, at_s: float, cut: Floats | None) -> Floats:
        """Return people hit [service, country]; `trouble` is the share not served by home region."""
        found = np.zeros_like(self.people)
        for one, served, lost in self.felt(at_s, cut):
            share = trouble[one.rows] @ served + lost
            found[one.rows] = np.multiply(share, one.people, out=share)
        return found


def _crowds(population: Population) -> tuple[Crowd, ...]:
    used = population.people.any(axis=1)
    pairs = sorted(
        {
            (int(p), int(c))
            for p, c in zip(population.pattern[used], population.curve_of[used], strict=True)
        }
    )
    crowds = []
    for pattern, curve in pairs:
        alike = used & (population.pattern == pattern) & (population.curve_of == curve)
        rows = np.nonzero(alike)[0]
        people = population.people[rows]
        asked = population.demand[rows] / population.peak[rows]
        crowds.append(Crowd(rows, pattern, curve, people, asked))
    return tuple(crowds)


def _countries(services: Sequence[Service]) -> tuple[str, ...]:
    audiences = [one.audience for one in services if one.audience is not None]
    if any(not one.countries for one in audiences):
        named = {code for one in audiences for code, _ in one.countries}
        return (*COUNTRIES, *sorted(named - COUNTRIES.keys()))
    return tuple(dict.fromkeys(code for one in audiences for code, _ in one.countries))


def _people(audience: Audience | None, countries: Sequence[str]) -> list[float]:
    if audience is None:
        return [0.0] * len(countries)
    shares = dict(audience.countries)
    if not shares:
        shares = {code: one.online_m for code, one in COUNTRIES.items()}
    total = sum(shares.values()) or 1.0
    # Shares that are written out may leave a rest that lives nowhere in particular; a full table may not.
    total = max(1.0, total) if audience.countries else total
    return [
        audience.people * audience.daily_ratio * shares.get(code, 0.0) / total for code in countries
    ]


def _curve(audience: Audience) -> tuple[float, float]:
    default = Audience(people=0.0).peak_hour
    hour = audience.peak_hour
    if hour == default:
        hour = PEAK_HOURS.get(audience.category, default)
    return hour, audience.swing_ratio


def _homes(layout: Layout, countries: Sequence[str]) -> tuple[NDArray[np.intp], Floats]:
    """Return each service's pattern, and the patterns; endpoints place users by their weights."""
    distances = nearness(countries, [one.country for one in layout.regions])
    found: dict[tuple[bytes, int], int] = {}
    tables: list[Floats] = []
    pattern = np.zeros(len(layout.services), dtype=np.intp)
    for row in range(len(layout.services)):
        key = (layout.placed[row].tobytes(), int(layout.behind[row]))
        if key not in found:
            found[key] = len(tables)
            if layout.behind[row] >= 0:
                weights = (
                    weights_of(layout.endpoints[layout.behind[row]], layout) * layout.placed[row]
                )
                weights = weights / max(1e-12, float(weights.sum()))
                tables.append(np.tile(weights, (len(countries), 1)))
            else:
                tables.append(homes(distances, layout.placed[row][None])[0].astype(float))
        pattern[row] = found[key]
    shape = (len(tables), len(countries), len(layout.regions))
    return pattern, np.array(tables, dtype=float).reshape(shape)


def weights_of(endpoint: Endpoint, layout: Layout) -> Floats:
    """Return the share of an endpoint's answers that lead to each region when all are well."""
    columns = {one.name: column for column, one in enumerate(layout.regions)}
    weights = np.zeros(len(layout.regions))
    first = {*endpoint.policy.order[0]} if endpoint.policy.order else set()
    tiered = endpoint.policy.kind is PolicyKind.FAILOVER and first
    for one in endpoint.targets:
        if one.region in columns and (not tiered or one.region in first):
            weights[columns[one.region]] += one.weight
    total = float(weights.sum())
    return weights / total if total > 0 else weights
