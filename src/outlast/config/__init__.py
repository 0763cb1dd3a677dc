"""The topology file: reading it, judging it, explaining it.

`load` is the door. It returns a topology or raises `TopologyErrors` with every fault of the file, each
with line, column, value and remedy. What may stand in the file is stated once, in `tables`; decoding,
JSON Schema (`schema`), `outlast config explain` and `docs/topology.md` are read off it.
"""

from outlast.config.faults import Fault, Severity, TopologyErrors
from outlast.config.load import Loaded, load, parse

__all__ = ["Fault", "Loaded", "Severity", "TopologyErrors", "load", "parse"]
