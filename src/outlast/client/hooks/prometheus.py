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
    one = ["application", "dependency"]
    degraded = Counter(
        "outlast_client_degraded", "Calls answered by a fallback", [*one, "by"], registry=registry
    )
    failed = Counter("outlast_client_failed", "Calls without any answer", one, registry=registry)
    retried = Counter("outlast_client_retried", "Calls tried again", one, registry=registry)
    hedged = Counter("outlast_client_hedged", "Second copies sent", one, registry=registry)
    moved = Counter(
        "outlast_client_circuit_moved", "Changes of a circuit", [*one, "state"], registry=registry
    )
    stale = Counter(
        "outlast_client_stale_names",
        "Uses of remembered addresses",
        ["application"],
        registry=registry,
    )
    served = Counter(
        "outlast_client_served",
        "Functions served",
        ["application", "function", "mode"],
        registry=registry,
    )
    level = Gauge("outlast_client_level", "Brown-out level", ["application"], registry=registry)
    name = application.name

    def tell(fact: Fact) -> None:
        match fact:
            case Degraded(dependency=dependency, by=by):
                degraded.labels(name, dependency, by).inc()
            case Failed(dependency=dependency):
                failed.labels(name, dependency).inc()
            case Retried(dependency=dependency):
                retried.labels(name, dependency).inc()
            case Hedged(dependency=dependency):
                hedged.labels(name, dependency).inc()
            case Moved(dependency=dependency, state=state):
                moved.labels(name, dependency, state).inc()
            case StaleName():
                stale.labels(name).inc()
            case Served(function=function, mode=mode):
                served.labels(name, function, mode).inc()
            case Levelled(level=now):
                level.labels(name).set(now)

    return tell
