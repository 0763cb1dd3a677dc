"""Choice: who steers users in a scenario."""

from outlast.drill.control.pilot import Pilot
from outlast.drill.layout import Layout
from outlast.drill.scenario import ControlPlane, Scenario
from outlast.drill.steering import Steering, Steers


def steered(layout: Layout, scenario: Scenario) -> Steers:
    """Return who says where names lead: the real control plane, the model of it, or nobody."""
    if scenario.control_plane is ControlPlane.REAL and layout.endpoints:
        return Pilot(layout, scenario.seed)
    return Steering.of(layout, automatic=scenario.control_plane is not ControlPlane.NONE)
