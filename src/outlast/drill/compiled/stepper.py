"""Stepping: many steps at once, for as long as nobody but the step itself has a say.

Who steers users is asked before each step, in Python; while what it says stands still, the step is left alone
until the timeline has something to say, or until something falls or comes back and its cause is wanted.

Both engines agree to within rounding: see `docs/decisions/22-compiled-step.md` for how closely, and why the
formulas stay in numpy.
"""

import ctypes
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outlast.drill.compiled.binding import Bound, people
from outlast.drill.meters import REMEMBERED_RATIO, Meters
from outlast.drill.population import Crowd
from outlast.drill.steering import LIVES, Steering
from outlast.drill.world import World

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Stepper:
    """Steps one run's world.

    Attributes:
        library: the compiled step, loaded.
    """

    library: ctypes.CDLL
    _bound: Bound | None = None
    _meters: Meters | None = None

    def __deepcopy__(self, _: dict[int, Any]) -> "Stepper":
        """Return one that is bound to nothing: a copy of a run has arrays of its own."""
        return Stepper(self.library)

    def steps(self, world: World, meters: Meters, most: int) -> int:
        """Move on by so many steps at most, and add them to the meters; return how many were made.

        It stops after a step in which something fell or came back.
        """
        before = _standing(world)
        world.doors()
        still = before is not None and _same(before, _standing(world))
        made = self._run(world, meters, most if still else 1)
        if made > 1:
            _wait(world, (made - 1) * world.dt_s)
        meters.steps += made
        return made

    def report(
        self,
        meters: Meters,
        minute: int,
        trouble: Floats,
        felt: Iterable[tuple[Crowd, Floats, Floats]],
    ) -> None:
        """Count the reports of a minute; see `Population.felt` and `Meters.report`."""
        noticed = np.zeros(meters.reported.shape[1])
        for crowd, weights, lost in felt:
            made, kept = people(
                {
                    "countries": len(noticed),
                    "regions": len(weights),
                    "count": len(crowd.rows),
                    "severed": int(lost.any()),
                    "decay": REMEMBERED_RATIO,
                    "rows": crowd.rows,
                    "people": crowd.people,
                    "weights": weights,
                    "lost": lost,
                    "trouble": trouble,
                    "ratio": meters.ratio,
                    "touched": meters.touched,
                    "reported": meters.reported,
                    "fresh": noticed,
                }
            )
            self.library.outlast_report(ctypes.addressof(made))
            del kept
        meters.write(minute, noticed)

    def _run(self, world: World, meters: Meters, most: int) -> int:
        _prepare(world)
        bound = self._bound
        if bound is None or bound.world is not world or self._meters is not meters:
            bound, self._meters = Bound(world, meters), meters
            self._bound = bound
        bound.hand_over()
        made = int(self.library.outlast_steps(ctypes.addressof(bound.struct), most))
        bound.take_back()
        return made


def _prepare(world: World) -> None:
    """Tell the parts what is wrong now, and own what is to be written."""
    parts, now = world.parts, world.conditions
    if parts.names is not None:
        parts.names.part.say(now.said[parts.names.rows])
    if parts.health is not None:
        parts.health.part.off = now.off[parts.health.rows] | ("health checks" in world.cuts)
    if parts.scalers is not None:
        parts.scalers.part.frozen = now.frozen[parts.scalers.rows]


def _standing(world: World) -> tuple[NDArray[Any], ...] | None:
    """Return all that steering and endpoints say and that may change; None: it is not known."""
    steering, doors = world.steering, world.parts.doors
    if type(steering) is not Steering:
        return None
    own = (steering.pointing, steering.published, steering.moved)
    return own if doors is None else (*own, doors.has, doors.connected, _due(world, steering))


def _due(world: World, steering: Steering) -> NDArray[np.bool_]:
    """Return where time alone will change what is published [endpoint, region]."""
    lives = world.lives()
    alive = lives > LIVES
    falling = steering.published & ~alive & (steering.dead_s < steering.detection_s)
    return np.asarray(falling | (~steering.published & alive))


def _same(before: tuple[NDArray[Any], ...], after: tuple[NDArray[Any], ...] | None) -> bool:
    assert after is not None
    due = after[5] if len(after) > 5 else np.zeros(0, dtype=bool)
    pairs = zip(before[:5], after[:5], strict=True)
    return not due.any() and all(np.array_equal(one, other) for one, other in pairs)


def _wait(world: World, passed_s: float) -> None:
    """Let the clocks of checks go on while nothing that they measure changes."""
    steering = world.steering
    assert isinstance(steering, Steering)
    if len(steering.dead_s):
        alive = world.lives() > LIVES
        steering.dead_s = np.where(alive, 0.0, steering.dead_s + passed_s)
        steering.alive_s = np.where(alive, steering.alive_s + passed_s, 0.0)
