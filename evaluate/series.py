"""Plain series through the detector's charts, with the one setting that everything uses."""

import numpy as np

from outlast.detect.cells import WINDOWS_MINUTES, Reals
from outlast.detect.charts import Charts, windows_in_steps


def loudness(counts: Reals, start: int, step: int) -> Reals:
    """Return the loudness of every point of every series, shape (points, series); 0: not out of the way.

    Args:
        counts: shape (points, series).
        start: minute of the first point.
        step: length of a point in minutes.
    """
    points, series = counts.shape
    charts = Charts(series, windows_in_steps(WINDOWS_MINUTES, step), step=step)
    total = np.vstack([np.zeros((1, series)), np.cumsum(counts, axis=0)])
    found = np.zeros((points, series))
    for point in range(points):
        sums = [
            (total[point + 1] - total[max(0, point + 1 - window)]).astype(np.int32)
            for window in charts.windows
        ]
        loud = charts.observe(start + step * point, sums)
        found[point, loud.at] = np.where(loud.enough, loud.loudness, 0.0)
    return found
