"""From what services say about themselves to columns of numbers.

A mechanism's state has rows only for the services that have it: a world without it pays nothing.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Fact = TypeVar("Fact")


def column(facts: Sequence[Fact], read: Callable[[Fact], float]) -> Floats:
    """Return one number of each fact, standing upright [row, 1]."""
    return np.array([[float(read(one))] for one in facts], dtype=np.float64).reshape(len(facts), 1)


def flags(facts: Sequence[Fact], read: Callable[[Fact], bool]) -> NDArray[np.bool_]:
    """Return one truth of each fact, standing upright [row, 1]."""
    return np.array([[bool(read(one))] for one in facts], dtype=bool).reshape(len(facts), 1)
