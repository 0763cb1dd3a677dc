"""Facts: what the roles tell about their work. Logs and metrics are made from them in one place.

A role never logs and never counts. It says what happened, as a value, to whoever listens.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Event(StrEnum):
    """What can be told."""

    STARTED = "started"
    STOPPED = "stopped"
    PLANNED = "planned"
    BLOCKED = "blocked"
    PUBLISHED = "published"
    HEALED = "healed"
    DRIFT = "drift"
    RACE_LOST = "race-lost"
    VERIFIED = "verified"
    RETIRED = "retired"
    HEALTH = "health"
    VANTAGE_SICK = "vantage-sick"
    VANTAGE_WELL = "vantage-well"
    STORE_LOST = "store-lost"
    STORE_BACK = "store-back"
    PROVIDER_LOST = "provider-lost"
    PROVIDER_BACK = "provider-back"
    TARGETS = "targets"
    SOURCE_LOST = "source-lost"
    SOURCE_BACK = "source-back"
    LEADS = "leads"
    TOPOLOGY = "topology"
    TOPOLOGY_REFUSED = "topology-refused"
    LAST_GOOD_FAILED = "last-good-failed"
    TRAIL_MENDED = "trail-mended"
    TRAIL_REFUSED = "trail-refused"
    BUG = "bug"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that happened.

    Attributes:
        role: who tells it: `planner`, `prober local`, `enactor-1`.
        subject: the endpoint, provider, vantage or address that it is about; may be empty.
        detail: one line for people; never a secret.
        generation: the plan that it is about, 0: none.
        took_s: how long it took, in seconds; negative: not measured.
    """

    event: Event
    role: str
    subject: str = ""
    detail: str = ""
    generation: int = 0
    took_s: float = -1.0


Tell = Callable[[Fact], None]
