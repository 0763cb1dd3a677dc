"""Steering: which region a region's users are sent to when theirs is lost or evacuated.

Users behind an endpoint follow what its control plane publishes: a dead region is noticed after the check's
interval times `fall` and a time-out, is taken out of the answers, and users leave it as resolvers' entries
run out, in a straight line over the TTL. It comes back after `rise` good checks, the same way. The last
region that is published is never taken out, dead or not (the floor). Where the control plane is gone,
what is published stays.

This is the planner, guard and enactors in their steady behaviour: quick, and good for worlds in which
they are not the question. `outlast.drill.control` puts the real ones in its place. Operators' evacuations
move users of every service that runs elsewhere too.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from outlast.drill.conditions import Conditions
from outlast.drill.layout import Layout
from outlast.drill.population import weights_of

Floats = NDArray[np.float64]

EVACUATION_TTL_S = 60.0
"""How long users follow an evacuation whose names say no TTL."""

TINY = 1e-9

LIVES = 0.5
"""A region passes an endpoint's checks above this share of good answers."""


class Steers(Protocol):
    """Says where users are pointed: a model of the control plane, or the control plane itself.

    Attributes:
        active: whether anybody is sent elsewhere than home.
    """

    active: bool

    def step(self, lives: Floats, now: Conditions, dt_s: float) -> None:
        """Move on by a step; `lives` is how well each region answers at each endpoint [endpoint, region]."""
        ...

    def said(self, now: Conditions) -> NDArray[np.int8]:
        """Return what name servers say of each endpoint [endpoint, region]."""
        ...

    def leads(self, lives: Floats) -> Floats:
        """Return the share of an endpoint's answers that lead to where it is answered [endpoint, 1]."""
        ...

    def keep(self) -> Floats:
        """Return the share of each region's users that stay [service, region]."""
        ...

    def shares(self, keep: Floats) -> Floats:
        """Return where those that leave go [service, region], summing to 1 or to nothing."""
        ...

    def news(self) -> list[tuple[float, str, str]]:
        """Return what the control plane did since it was asked last: (seconds, endpoint, what)."""
        ...


