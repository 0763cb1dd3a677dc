"""Demand: how many people are on line at an hour, and how many requests come of it.

Arrivals are open-loop: people come by daytime whether or not the service works ("Open Versus Closed: A
Cautionary Tale", Schroeder, Wierman and Harchol-Balter, NSDI 2006: closed loops hide overload, since waiting
users send nothing). The curve over the day is the cosine that web traffic is usually fitted with:

    awake(h) = 1 - swing * (1 - cos(2 pi (h - peak) / 24)) / 2

which is 1 at the peak hour and 1 - swing twelve hours later.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REQUESTS_PER_PERSON_S = 1.0 / 60.0
"""Requests a second of one active person, where a service's demand in requests is not stated."""

ONLINE_AT_ONCE_RATIO = 0.1
"""Share of a day's users who are active in the same minute at the peak hour: sessions of about half an
hour in sixteen waking hours, three of them a day."""

DAY_H = 24.0


def awake(hour: Floats, peak_hour: Floats, swing_ratio: Floats) -> Floats:
    """Return how much of the peak there is at a local hour, 0 to 1."""
    turn = 2.0 * np.pi * (hour - peak_hour) / DAY_H
    return np.asarray(1.0 - swing_ratio * (1.0 - np.cos(turn)) / 2.0)


def local_hour(utc_s: float, offset_h: Floats) -> Floats:
    """Return the hour of the day of places, for seconds after midnight UTC."""
    return np.asarray((utc_s / 3600.0 + offset_h) % DAY_H)
