"""Timing: intervals, time-outs, TTL and recovery must fit each other."""

from collections.abc import Iterator

from outlast.config.faults import Path
from outlast.config.finding import Finding, warning
from outlast.model.topology import CheckKind, Endpoint, HealthCheck, Settings


def _probes(endpoint: Endpoint) -> Iterator[tuple[Path, HealthCheck]]:
    """Yield each distinct check of an endpoint once, with its path; unprobed targets have none."""
    seen: set[int] = set()
    for target in endpoint.targets:
        if id(target.check) not in seen and target.check.kind is not CheckKind.NONE:
            seen.add(id(target.check))
            yield ("endpoints", endpoint.name, "targets", target.name, "check"), target.check


def checks(endpoint: Endpoint) -> Iterator[Finding]:
    """A check must be consistent in itself."""
    for path, check in _probes(endpoint):
        if check.timeout_s > check.interval_s:
            yield Finding(
                rule="timeout-over-interval",
                path=(*path, "timeout_s"),
                message=f"a probe would still wait ({check.timeout_s:g} s) when the next one starts "
                f"({check.interval_s:g} s)",
                remedy=f"write at most {check.interval_s:g}, or a longer `interval_s`",
                value=f"{check.timeout_s:g}",
            )
        if check.status_min > check.status_max:
            yield Finding(
                rule="status-range",
                path=(*path, "status_min"),
                message=f"no status is both at least {check.status_min} and at most {check.status_max}",
                remedy="swap `status_min` and `status_max`",
                value=str(check.status_min),
            )
        yield from _odd_port(path, check)
        if check.certificate_days_min and check.kind is not CheckKind.HTTPS:
            message = f"`certificate_days_min` has no effect in a `{check.kind}` check"
            remedy = "write `kind: https`, or delete it"
            yield warning("no-effect", (*path, "certificate_days_min"), message, remedy)


def _odd_port(path: Path, check: HealthCheck) -> Iterator[Finding]:
    usual = {
        (CheckKind.HTTPS, 80): "https is hardly ever served on port 80",
        (CheckKind.HTTP, 443): "on port 443 servers speak https and answer http with an error",
    }
    reason = usual.get((check.kind, check.port))
    if reason:
        remedy = "write the other port, or the other `kind`"
        yield warning("odd-port", (*path, "port"), reason, remedy, str(check.port))


def recovery(endpoint: Endpoint) -> Iterator[Finding]:
    """Detection plus TTL must fit the time after which clients should be off a dead target."""
    limit, ttl = endpoint.policy.recovery_s, endpoint.ttl_s
    for path, check in _probes(endpoint):
        need = check.detection_s + ttl
        if need <= limit:
            continue
        sum_of = (
            f"detection takes up to {check.detection_s:g} s ({check.interval_s:g} s times "
            f"{check.fall}, and {check.timeout_s:g} s), clients keep an address for {ttl} s: "
            f"{need:g} s, but `policy.recovery_s` is {limit:g}"
        )
        room = int(limit - check.detection_s)
        shorter = f"write `ttl_s: {room}`" if room >= 1 else "shorten the check's `interval_s`"
        yield Finding(
            rule="recovery",
            path=("endpoints", endpoint.name, "ttl_s") if room >= 1 else (*path, "interval_s"),
            message=sum_of,
            remedy=f"{shorter}, or admit `recovery_s: {need:g}` in the policy",
            value=str(ttl) if room >= 1 else f"{check.interval_s:g}",
        )
        return


def evidence(endpoint: Endpoint, settings: Settings) -> Iterator[Finding]:
    """Evidence must live from one probe to the next, or every target is unknown in between."""
    for path, check in _probes(endpoint):
        need = check.interval_s + check.timeout_s
        if settings.evidence_max_age_s < need:
            yield Finding(
                rule="evidence-age",
                path=(*path, "interval_s"),
                message=f"from one result to the next up to {need:g} s pass, but evidence older than "
                f"`settings.evidence_max_age_s` ({settings.evidence_max_age_s:g} s) counts for nothing",
                remedy=f"probe more often, or write `evidence_max_age_s: {3 * need:g}`",
                value=f"{check.interval_s:g}",
            )


def budget_window(endpoint: Endpoint) -> Iterator[Finding]:
    """A window shorter than one detection forgets each removal before the next is decided."""
    slowest = max((check.detection_s for _, check in _probes(endpoint)), default=0.0)
    if endpoint.budget.window_s < slowest:
        yield warning(
            "budget-window",
            ("endpoints", endpoint.name, "budget", "window_s"),
            f"detection alone takes up to {slowest:g} s, so a removal is forgotten before the next one: "
            "the budget limits nothing",
            "write an hour (3600), as is the default",
            f"{endpoint.budget.window_s:g}",
        )