@dataclass(slots=True)
class Steering:
    """Where users are pointed, by the model.

    Attributes:
        automatic: whether there is a control plane at all.
        pointing: share of the users of a region whose answers still lead there [endpoint, region].
        published: what the endpoint publishes.
        moved: share of a region's users that evacuation has moved [region].
        loyal: share of a service's clients that never ask again [service, 1].
    """

    layout: Layout
    weights: Floats
    detection_s: Floats
    return_s: Floats
    ttl_s: Floats
    pointing: Floats
    published: NDArray[np.bool_]
    dead_s: Floats
    alive_s: Floats
    moved: Floats
    loyal: Floats
    active: bool = False
    automatic: bool = True

    @classmethod
    def of(cls, layout: Layout, *, automatic: bool = True) -> "Steering":
        """Point everybody home."""
        doors, regions = len(layout.endpoints), len(layout.regions)
        checks = [[target.check for target in one.targets] for one in layout.endpoints]
        shape = (doors, regions)
        weights = [weights_of(one, layout) for one in layout.endpoints]
        return cls(
            layout=layout,
            weights=np.array(weights).reshape(shape),
            detection_s=np.array(
                [[max((c.detection_s for c in own), default=0.0)] for own in checks]
            ).reshape(doors, 1),
            return_s=np.array(
                [[max((c.interval_s * c.rise for c in own), default=0.0)] for own in checks]
            ).reshape(doors, 1),
            ttl_s=np.array([[max(1e-3, float(one.ttl_s))] for one in layout.endpoints]).reshape(
                doors, 1
            ),
            pointing=np.ones(shape),
            published=np.ones(shape, dtype=bool),
            dead_s=np.zeros(shape),
            alive_s=np.full(shape, np.inf),
            moved=np.zeros(regions),
            loyal=loyal_of(layout),
            automatic=automatic,
        )

    def step(self, lives: Floats, now: Conditions, dt_s: float) -> None:
        """Move on by a step; `lives` is how well each region answers at each endpoint."""
        evacuated = now.evacuated
        if not len(self.published) and not self.active and not evacuated.any():
            return
        alive = lives > LIVES
        self.dead_s = np.where(alive, 0.0, self.dead_s + dt_s)
        self.alive_s = np.where(alive, self.alive_s + dt_s, 0.0)
        if now.control and self.automatic and len(self.published):
            wanted = np.where(
                self.published,
                self.dead_s < self.detection_s,
                alive & (self.alive_s >= self.return_s),
            )
            any_left = (wanted & (self.weights > 0)).any(axis=1, keepdims=True)
            spare = (wanted & (self.weights == 0)).any(axis=1, keepdims=True)
            self.published = np.where(any_left | spare, wanted, self.published)
        stride = dt_s / self.ttl_s
        self.pointing = np.clip(self.pointing + np.where(self.published, stride, -stride), 0.0, 1.0)
        self.moved = followed(self.moved, evacuated, dt_s)
        self.active = bool((self.pointing < 1.0).any() or (self.moved > 1e-9).any())

    def said(self, now: Conditions) -> NDArray[np.int8]:
        """Return what name servers say of each endpoint: what the faults make of them."""
        return now.said_of

    def leads(self, lives: Floats) -> Floats:
        """Return the share of an endpoint's answers that lead to where it is answered [endpoint, 1]."""
        live = self.weights * self.pointing
        total = live.sum(axis=1, keepdims=True)
        leads = (live * lives).sum(axis=1, keepdims=True) / np.maximum(total, TINY)
        return np.asarray(np.where(total > 0, leads, 1.0))

    def news(self) -> list[tuple[float, str, str]]:
        """Return nothing: the model keeps no diary."""
        return []

    def keep(self) -> Floats:
        """Return the share of each region's users that stay [service, region]."""
        layout = self.layout
        kept = np.ones(layout.placed.shape)
        steered = layout.behind >= 0
        kept[steered] = self.pointing[layout.behind[steered]]
        elsewhere = layout.placed.sum(axis=1, keepdims=True) > 1
        kept = kept * np.where(elsewhere, 1.0 - self.moved[None, :], 1.0)
        return self.loyal + (1.0 - self.loyal) * kept

    def shares(self, keep: Floats) -> Floats:
        """Return where those that leave go [service, region], summing to 1."""
        layout = self.layout
        weights = np.where(layout.placed, 1.0, 0.0)
        steered = layout.behind >= 0
        behind = layout.behind[steered]
        spare = self.weights[behind] * self.published[behind]
        none = spare.sum(axis=1, keepdims=True) <= 0
        weights[steered] *= np.where(none, self.published[behind].astype(float), spare)
        weights = weights * np.where(layout.placed, keep, 0.0)
        total = weights.sum(axis=1, keepdims=True)
        return np.asarray(np.where(total > 0, weights / np.maximum(total, 1e-12), 0.0))


def patience_of(layout: Layout) -> Floats:
    """Return how long each endpoint's checks wait for an answer [endpoint]."""
    return np.array(
        [
            max((target.check.timeout_s for target in one.targets), default=np.inf)
            for one in layout.endpoints
        ]
    )


def loyal_of(layout: Layout) -> Floats:
    """Return the share of each service's clients that never ask again [service, 1]."""
    return np.array(
        [[one.resolving.ignore_ratio if one.resolving else 0.0] for one in layout.services]
    ).reshape(len(layout.services), 1)


def followed(moved: Floats, evacuated: Floats, dt_s: float) -> Floats:
    """Return how far users have followed an evacuation of services whose names nobody steers [region]."""
    pace = dt_s / EVACUATION_TTL_S
    return np.asarray(moved + np.clip(evacuated - moved, -pace, pace))


def move(load: Floats, keep: Floats, shares: Floats) -> Floats:
    """Return the load by region after those that leave have arrived elsewhere."""
    leaving = load * (1.0 - keep)
    stay = shares.sum(axis=1, keepdims=True) <= 0
    moved = load * keep + leaving.sum(axis=1, keepdims=True) * shares
    return np.asarray(np.where(stay, load, moved))


def at_home(works: Floats, keep: Floats, shares: Floats) -> Floats:
    """Return how well the users of each home region are served, wherever they are sent."""
    elsewhere = (works * shares).sum(axis=1, keepdims=True)
    stay = shares.sum(axis=1, keepdims=True) <= 0
    return np.asarray(np.where(stay, works, works * keep + (1.0 - keep) * elsewhere))
