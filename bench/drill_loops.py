"""What the machine could do at best: bare passes of multiply-adds over as many cells as a step has.

A pass multiplies and adds over 150 services x 30 regions. The state of such a world is about forty arrays
of that size, and the C loop walks through forty as the step does, so that both need the same caches.
"""

import ctypes
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np

from outlast.drill.compiled import build

PASSES = 100
"""Array passes of a step in the bare loops: about as many as the formulas of the engine have operands."""

ARRAYS = 40

SOURCE = """
#include <stdint.h>
void passes(double *cells, int64_t arrays, int64_t size, int64_t count) {
  for (int64_t k = 0; k < count; k++) {
    double *to = cells + (k % arrays) * size;
    const double *from = cells + ((k + 1) % arrays) * size;
    _Pragma("GCC ivdep") for (int64_t j = 0; j < size; j++) to[j] = to[j] * 0.999 + from[j] * 0.001;
  }
}
"""


@cache
def _loop() -> ctypes.CDLL:
    folder = Path(tempfile.mkdtemp())
    made = folder / "passes.so"
    build.compiled(SOURCE, build.compiler(), made)
    library = ctypes.CDLL(str(made))
    library.passes.restype = None
    library.passes.argtypes = (ctypes.c_void_p, *(ctypes.c_int64,) * 3)
    return library


def in_c(services: int, regions: int, steps: int) -> float:
    """Make passes in C; return microseconds of CPU a step."""
    library, size = _loop(), services * regions
    cells = np.ones((ARRAYS, size))
    began = time.process_time()
    library.passes(cells.ctypes.data, ARRAYS, size, PASSES * steps)
    return (time.process_time() - began) / steps * 1e6


def in_numpy(services: int, regions: int, steps: int) -> float:
    """Make passes in numpy; return microseconds of CPU a step."""
    one, other = np.ones((services, regions)), np.full((services, regions), 1.0001)
    began = time.process_time()
    for _ in range(steps):
        for _ in range(PASSES // 2):
            np.multiply(one, other, out=one)
            np.add(one, other, out=one)
    return (time.process_time() - began) / steps * 1e6
