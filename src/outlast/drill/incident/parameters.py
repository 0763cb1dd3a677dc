"""What the drill's parameters rest on: documented, calibrated on a fact, or assumed by a rule.

The free ones (calibrated or assumed) are varied one at a time, so that anybody sees what hangs on them. The
checkers' room was chosen among values at which flapping can run away at all (up to about 1.6 times what they
need at rest); what follows from the run-away was not fitted.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter.

    Attributes:
        path: as in a scenario's variations; empty: it is not varied.
        basis: `documented`, `calibrated` or `assumed`, and on what.
        values: to vary it over.
    """

    name: str
    path: str
    basis: str
    values: tuple[float, ...] = ()


PARAMETERS = (
    Parameter(
        "memory of absence, s",
        "services.dynamodb.resolving.negative_ttl_s",
        "documented: the smaller of the zone's SOA TTL and minimum (RFC 2308); seen as 15 minutes",
        (60.0, 1800.0),
    ),
    Parameter(
        "memory of absence, internal, s",
        "services.dynamodb-internal.resolving.negative_ttl_s",
        "calibrated on STS, back at 08:19 after the measures of 08:15",
        (60.0, 900.0),
    ),
    Parameter(
        "life of open connections, s",
        "services.dynamodb.resolving.open_s",
        "calibrated on the first failure lines (06:49:33) and failures from 06:51",
        (10.0, 600.0),
    ),
    Parameter(
        "lease, s",
        "services.ec2-dwfm.leasing.expire_s",
        "calibrated on leases that ran out from 06:48 to 09:24",
        (4680.0, 18720.0),
    ),
    Parameter(
        "leases renewed a second",
        "services.ec2-dwfm.leasing.rate",
        "calibrated on 74 minutes from throttle and restart to all leases",
        (150.0, 340.0),
    ),
    Parameter(
        "deadline of a renewal, s",
        "services.ec2-dwfm.leasing.deadline_s",
        "calibrated on launches that did not come back with the name",
        (30.0, 900.0),
    ),
    Parameter(
        "changes of network state worked off a second",
        "services.ec2-network.backlog.rate",
        "calibrated on 17:36, network state in time again",
        (145.0, 180.0),
    ),
    Parameter(
        "launches let in under the throttle",
        "actions[6].amount",
        "assumed: many were refused",
        (0.2, 0.4),
    ),
    Parameter(
        "checks a second that the checkers can do",
        "services.nlb.health.checker_rate",
        "assumed: half more than they need at rest",
        (12.0, 20.0),
    ),
    Parameter(
        "share of new nodes behind balancers",
        "services.nlb.health.new_ratio",
        "assumed: the engine's default",
        (0.2, 0.4),
    ),
    Parameter(
        "machines replaced an hour",
        "services.lambda.autoscaling.churn_ratio",
        "assumed: they live four days",
        (0.005, 0.02),
    ),
    Parameter(
        "growth of a fleet a minute",
        "services.lambda.autoscaling.step_ratio",
        "assumed: a hundredth",
        (0.005, 0.05),
    ),
)

OTHERS = (
    (
        "companies' people, countries, needs",
        "assumed by category and Zipf's law, drawn from a seed",
    ),
    (
        "balancers that a request passes: two",
        "assumed: at the door and between tiers",
    ),
    (
        "ways to build on a cloud",
        "shares chosen so that the second peak of reports is the larger; when it comes was not fitted",
    ),
    (
        "presence of a country in the reports",
        "calibrated on its share of the first 6.5 million reports",
    ),
    ("propensity to report", "calibrated on 17 million in all"),
    ("messages polled a second", "calibrated on messages processed at 13:00"),
)
