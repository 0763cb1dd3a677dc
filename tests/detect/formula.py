"""The formula that the compiled loops are checked against, in plain words."""

import numpy as np

from outlast.detect.cells import Reals


def deviance(observed: Reals, expected: Reals, size: Reals) -> Reals:
    """Return the negative binomial deviance of counts of at least one; 0 where they are as expected."""
    found: Reals = 2 * (
        observed * np.log(observed / expected)
        - (observed + size) * np.log((observed + size) / (expected + size))
    )
    return found
