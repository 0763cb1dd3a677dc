"""Starting: needs that matter only when something starts or is changed.

A *startup* need (an image registry, a login, a name to be found by) is not felt while a service runs. Once
it is down, or is restarted, it does not come up before the need is met; nor can it grow. Where such needs
run in a circle and the whole circle has fallen, nothing of it comes up by itself: a cold start that was
never rehearsed.

A *control* need (a deploy system, an API that launches) is not felt at all by what runs as it is. Without it
the service cannot grow, and nobody can change it: operators' actions wait until it is there again.

Needs are looked at once a minute and whenever the timeline turns: starting takes its time in earnest too.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from outlast.drill.conditions import Conditions
from outlast.drill.layout import Layout
from outlast.drill.scenario import Act, ActionKind
from outlast.model.service import Dependency, DependencyKind

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MET = 0.5
"""A need is met above this share of good answers."""

CHANGES = frozenset(
    {
        ActionKind.THROTTLE,
        ActionKind.RESTART,
        ActionKind.FAILOVER_OFF,
        ActionKind.FAILOVER_ON,
        ActionKind.ADD_CAPACITY,
        ActionKind.SET_RATE,
        ActionKind.REPAIR,
    }
)
"""What operators cannot do to a service without what it is changed through."""


@dataclass(frozen=True, slots=True)
class Wants:
    """Needs of one kind that stand in for each other: one of them is enough.

    Attributes:
        places: where each looks in the table of what works [need, region].
        label: what is named when none is met.
    """

    source: int
    kind: DependencyKind
    places: NDArray[np.intp]
    label: str


@dataclass(slots=True)
class Starting:
    """Needs of a world that are felt when services start or are changed.

    Attributes:
        held: what would run if it could start [service, region].
        ignored: whether startup needs are set aside, for the search of what keeps a world down.
    """

    layout: Layout
    wants: tuple[Wants, ...]
    held: Flags
    startless: Flags = field(init=False)
    changeless: Flags = field(init=False)
    ignored: bool = False

    def __post_init__(self) -> None:
        self.startless = np.zeros(self.held.shape, dtype=bool)
        self.changeless = np.zeros(self.held.shape, dtype=bool)

    @classmethod
    def of(cls, layout: Layout) -> "Starting":
        """Find such needs."""
        return cls(layout, _wants(layout), np.zeros(layout.placed.shape, dtype=bool))

    def look(self, works: Floats) -> bool:
        """See which needs are met; return whether that changes what is held or can grow.

        Args:
            works: share of calls that succeed, as `Needs.works`.
        """
        if not self.wants:
            return False
        before = (self.startless, self.changeless)
        self.startless = self._unmet(works, DependencyKind.STARTUP)
        self.changeless = self._unmet(works, DependencyKind.CONTROL)
        if self.ignored:
            self.startless[:] = False
        freed = self.held & ~self.startless
        self.held = self.held & self.startless
        same = all(
            np.array_equal(one, other)
            for one, other in zip(before, (self.startless, self.changeless), strict=True)
        )
        return bool(freed.any()) or not same

    def _unmet(self, works: Floats, kind: DependencyKind) -> Flags:
        flat, unmet = works.reshape(-1), np.zeros(self.held.shape, dtype=bool)
        for one in self.wants:
            if one.kind is kind:
                unmet[one.source] |= flat[one.places].max(axis=0) <= MET
        return unmet

    def ignore(self) -> tuple[str, ...]:
        """Set startup needs aside; return the services that they hold down."""
        self.ignored = True
        rows = np.flatnonzero(self.held.any(axis=1))
        return tuple(str(self.layout.services[row].name) for row in rows)

    def restart(self, row: int, columns: NDArray[np.intp]) -> None:
        """Let operators restart a service: without what it needs to start it stays down."""
        self.held[row, columns] |= self.startless[row, columns]

    def suffer(self, before: Conditions, now: Conditions) -> None:
        """Hold down what cannot start, and keep from growing what cannot be changed."""
        if not self.wants:
            return
        rising = (before.alive <= 0.0) & (now.alive > 0.0) & self.startless
        self.held = (self.held | rising) & (now.alive > 0.0)
        now.alive = np.where(self.held, 0.0, now.alive)
        now.frozen = now.frozen | self.startless | self.changeless
        for row, column in zip(*np.nonzero(self.held), strict=True):
            now.waits[int(row), int(column)] = self._missing(int(row))

    def _missing(self, row: int) -> str:
        labels = [
            one.label
            for one in self.wants
            if one.source == row and one.kind is DependencyKind.STARTUP
        ]
        return f"start needs {' and '.join(labels)}"

    def allows(self, act: Act) -> bool:
        """Whether operators can do something now."""
        if act.kind not in CHANGES or not self.wants:
            return True
        try:
            row = self.layout.row(act.subject)
        except KeyError:
            return True  # not at a service: nothing of ours stands before it
        columns = self.layout.columns(act.region)
        there = self.layout.placed[row, columns]
        return not (there.any() and self.changeless[row, columns][there].all())


def _wants(layout: Layout) -> tuple[Wants, ...]:
    found: list[Wants] = []
    for row, service in enumerate(layout.services):
        groups: dict[tuple[DependencyKind, str], list[Dependency]] = {}
        for number, one in enumerate(service.needs):
            if one.kind in (DependencyKind.STARTUP, DependencyKind.CONTROL):
                groups.setdefault((one.kind, one.group or f"\0{number}"), []).append(one)
        for (kind, _), needs in groups.items():
            places = np.array([_places(layout, one) for one in needs], dtype=np.intp)
            label = " or ".join(str(one.service or one.endpoint) for one in needs)
            found.append(Wants(row, kind, places, label))
    return tuple(found)


def _places(layout: Layout, need: Dependency) -> list[int]:
    """Say where a need looks, for each region: at home where it runs there, else wherever it works."""
    wide = len(layout.regions) + 1
    if need.endpoint is not None:
        node = len(layout.services) + layout.endpoint_row(need.endpoint)
        here = np.ones(wide - 1, dtype=bool)
    else:
        node = layout.row(str(need.service))
        here = layout.placed[node]
    if need.region is not None:
        return [node * wide + int(layout.columns(need.region)[0])] * (wide - 1)
    return [node * wide + (column if here[column] else wide - 1) for column in range(wide - 1)]
