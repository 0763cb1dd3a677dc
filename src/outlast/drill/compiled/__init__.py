"""The step of the world once more, in C: the same formulas as the mechanisms', fused, a row at a time."""
