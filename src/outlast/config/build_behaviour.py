"""The builder's part for behaviour, audience and resolving of services and endpoints.

What lacks a required field is left out: it was reported when it was decoded.
"""

from typing import Any

from outlast.config.decode import Values
from outlast.model.behaviour import (
    Audience,
    Autoscaling,
    Backlog,
    Behaviour,
    Credentials,
    HealthRemoval,
    Leasing,
    Resolving,
    Retrying,
    Serving,
)

_MODELS: dict[str, tuple[type[Any], frozenset[str]]] = {
    "serving": (Serving, frozenset()),
    "retrying": (Retrying, frozenset()),
    "autoscaling": (Autoscaling, frozenset()),
    "leasing": (Leasing, frozenset({"count"})),
    "backlog": (Backlog, frozenset({"of", "rate"})),
    "health": (HealthRemoval, frozenset()),
    "credentials": (Credentials, frozenset({"via"})),
}


def behaviour(values: Values) -> Behaviour:
    """Build what a service does under stress."""
    made = {}
    for key, one in values.items():
        model, required = _MODELS[key]
        if required <= one.keys():
            made[key] = model(**one)
    return Behaviour(**made)


def audience(values: Values) -> Audience | None:
    """Build who uses a service."""
    return Audience(**values) if "people" in values else None


def stress(values: Values) -> Values:
    """Return the keyword arguments of a service for what is written about stress."""
    made: Values = {}
    if "behaviour" in values:
        made["behaviour"] = behaviour(values["behaviour"])
    if "audience" in values:
        made["audience"] = audience(values["audience"])
    if "resolving" in values:
        made["resolving"] = Resolving(**values["resolving"])
    return made


def resolving_of(own: Values, *, ttl_s: int, provider: Values) -> Resolving:
    """Build how clients find an endpoint; what it does not say, its records and its zone do."""
    below: Values = {"ttl_s": ttl_s}
    if "negative_ttl_s" in provider:
        below["negative_ttl_s"] = provider["negative_ttl_s"]
    return Resolving(**{**below, **own})
