"""Large synthetic graphs: what shares what, what fails, what shows, and how wrong the map is.

3,500 services lean on 262 things: regions of three clouds, and in each region a database's name, a control
plane and a load balancer; content networks, DNS hosts, identity, payment and mail services. Popularity is
Zipf's. The map that blame is given lacks true edges and has wrong ones; what fails is drawn from things with
enough dependents to show at all, and the generator's truth never reaches blame.
"""

from dataclasses import dataclass

import numpy as np

from outlast.detect.blame import blame
from outlast.detect.cells import Codes, Flags
from outlast.detect.verdict import Cause, CauseKind, Outcome, Roads

SERVICES = 3_500
REGIONS = 40
SHARED = {
    "cdn": (12, 0.5),
    "dns": (20, 0.9),
    "identity": (20, 0.3),
    "payment": (25, 0.3),
    "mail": (25, 0.3),
}
"""Kinds of things that many share, how many there are, and the share of services that use one."""

IN_REGION = {"database": 0.5, "control": 0.3, "balancer": 0.6}
"""Things in each region, and the share of the region's services that use them."""

DEPENDENTS_LEAST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One line of the table.

    Attributes:
        hit: share of the true dependents that show; background: share of all that show for reasons of
            their own; missing, wrong: share of edges that the map lacks, and that it has beyond the true.
        causes: how many things fail at once.
        silent: the share of services of which nothing is heard at all.
    """

    hit: float
    background: float
    missing: float = 0.0
    wrong: float = 0.0
    causes: int = 1
    silent: float = 0.0


@dataclass(frozen=True, slots=True)
class World:
    """The true graph."""

    causes: tuple[Cause, ...]
    service_of: Codes
    cause_of: Codes
    above: dict[Cause, tuple[Cause, ...]]


def world(rng: np.random.Generator) -> World:
    """Draw a graph of 3,500 services and 262 things."""
    causes: list[Cause] = [Cause(CauseKind.REGION, f"region-{one}") for one in range(REGIONS)]
    service_of: list[Codes] = []
    cause_of: list[Codes] = []
    above: dict[Cause, tuple[Cause, ...]] = {}
    region = rng.choice(REGIONS, SERVICES, p=_zipf(REGIONS))
    second = rng.random(SERVICES) < 0.2
    everyone = np.arange(SERVICES)
    service_of += [everyone, everyone[second]]
    cause_of += [region, rng.choice(REGIONS, int(second.sum()), p=_zipf(REGIONS))]
    for word, share in IN_REGION.items():
        base = len(causes)
        for one in range(REGIONS):
            made = Cause(CauseKind.NAME, f"{word}-{one}")
            causes.append(made)
            above[made] = (causes[one],)
        users = everyone[rng.random(SERVICES) < share]
        service_of.append(users)
        cause_of.append(base + region[users])
    for word, (count, share) in SHARED.items():
        base = len(causes)
        causes += [Cause(CauseKind.VENDOR, f"{word}-{one}") for one in range(count)]
        users = everyone[rng.random(SERVICES) < share]
        service_of.append(users)
        cause_of.append(base + rng.choice(count, len(users), p=_zipf(count)))
    rows, columns = np.concatenate(service_of), np.concatenate(cause_of)
    pairs = np.unique(np.stack([rows, columns]), axis=1)
    return World(tuple(causes), pairs[0], pairs[1], above)


def _zipf(count: int) -> np.typing.NDArray[np.float64]:
    weight = 1 / np.arange(1, count + 1) ** 0.8
    share: np.typing.NDArray[np.float64] = weight / weight.sum()
    return share


def drawn_map(true: World, condition: Condition, rng: np.random.Generator) -> Roads:
    """Return the map that blame is given."""
    keep = rng.random(len(true.service_of)) >= condition.missing
    wrong = int(condition.wrong * len(true.service_of))
    rows = np.concatenate([true.service_of[keep], rng.integers(0, SERVICES, wrong)])
    # A wrong edge leads to a thing as often as right ones do: people mistake the popular ones.
    columns = np.concatenate([true.cause_of[keep], rng.choice(true.cause_of, wrong)])
    names = tuple(f"s{one}" for one in range(SERVICES))
    return Roads(names, true.causes, rows, columns, true.above)


def symptoms(true: World, condition: Condition, failed: Codes, rng: np.random.Generator) -> Flags:
    """Return which services show."""
    shown: Flags = rng.random(SERVICES) < condition.background
    for one in failed:
        members = true.service_of[true.cause_of == one]
        shown[members[rng.random(len(members)) < condition.hit]] = True
    return shown


@dataclass(frozen=True, slots=True)
class Score:
    """What came of the runs of one condition; shares from 0 to 1."""

    runs: int
    top1: float
    precision: float
    recall: float
    answered: float


def score(condition: Condition, runs: int, seed: int) -> Score:
    """Draw worlds and outages, let blame look at each, and count."""
    rng = np.random.default_rng(seed)
    top = named = right = possible = answered = 0
    true = world(rng)
    sizes = np.bincount(true.cause_of, minlength=len(true.causes))
    big = np.flatnonzero(sizes >= DEPENDENTS_LEAST)
    for run in range(runs):
        if run % 20 == 19:
            true = world(rng)
            sizes = np.bincount(true.cause_of, minlength=len(true.causes))
            big = np.flatnonzero(sizes >= DEPENDENTS_LEAST)
        failed = rng.choice(big, condition.causes, replace=False)
        seen = symptoms(true, condition, failed, rng)
        heard = rng.random(SERVICES) >= condition.silent
        roads = drawn_map(true, condition, rng)
        names = np.array(roads.services)
        verdict = blame(
            roads, set(names[seen & heard].tolist()), set(names[~seen & heard].tolist())
        )
        found = [one.cause for one in verdict.suspects]
        truth = {true.causes[one] for one in failed.tolist()}
        top += bool(found) and found[0] in truth
        answered += verdict.outcome is Outcome.CAUSE
        named += len(found)
        right += len(truth & {*found})
        possible += condition.causes
    return Score(runs, top / runs, right / max(named, 1), right / max(possible, 1), answered / runs)
