"""Facts as metrics: `application.hooks.add(metrics_hook(application))`.

Labels are declared names only, so that their number is bounded; names of exceptions are not labels.
"""

from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.registry import CollectorRegistry

from outlast.client.application import Application
from outlast.client.facts import (
    Degraded,
    Fact,
    Failed,
    Hedged,
    Hook,
    Levelled,
    Moved,
    Retried,
    Served,
    StaleName,
)


def metrics_hook(application: Application, registry: CollectorRegistry = REGISTRY) -> Hook:
    """Return a hook that counts facts of one application in a registry."""
    counters = _counters(registry)
    level = Gauge("outlast_client_level", "Brown-out level", ["application"], registry=registry)
    name = application.name

    def tell(fact: Fact) -> None:
        if isinstance(fact, Levelled):
            level.labels(name).set(fact.level)
            return
        labels = [name]
        match fact:
            case Degraded(dependency=dependency, by=by):
                labels += [dependency, by]
            case Failed(dependency=dependency) | Retried(dependency=dependency):
                labels += [dependency]
            case Hedged(dependency=dependency):
                labels += [dependency]
            case Moved(dependency=dependency, state=state):
                labels += [dependency, state]
            case Served(function=function, mode=mode):
                labels += [function, mode]
            case StaleName():
                pass
        counters[type(fact)].labels(*labels).inc()

    return tell


def _counters(registry: CollectorRegistry) -> dict[type, Counter]:
    one = ["application", "dependency"]
    degraded = Counter(
        "outlast_client_degraded_total",
        "Calls answered by a fallback",
        [*one, "by"],
        registry=registry,
    )
    failed = Counter(
        "outlast_client_failed_total", "Calls without any answer", one, registry=registry
    )
    retried = Counter("outlast_client_retried_total", "Calls tried again", one, registry=registry)
    hedged = Counter("outlast_client_hedged_total", "Second copies sent", one, registry=registry)
    moved = Counter(
        "outlast_client_circuit_moved_total",
        "Changes of a circuit",
        [*one, "state"],
        registry=registry,
    )
    stale = Counter(
        "outlast_client_stale_names_total",
        "Uses of remembered addresses",
        ["application"],
        registry=registry,
    )
    served = Counter(
        "outlast_client_served_total",
        "Functions served",
        ["application", "function", "mode"],
        registry=registry,
    )
    return {
        Degraded: degraded,
        Failed: failed,
        Retried: retried,
        Hedged: hedged,
        Moved: moved,
        StaleName: stale,
        Served: served,
    }
