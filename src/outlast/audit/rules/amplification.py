"""AMP: small failures that are made large by those who wait. Retries multiply over depth, waits pile up.

Only calls whose `call` is stated are judged.
"""

from collections.abc import Iterator

from outlast.audit.case import Case, of_service
from outlast.audit.falls import components
from outlast.audit.finding import Change, Hit, Severity, listed
from outlast.audit.incidents import AWS, AZURE_DNS, DYN, GOOGLE, LAUNCHDARKLY
from outlast.audit.rule import Rule
from outlast.model.facts import Call
from outlast.model.service import Dependency, Service

PRODUCT_MAX = 10
"""Three layers of three attempts are 27: more than a service with full headroom can carry."""

BUDGET_RATIO = 0.1
"""A tenth of all calls is a budget that keeps retries useful and harmless."""


def _calls(case: Case) -> Iterator[tuple[Service, int, Dependency, Call]]:
    for service in case.topology.services:
        for at, need in enumerate(service.needs):
            if need.call is not None:
                yield service, at, need, need.call


def _multiplied(case: Case) -> Iterator[Hit]:
    """The most attempts that reach a service for one request above, along the worst road."""
    services = [*case.topology.services]
    number = {str(one.name): at for at, one in enumerate(services)}
    below = [
        [number[need.service] for need in one.needs if need.service in number] for one in services
    ]
    worst: dict[int, tuple[int, tuple[int, ...]]] = {}
    for members in components(below):
        for node in members:
            worst[node] = _worst(services[node], node, number, worst)
    callers = {child for children in below for child in children}
    for node, (product, way) in sorted(worst.items()):
        if product > PRODUCT_MAX and node not in callers:
            names = " -> ".join(services[one].name for one in way)
            yield Hit(
                path=("services", services[node].name),
                message=f"one request may become {product} attempts: {names}",
                at_key=True,
                lost=(of_service(services[way[-1]]),),
            )


def _worst(
    service: Service,
    node: int,
    number: dict[str, int],
    worst: dict[int, tuple[int, tuple[int, ...]]],
) -> tuple[int, tuple[int, ...]]:
    """Members of a circle are taken in one order: a circle of retries has no finite answer anyway."""
    best: tuple[int, tuple[int, ...]] = (1, (node,))
    for need in service.needs:
        if need.service is None:
            continue
        child = number[need.service]
        product, way = worst.get(child, (1, (child,)))
        attempts = need.call.attempts if need.call is not None else 1
        if attempts * product > best[0]:
            best = (attempts * product, (node, *way))
    return best


def _longer_below(case: Case) -> Iterator[Hit]:
    for service, _, need, call in _calls(case):
        callee = case.services.get(need.service) if need.service is not None else None
        if callee is None or not call.timeout_s:
            continue
        for at, inner in enumerate(callee.needs):
            if inner.call is not None and inner.call.timeout_s > call.timeout_s:
                yield Hit(
                    path=("services", callee.name, "needs", at, "call", "timeout_s"),
                    message=f"`{callee.name}` waits {inner.call.timeout_s:g} s for "
                    f"`{inner.service or inner.endpoint}`, but `{service.name}` waits only "
                    f"{call.timeout_s:g} s for `{callee.name}`",
                    key=service.name,
                )


def _too_many_below(case: Case) -> Iterator[Hit]:
    """All attempts below take longer than one above."""
    for service, _, need, call in _calls(case):
        callee = case.services.get(need.service) if need.service is not None else None
        if callee is None or not call.timeout_s:
            continue
        for at, inner in enumerate(callee.needs):
            if inner.call is None or inner.call.timeout_s > call.timeout_s:
                continue
            total_s = inner.call.timeout_s * inner.call.attempts
            if inner.call.attempts > 1 and total_s > call.timeout_s:
                yield Hit(
                    path=("services", callee.name, "needs", at, "call", "attempts"),
                    message=f"`{callee.name}` tries `{inner.service or inner.endpoint}` "
                    f"{inner.call.attempts} times {inner.call.timeout_s:g} s, but `{service.name}` has "
                    f"given up after {call.timeout_s:g} s",
                    key=service.name,
                )


def _no_budget(case: Case) -> Iterator[Hit]:
    for service, at, need, call in _calls(case):
        if call.attempts > 1 and not call.budget_ratio:
            path = ("services", service.name, "needs", at, "call")
            yield Hit(
                path=(*path, "attempts"),
                message=f"`{service.name}` tries `{need.service or need.endpoint}` {call.attempts} "
                "times, without a budget over all calls",
                change=Change((*path, "budget_ratio"), f"{BUDGET_RATIO:g}"),
            )


