"""The names below which a plan that is no longer in place lies: `g42-5f2c9ab01d3e.www.example.org`.

Number and digest both stand in them. A number alone does not say what belongs there: two halves of a split
store may both make a plan 42, and a piece of one that arrives late must not land in the tree of the other.
"""

import re

from outlast.model.names import DnsName
from outlast.model.units import NO_GENERATION, Generation

DIGEST_DIGITS = 12
_LABEL = re.compile(r"g(?P<generation>[1-9][0-9]{0,17})-[0-9a-f]{12}\Z")


def label(generation: Generation, digest: str) -> str:
    """Return the first label of the names of a plan's tree."""
    return f"g{generation}-{digest[:DIGEST_DIGITS]}"


def generation_of(text: str) -> Generation:
    """Return the number of the plan whose tree a label names; 0: it is no such label."""
    match = _LABEL.match(text)
    return Generation(int(match["generation"])) if match else NO_GENERATION


def under(text: str, name: DnsName) -> DnsName:
    """Return where the records of a name lie in the tree with this label."""
    return DnsName(f"{text}.{name}")
