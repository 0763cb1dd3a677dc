"""Post: what is on its way between the parts of the control plane, and to and from providers."""

from dataclasses import dataclass

from outlast.core.dual import RollBack
from outlast.core.messages import EnactCommand, EnactEvent, LoopCommand
from outlast.drill.control.probers import Cast
from outlast.model.names import EndpointName, ProviderName


@dataclass(frozen=True, slots=True)
class Asks:
    """A command of a planner's machine that arrives where it is carried out."""

    endpoint: EndpointName
    command: LoopCommand


@dataclass(frozen=True, slots=True)
class Does:
    """A command of an enactor that arrives where it is carried out."""

    enactor: int
    life: int
    provider: ProviderName
    command: EnactCommand | RollBack


@dataclass(frozen=True, slots=True)
class Hears:
    """What an enactor waited for; None: it is woken."""

    enactor: int
    life: int
    provider: ProviderName
    event: EnactEvent | None


@dataclass(frozen=True, slots=True)
class Looks:
    """The planner looks at the clock."""


Due = Asks | Does | Hears | Looks | Cast
