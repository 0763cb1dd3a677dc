"""Outlast keeps names answering when a region goes dark."""

__version__ = "0.1.0"
