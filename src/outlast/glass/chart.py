"""Charts: what was counted beside what was expected, as a picture that needs no script.

The band is what chance explains 99 times in 100. Where scripts run, the same figures are drawn again so that
they can be read off point by point; the table beside the picture says them to everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from outlast.glass.detection import Curve
from outlast.model.units import NS_PER_S, iso, utc

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 24
TICKS = 4
ROWS = 12
"""Rows of the table beside a chart: the last minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart ready to be drawn.

    Attributes:
        band, due, seen: points of the shapes, as SVG writes them.
        across: positions and words of the vertical axis; `along` of the horizontal one.
        data: the same for a script: seconds since 1970, observed, expected, high.
        rows: time and figures of the last minutes, newest first.
        says: in a sentence.
    """

    title: str
    band: str
    due: str
    seen: str
    across: tuple[tuple[float, str], ...]
    along: tuple[tuple[float, str], ...]
    data: tuple[tuple[float, ...], ...]
    rows: tuple[tuple[str, int, str, str], ...]
    says: str


def chart(curve: Curve) -> Chart:
    """Return the chart of a series; one without points is empty."""
    count = len(curve.at_ns)
    top = max([1.0, *curve.high, *curve.observed])
    xs = [_x(at, count) for at in range(count)]
    high = [_y(one, top) for one in curve.high]
    floor = [f"{x:.1f},{_y(0.0, top):.1f}" for x in reversed(xs)]
    seen, high_now = (curve.observed[-1], curve.high[-1]) if count else (0, 0.0)
    loudest = max(curve.observed, default=0)
    return Chart(
        title=curve.series,
        band=" ".join([*_points(xs, high), *floor]),
        due=" ".join(_points(xs, [_y(one, top) for one in curve.expected])),
        seen=" ".join(_points(xs, [_y(one, top) for one in curve.observed])),
        across=tuple((_y(one, top), f"{one:.0f}") for one in _ticks(top)),
        along=tuple((xs[at], f"{utc(curve.at_ns[at]):%H:%M}") for at in _places(count)),
        data=(
            tuple(float(one // NS_PER_S) for one in curve.at_ns),
            tuple(float(one) for one in curve.observed),
            curve.expected,
            curve.high,
        ),
        rows=tuple(
            (
                iso(curve.at_ns[at]),
                curve.observed[at],
                f"{curve.expected[at]:.1f}",
                f"{curve.high[at]:.0f}",
            )
            for at in range(count - 1, max(-1, count - 1 - ROWS), -1)
        ),
        says=f"{curve.series}: {seen} reports in the last minute shown, at most {high_now:.0f} by chance; "
        f"the most in a minute was {loudest}",
    )


def _x(at: int, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * at / max(1, count - 1)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def _points(xs: Sequence[float], ys: Sequence[float]) -> list[str]:
    return [f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True)]


def _ticks(top: float) -> list[float]:
    return [top * at / (TICKS - 1) for at in range(TICKS)]


def _places(count: int) -> list[int]:
    return sorted({round((count - 1) * at / (TICKS - 1)) for at in range(TICKS)}) if count else []
