"""The public status page, as a value: what everybody may know, and in what shape existing clients read it.

The shapes are those of Statuspage's public API, version 2, which other programs read already: `summary`,
`status`, `components`, `incidents`, `incidents/unresolved`, `scheduled-maintenances`. The page tells less
than operators see on purpose: no targets, no addresses, nobody's name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from outlast.glass.incident import Impact, Incident, Phase, Update
from outlast.model.units import Nanos, iso

Json = dict[str, object]


class Health(StrEnum):
    """How a component is, in the words of Statuspage."""

    OPERATIONAL = "operational"
    DEGRADED = "degraded_performance"
    PARTIAL = "partial_outage"
    MAJOR = "major_outage"


WORDS = {
    Health.OPERATIONAL: "answers as it should",
    Health.DEGRADED: "is being looked at",
    Health.PARTIAL: "answers wrongly in part",
    Health.MAJOR: "does not answer",
}
_INDICATOR = {
    Impact.NONE: "All names answer",
    Impact.MINOR: "Some names are being looked at",
    Impact.MAJOR: "Some names answer wrongly in part",
    Impact.CRITICAL: "Some names do not answer",
}
_IMPACT = {
    Health.OPERATIONAL: Impact.NONE,
    Health.DEGRADED: Impact.MINOR,
    Health.PARTIAL: Impact.MAJOR,
    Health.MAJOR: Impact.CRITICAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """Something that people use."""

    name: str
    health: Health
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPage:
    """Everything that the page tells.

    Attributes:
        url: where the page is served; its feeds name it.
        incidents: newest first.
        checkpoint: the audit trail's signed checkpoint; empty: none.
    """

    name: str
    url: str
    at_ns: Nanos
    every_s: float
    components: tuple[Component, ...]
    incidents: tuple[Incident, ...] = ()
    checkpoint: str = ""

    @property
    def open(self) -> list[Incident]:
        """The incidents that are not resolved."""
        return [one for one in self.incidents if one.phase is not Phase.RESOLVED]

    @property
    def impact(self) -> Impact:
        """The worst that anybody meets; exercises hit nobody."""
        order = list(Impact)
        found = [_IMPACT[one.health] for one in self.components]
        found += [one.impact for one in self.open if not one.exercise]
        return max(found, key=order.index, default=Impact.NONE)

    @property
    def verdict(self) -> str:
        """The page's first line."""
        return _INDICATOR[self.impact]


def identity(*parts: object) -> str:
    """Return a short name that stays the same for the same thing."""
    return sha256("/".join(map(str, parts)).encode()).hexdigest()[:12]


def api(page: PublicPage) -> dict[str, Json]:
    """Return every answer of the API by its path below `api/v2/`."""
    head: Json = {"page": _page(page)}
    components = [_component(page, one) for one in page.components]
    incidents = [_incident(page, one) for one in page.incidents if not one.exercise]
    unresolved = [one for one in incidents if one["status"] != Phase.RESOLVED]
    exercises = [_incident(page, one) for one in page.incidents if one.exercise]
    status = {"indicator": page.impact, "description": page.verdict}
    return {
        "summary.json": head
        | {
            "status": status,
            "components": components,
            "incidents": unresolved,
            "scheduled_maintenances": _scheduled(exercises),
        },
        "status.json": head | {"status": status},
        "components.json": head | {"components": components},
        "incidents.json": head | {"incidents": incidents},
        "incidents/unresolved.json": head | {"incidents": unresolved},
        "scheduled-maintenances.json": head | {"scheduled_maintenances": _scheduled(exercises)},
    }


def _page(page: PublicPage) -> Json:
    return {
        "id": identity(page.name),
        "name": page.name,
        "url": page.url,
        "time_zone": "Etc/UTC",
        "updated_at": iso(page.at_ns),
    }


def _component(page: PublicPage, component: Component) -> Json:
    return {
        "id": identity(page.name, component.name),
        "name": component.name,
        "status": component.health,
        "description": component.detail or None,
        "position": [one.name for one in page.components].index(component.name) + 1,
        "page_id": identity(page.name),
        "updated_at": iso(page.at_ns),
        "group": False,
        "group_id": None,
        "showcase": True,
        "only_show_if_degraded": False,
    }


def _incident(page: PublicPage, incident: Incident) -> Json:
    key = identity(page.name, incident.number)
    last = incident.updates[-1].at_ns
    return {
        "id": key,
        "name": incident.title,
        "status": incident.phase,
        "impact": incident.impact,
        "created_at": iso(incident.opened_ns),
        "updated_at": iso(last),
        "started_at": iso(incident.began_ns),
        "monitoring_at": None,
        "resolved_at": iso(incident.resolved_ns) if incident.resolved_ns is not None else None,
        "shortlink": f"{page.url}#incident-{incident.number}",
        "page_id": identity(page.name),
        "incident_updates": [
            _update(key, number, update) for number, update in reversed(public(incident.updates))
        ],
    }


def public(updates: Sequence[Update]) -> list[tuple[int, Update]]:
    """Return the public updates with their numbers, oldest first."""
    return [(number, one) for number, one in enumerate(updates, 1) if one.public]


def _update(key: str, number: int, update: Update) -> Json:
    return {
        "id": identity(key, number),
        "incident_id": key,
        "status": update.phase,
        "body": f"[{update.certainty}] {update.text}",
        "created_at": iso(update.at_ns),
        "updated_at": iso(update.at_ns),
        "display_at": iso(update.at_ns),
        "affected_components": [],
    }


def _scheduled(exercises: Sequence[Json]) -> list[Json]:
    """Return exercises as maintenances: nobody is hit, and clients show them as announced."""
    return [
        one
        | {
            "name": f"Exercise: {one['name']}",
            "status": "completed" if one["status"] == Phase.RESOLVED else "in_progress",
            "impact": "maintenance",
            "scheduled_for": one["started_at"],
            "scheduled_until": one["resolved_at"] or one["updated_at"],
        }
        for one in exercises
    ]
