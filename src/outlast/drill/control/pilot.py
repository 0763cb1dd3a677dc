"""Pilot: users of a drill's world follow what the real control plane publishes.

At each step the plane is told what the world is like (which regions answer, what is lost, what operators
ask for) and moved on; resolvers hold what it published over the last TTL, and users go where it leads.
Before the drill begins the plane has started and published everything.
"""

import numpy as np
from numpy.typing import NDArray

from outlast.drill.conditions import Conditions
from outlast.drill.control.plane import Plane
from outlast.drill.control.resolvers import Resolvers
from outlast.drill.layout import Layout
from outlast.drill.mechanisms.resolving import EMPTY, SILENT
from outlast.drill.population import weights_of
from outlast.drill.steering import TINY, followed, loyal_of
from outlast.model.names import RegionName
from outlast.model.override import Evacuation, Freeze, Override
from outlast.model.units import Nanos, as_seconds, seconds

Floats = NDArray[np.float64]

T0_NS = Nanos(1_800_000_000_000_000_000)
"""The instant of second 0."""

HELD_S = 1e9
"""A step that lasts: an evacuation so far and no further."""

BOOT_S = 30.0
"""How long the plane has been running when the drill begins, beyond the longest probing interval."""


class Pilot:
    """Steers users by the real control plane.

    Attributes:
        active: whether anybody is sent elsewhere than home.
        plane: the control plane.
        published: where answers lead that are given now [endpoint, region].
        held: where those lead that resolvers hold.
    """

    def __init__(self, layout: Layout, seed: int) -> None:
        self.layout = layout
        self.active = False
        checks = [target.check for one in layout.endpoints for target in one.targets]
        boot_s = BOOT_S + max((one.interval_s + one.timeout_s for one in checks), default=0.0)
        self.plane = Plane(layout, seed, T0_NS - seconds(boot_s))
        self._homes = _homes(layout)
        shape = (len(layout.endpoints), len(layout.regions))
        self._at_s = 0.0
        self.plane.run(T0_NS, np.ones(shape))
        self._version = -1
        self._lost: frozenset[str] = frozenset()
        self._wiped: frozenset[int] = frozenset()
        self.published = np.zeros(shape)
        self._empty = np.zeros(shape[0], dtype=bool)
        self._publish()
        self._resolvers = [
            Resolvers(one.ttl_s, self.published[row], 0.0)
            for row, one in enumerate(layout.endpoints)
        ]
        self.held = self.published.copy()
        self._moved = np.zeros(shape[1])
        self._loyal = loyal_of(layout)

    def step(self, lives: Floats, now: Conditions, dt_s: float) -> None:
        """Move on by a step; `lives` is how well each region answers at each endpoint."""
        dark = frozenset(np.flatnonzero(now.dark).tolist())
        lost, providers = frozenset(now.lost), frozenset(now.providers)
        self.plane.suffer(lost, providers, dark)
        self.plane.ask(self._overrides(now))
        self._strike(frozenset(now.wiped))
        self._at_s += dt_s
        self.plane.run(T0_NS + seconds(self._at_s), lives)
        self._publish()
        for row, one in enumerate(self._resolvers):
            one.publish(self.published[row], self._at_s)
            self.held[row] = one.hold(self._at_s)
        self._moved = followed(self._moved, now.evacuated, dt_s)
        elsewhere = np.abs(self.held - self._homes) > TINY
        self.active = bool(elsewhere.any() or (self._moved > TINY).any())

    def _overrides(self, now: Conditions) -> tuple[Override, ...]:
        """Say what operators ask for as they would ask the control plane."""
        found: list[Override] = []
        if now.frozen_dns:
            found.append(Freeze(endpoint=None, reason="frozen", by="drill", at_ns=T0_NS))
        for column in np.flatnonzero(now.evacuated > 0):
            percent = round(100 * float(now.evacuated[column]))
            name = RegionName(self.layout.regions[column].name)
            at_ns = Nanos(T0_NS - seconds(HELD_S * (percent - 0.5)))
            found += [
                Evacuation(
                    region=name,
                    reason="drill",
                    by="drill",
                    at_ns=at_ns,
                    step_count=100,
                    step_s=HELD_S,
                )
            ] * (percent > 0)
        return tuple(found)

    def _strike(self, wiped: frozenset[int]) -> None:
        for door in wiped - self._wiped:
            self.plane.wipe(door)
        for door in self._wiped - wiped:
            self.plane.restore(door)
        self._wiped = wiped

    def _publish(self) -> None:
        """See what providers answer now."""
        plane = self.plane
        if plane.names.version == self._version and plane.providers == self._lost:
            return
        self._version, self._lost = plane.names.version, plane.providers
        self.published = self.published.copy()
        for door in range(len(self.published)):
            shares = plane.names.shares(door, {*plane.providers})
            self._empty[door] = shares is None
            if shares is not None:
                self.published[door] = shares

    def said(self, now: Conditions) -> NDArray[np.int8]:
        """Return what name servers say of each endpoint: what its providers hold, if any of them lives."""
        said = np.where(now.said_of == SILENT, now.said_of, 0)
        empty = self._empty[:, None] & (said != SILENT)
        return np.where(empty, EMPTY, said).astype(np.int8)

    def leads(self, lives: Floats) -> Floats:
        """Return the share of an endpoint's answers that lead to where it is answered [endpoint, 1]."""
        total = self.held.sum(axis=1, keepdims=True)
        leads = (self.held * lives).sum(axis=1, keepdims=True) / np.maximum(total, TINY)
        return np.asarray(np.where(total > 0, leads, 1.0))

    def news(self) -> list[tuple[float, str, str]]:
        """Return what the control plane did since it was asked last."""
        found, self.plane.news = self.plane.news, []
        return [
            (as_seconds(at_ns - T0_NS), subject, text)
            for at_ns, subject, text in found
            if at_ns >= T0_NS
        ]

    def keep(self) -> Floats:
        """Return the share of each region's users that stay [service, region]."""
        layout = self.layout
        elsewhere = layout.placed.sum(axis=1, keepdims=True) > 1
        kept = np.where(elsewhere, 1.0 - self._moved[None, :], 1.0) * np.ones(layout.placed.shape)
        steered = layout.behind >= 0
        home, held = self._steered()
        kept[steered] = np.clip(held / np.maximum(home, TINY), 0.0, 1.0)
        return np.asarray(self._loyal + (1.0 - self._loyal) * kept)

    def shares(self, keep: Floats) -> Floats:
        """Return where those that leave go [service, region], summing to 1 or to nothing."""
        layout = self.layout
        weights = np.where(layout.placed, keep, 0.0)
        steered = layout.behind >= 0
        home, held = self._steered()
        gained = np.maximum(0.0, held - home)
        nobody = gained.sum(axis=1, keepdims=True) <= TINY
        weights[steered] = np.where(nobody, held, gained)
        total = weights.sum(axis=1, keepdims=True)
        return np.asarray(np.where(total > TINY, weights / np.maximum(total, TINY), 0.0))

    def _steered(self) -> tuple[Floats, Floats]:
        """Return homes and where answers lead now, of services that stand behind an endpoint."""
        steered = self.layout.behind >= 0
        doors, placed = self.layout.behind[steered], self.layout.placed[steered]
        return _normal(self._homes[doors] * placed), _normal(self.held[doors] * placed)


def _homes(layout: Layout) -> Floats:
    homes = [weights_of(one, layout) for one in layout.endpoints]
    return np.array(homes).reshape(len(layout.endpoints), len(layout.regions))


def _normal(shares: Floats) -> Floats:
    total = shares.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, shares / np.maximum(total, TINY), 0.0))
