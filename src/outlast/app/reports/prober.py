"""From a drill: what a prober outside would have seen of it, as evidence.

It looks at every service that no users report about, in each of its regions, by three roads, and knows no
more of the drill than anybody who asks: whether the DNS answers (the name alone), whether a request to an
address
known beforehand is served, and whether a plain request by name is. It does so from a few countries, each
minute, some requests at a time; a probe is good where nearly all are served, since single ones fail by
chance.

The list has nothing of the faults in it: all names are asked for, also those that a drill cannot break, and
those always answer. A line is written when an answer is not what it was the minute before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from outlast.detect.cells import Road
from outlast.detect.roads import name_in, part_of
from outlast.drill.outcome import Outcome
from outlast.model.service import DependencyKind, Service
from outlast.model.topology import Topology
from outlast.model.units import NS_PER_S, iso

PLACES = ("US", "DE", "SG")
REQUESTS = 20
"""Requests of one probe, in one minute."""
GOOD_RATIO = 0.9
"""A probe is good where so many of its requests are served."""
FLAKE_RATIO = 0.002
"""Share of single requests that fail on the way, whatever they were sent to."""

_FELL = 0.9
"""Below this share of its demand a service is said to have fallen."""

Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Probed:
    """One thing that is probed by one road: what share of requests it serves, by minute."""

    subject: str
    road: Road
    share: Shares


def probed_of(topology: Topology, outcome: Outcome) -> Iterator[Probed]:
    """Yield what is probed: all services without an audience, where they run, by every road."""
    rows = {name: row for row, name in enumerate(outcome.services)}
    for service in topology.services:
        if service.audience is not None or service.name not in rows:
            continue
        for column, region in enumerate(outcome.regions):
            served = outcome.served[:, rows[service.name], column].astype(np.float64)
            if region not in service.regions or np.isnan(served).all():
                continue
            part, name = part_of(service.name, region), name_in(service.name, region)
            yield Probed(name, Road.RESOLVED, _answered(outcome, service.name, served))
            yield Probed(part, Road.RESOLVED, np.nan_to_num(served, nan=1.0))
            yield Probed(part, Road.PINNED, _pinned(outcome, service, column, served))


def _answered(outcome: Outcome, service: str, served: Shares) -> Shares:
    """Return the share of resolvers that have an answer; a name that the drill does not know is never lost.

    A drill keeps one figure for a name, that of its worst region; where the service never fell it was there.
    """
    if service not in outcome.name_of or np.nanmin(served) >= _FELL:
        return np.ones(outcome.minutes)
    return outcome.names[:, outcome.name_of.index(service)].astype(np.float64)


def _pinned(outcome: Outcome, service: Service, column: int, served: Shares) -> Shares:
    """Return what is served to whoever needs no name: what it leans on decides, if a name can be lost."""
    if service.resolving is None:
        return np.nan_to_num(served, nan=1.0)
    share = np.ones(outcome.minutes)
    for need in service.needs:
        if need.kind is DependencyKind.HARD and need.service in outcome.services:
            row = outcome.services.index(need.service)
            share *= np.nan_to_num(outcome.served[:, row, column], nan=1.0)
    return np.maximum(share, np.nan_to_num(served, nan=1.0))


def lines_of(topology: Topology, outcome: Outcome, seed: int) -> Iterator[bytes]:
    """Yield evidence, line by line in the order of time."""
    chance = np.random.default_rng(seed)
    probed = [*probed_of(topology, outcome)]
    start_s = int(outcome.start.timestamp())
    before = np.zeros((len(probed), len(PLACES)), np.bool_)
    for minute in range(outcome.minutes):
        share = np.array([one.share[minute] for one in probed]) * (1 - FLAKE_RATIO)
        share = np.repeat(np.clip(share, 0.0, 1.0)[:, None], len(PLACES), axis=1)
        good = chance.binomial(REQUESTS, share) >= GOOD_RATIO * REQUESTS
        changed = np.argwhere(good != before) if minute else np.argwhere(good | ~good)
        before = good
        at = iso((start_s + 60 * minute) * NS_PER_S)
        yield from _lines(at, probed, good, changed.tolist())


def _lines(
    at: str, probed: Sequence[Probed], good: NDArray[np.bool_], changed: list[list[int]]
) -> Iterator[bytes]:
    for row, place in changed:
        line = {
            "at": at,
            "probe": probed[row].subject,
            "good": bool(good[row, place]),
            "road": str(probed[row].road),
            "country": PLACES[place],
        }
        yield msgspec.json.encode(line) + b"\n"


def write_evidence(path: Path, topology: Topology, outcome: Outcome, seed: int) -> int:
    """Write what a prober would have seen; return how many lines."""
    number = 0
    with path.open("wb") as file:
        for line in lines_of(topology, outcome, seed):
            file.write(line)
            number += 1
    return number