def _no_jitter(case: Case) -> Iterator[Hit]:
    for service, at, need, call in _calls(case):
        if call.attempts > 1 and not call.jitter:
            yield Hit(
                path=("services", service.name, "needs", at, "call"),
                message=f"`{service.name}` tries `{need.service or need.endpoint}` again after fixed "
                "waits: all callers come back at once",
                at_key=True,
            )


def _no_timeout(case: Case) -> Iterator[Hit]:
    for service, at, need, call in _calls(case):
        if not call.timeout_s:
            yield Hit(
                path=("services", service.name, "needs", at, "call"),
                message=f"`{service.name}` waits for `{need.service or need.endpoint}` without a "
                "time-out",
                at_key=True,
            )


def _no_shedding(case: Case) -> Iterator[Hit]:
    """Callers try again, and the one who is called takes everything."""
    for service in case.topology.services:
        if service.load is None or service.load.sheds:
            continue
        callers = [
            one.name
            for one, _, need, call in _calls(case)
            if need.service == service.name and call.attempts > 1
        ]
        if callers:
            yield Hit(
                path=("services", service.name, "load"),
                message=f"`{service.name}` sheds no load, and {listed(callers)} will try again",
                at_key=True,
            )


RULES = (
    Rule(
        code="AMP001",
        severity=Severity.WARNING,
        title="retries multiply over depth",
        happens="Each layer tries again what the one below has tried already; the deepest one gets the "
        "product, when it is weakest.",
        taught="Retries were treated as legitimate traffic, which made more of them; software kits "
        "that tried again flooded the balancers, and nearly all calls failed worldwide.",
        incidents=(AZURE_DNS, LAUNCHDARKLY, DYN),
        remedy="Try again in one layer only, the one nearest to the user, and with a budget.",
        ignore="Budgets below cap the product; state them, and lower `attempts` where they do.",
        check=_multiplied,
    ),
    Rule(
        code="AMP002",
        severity=Severity.WARNING,
        title="a time-out is longer below than above",
        happens="The caller has gone, and its work is still being done: capacity spent for nobody.",
        taught="Work that took longer than its time limit was queued again; no progress was made until "
        "restarts had emptied the queues.",
        incidents=(AWS,),
        remedy="Pass deadlines along, or make each time-out shorter than the one above.",
        ignore="The work goes on for others' sake, as with filling a cache.",
        check=_longer_below,
    ),
    Rule(
        code="AMP003",
        severity=Severity.NOTE,
        title="all attempts below take longer than one above",
        happens="The last attempts are made for a caller who has given up and may be trying again.",
        taught="Timed-out work that was tried again held a recovery up for nearly two hours.",
        incidents=(AWS,),
        remedy="Fewer attempts below, or a longer wait above.",
        ignore="The caller's attempts are few and spread out.",
        check=_too_many_below,
    ),
    Rule(
        code="AMP004",
        severity=Severity.WARNING,
        title="retries have no budget",
        happens="A count of attempts is per call: when all calls fail, the load is multiplied by it.",
        taught="Legitimate retries multiplied a flood of queries.",
        incidents=(DYN, AZURE_DNS),
        remedy="Allow retries as a share of all calls: `budget_ratio: 0.1`.",
        ignore="The caller is one process with a handful of calls.",
        check=_no_budget,
        fixable=True,
    ),
    Rule(
        code="AMP005",
        severity=Severity.WARNING,
        title="retries have no jitter",
        happens="All callers wait equally long and come back in one wave, again and again.",
        taught="Restarting tasks made a herd on a database, without randomised waits; the largest region "
        "took until 2 h 40 min.",
        incidents=(GOOGLE,),
        remedy="Make waits random between nothing and the full back-off, and state `jitter: true`.",
        ignore="There is one caller.",
        check=_no_jitter,
    ),
    Rule(
        code="AMP006",
        severity=Severity.WARNING,
        title="a call has no time-out",
        happens="A dependency that is silent, not down, holds every worker of its callers.",
        taught="A slow dependency is worse than one that is gone: a support system got wrong answers "
        "instead of none, so its bypass did not fire.",
        incidents=(AWS,),
        remedy="State a time-out shorter than your own caller's.",
        ignore="It is a stream that has its own heartbeat.",
        check=_no_timeout,
    ),
    Rule(
        code="AMP007",
        severity=Severity.WARNING,
        title="a service that is tried again sheds no load",
        happens="It takes in more than it can finish, slows down for all, and is tried again by all.",
        taught="Too many leases to renew at once: congestive collapse until incoming work was "
        "throttled and hosts restarted, one hour and 49 minutes later.",
        incidents=(AWS, AZURE_DNS),
        remedy="Refuse early what cannot be served in time; then state `sheds: true`.",
        ignore="Something before it sheds.",
        check=_no_shedding,
    ),
)
