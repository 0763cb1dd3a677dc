"""Drills: what breaks when a region goes dark, in which order, for whom and for how long."""
