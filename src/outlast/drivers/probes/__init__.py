"""Probes: what a vantage point sees of thousands of targets, from one process."""

from outlast.drivers.probes.fleet import Emit, Fleet, concurrency_default
from outlast.drivers.probes.prober import WireProber
from outlast.drivers.probes.statistics import Statistics
from outlast.drivers.probes.tls import Contexts

__all__ = ["Contexts", "Emit", "Fleet", "Statistics", "WireProber", "concurrency_default"]
