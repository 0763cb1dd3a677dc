"""The world `oct2025`: one cloud in three regions, and who stood on it on 20 October 2025.

Three layers. `core` has the about thirty parts between which the event travelled, with their mechanisms;
`listed` the 123 services that the provider's dashboard named at 17:03 UTC, each with what it needs;
`companies` the thousands above them. Edges of the core are those of the public record; parameters that were
never published are calibrated or assumed, and `outlast.drill.incident.parameters` says which on what.
"""

from outlast.drill.worlds.oct2025.companies import companies
from outlast.drill.worlds.oct2025.core import REGIONS, core
from outlast.drill.worlds.oct2025.listed import listed
from outlast.model.topology import Topology

COMPANIES = 3500
"""As many as the reports named."""
SEED = 2025


def oct2025(*, count: int = COMPANIES, seed: int = SEED) -> Topology:
    """Return the world, with so many companies drawn from a seed."""
    cloud = (*core(), *listed())
    return Topology(regions=REGIONS, services=(*cloud, *companies(count, seed)))
