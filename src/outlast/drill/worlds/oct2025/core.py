"""The parts between which the event travelled: names, leases, launches, network state, health checks.

Edges are those of the provider's own summary (https://aws.amazon.com/message/101925/) and of the talk that
explained it (re:Invent 2025, DAT453). What was never published stands here as a named constant, calibrated
on the first phase (06:48 to 12:28 UTC) or assumed by a rule that is stated beside it; none was fitted to the
second wave.
"""

from outlast.drill.worlds.oct2025.wiring import (
    EAST,
    EUROPE,
    EVERYWHERE,
    WEST,
    cached,
    hard,
    soft,
    uncalled,
)
from outlast.model.behaviour import (
    Autoscaling,
    Backlog,
    Behaviour,
    HealthRemoval,
    Leasing,
    Resolving,
    Serving,
)
from outlast.model.facts import Load
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, Service
from outlast.model.topology import Region

REGIONS = (
    Region(name=EAST, title="N. Virginia", country="US", vendor="aws"),
    Region(name=WEST, title="Oregon", country="US", vendor="aws"),
    Region(name=EUROPE, title="Ireland", country="IE", vendor="aws"),
)

# Documented: the smaller of the zone's SOA TTL (900 s) and minimum (RFC 2308); the endpoint's own TTL.
NEGATIVE_TTL_S, POSITIVE_TTL_S = 900.0, 5.0
# Calibrated on STS, back four minutes after the temporary measures of 08:15: its resolvers' tail.
INTERNAL_NEGATIVE_TTL_S = 240.0
# Calibrated on the first failure lines (06:49:33) and on services that began to fail at 06:51.
OPEN_CONNECTION_S = 120.0
# Calibrated on 06:48 to 09:24, in which the last lease ran out.
LEASE_EXPIRE_S = 156 * 60.0
# Order of magnitude from outside estimates; only its ratio to the rate matters.
DROPLETS = 1_000_000.0
# Calibrated on 74 minutes from throttle and restart (11:14) to all leases (12:28): count / rate.
LEASE_RATE = DROPLETS / (74 * 60.0)
# Calibrated on launches that did not come back with the name: rate * deadline leases are all that is won
# before the collapse (any deadline below 37 minutes makes it collapse: count > 2 * rate * deadline).
LEASE_DEADLINE_S = 60.0
MESSAGES = 1000.0
# Calibrated on 11:40 (restored by hand) to 13:00 (all messages processed).
POLLING_RATE = 6.5 * MESSAGES
# Calibrated on global tables that had caught up at 09:32, seven minutes after the name was back.
REPLICATION_RATE = 25.0
# Assumed: launches and ended instances of a region of this size.
LAUNCHES = 100.0
# Assumed rule for fleets inside the provider: any of three zones may go, and a little beside.
SPARE_FULL = 0.6
# Assumed rule for customers' balancers: no zone is spare at the peak hour.
BALANCER_FULL = 0.85
# Demand at the busiest hour over that at 06:40 UTC, as the companies' days make it.
GROWTH = 1.75
# Assumed: machines of a managed fleet live four days and are then replaced.
FLEET_CHURN = 1.0 / 96.0
# Assumed: a large fleet grows by at most a hundredth a minute.
FLEET_STEP = 0.01
# Assumed rule: fail-over inside the provider takes away one zone of three at a time.
ONE_ZONE = 1.0 / 3.0
# Assumed: of a hundred nodes three tenths are new, and the checkers can do half more than they need.
CHECKED_NODES, NEW_RATIO = 100.0, 0.3
CHECKER_RATE = 1.5 * CHECKED_NODES / 10.0
# Calibrated on 17:36, when network state was in time again: what can be worked off, launches at rest being 1.
NETWORK_RATE = 1.57 * LAUNCHES
# Assumed: an instance that ended or failed to launch leaves one change of network state behind.
NETWORK_MISSED = 1.0


def core() -> tuple[Service, ...]:
    """Return the core."""
    return (*_names(), *_identity(), *_machines(), *_balancing(), *_functions(), *_others())


def _service(
    name: str,
    title: str,
    *needs: Dependency,
    behaviour: Behaviour | None = None,
    resolving: Resolving | None = None,
    demand: float = 0.0,
    regions: tuple[RegionName, ...] = EVERYWHERE,
) -> Service:
    return Service(
        name=ServiceName(name),
        title=title,
        regions=regions,
        needs=needs,
        vendor="aws",
        behaviour=behaviour,
        resolving=resolving,
        load=Load(demand=round(demand)) if demand else None,
    )


def _names() -> tuple[Service, ...]:
    return (
        _service("ec2-instances", "EC2, instances that run"),
        _service("dynamodb-storage", "DynamoDB, behind its names"),
        _service(
            "dynamodb",
            "Amazon DynamoDB",
            *hard("dynamodb-storage"),
            resolving=_name(NEGATIVE_TTL_S),
            demand=MESSAGES,
        ),
        _service(
            "dynamodb-internal",
            "DynamoDB, by the roads of the provider's own services",
            *hard("dynamodb-storage"),
            resolving=_name(INTERNAL_NEGATIVE_TTL_S),
        ),
        _service(
            "dynamodb-global-tables",
            "DynamoDB global tables, replication with this region",
            *hard("dynamodb"),
            behaviour=Behaviour(
                backlog=Backlog(
                    of=ServiceName("dynamodb"),
                    rate=REPLICATION_RATE * MESSAGES,
                    missed_ratio=1.0,
                    late_s=5.0,
                )
            ),
        ),
    )


def _name(negative_ttl_s: float) -> Resolving:
    return Resolving(ttl_s=POSITIVE_TTL_S, negative_ttl_s=negative_ttl_s, open_s=OPEN_CONNECTION_S)


def _identity() -> tuple[Service, ...]:
    home = (EAST,)
    return (
        _service(
            "iam", "AWS Identity and Access Management", *hard("dynamodb-internal"), regions=home
        ),
        _service(
            "sts",
            "AWS Security Token Service",
            *hard("dynamodb-internal"),
            behaviour=_balanced(SPARE_FULL, removable=ONE_ZONE),
            demand=MESSAGES,
        ),
        _service(
            "sign-in",
            "Console sign-in, AWS IAM Identity Center",
            *hard("iam", "dynamodb-internal"),
            regions=home,
        ),
        _service("account-metadata", "Account metadata", *hard("dynamodb"), regions=home),
        _service(
            "support",
            "AWS Support Center",
            *hard("account-metadata", region=EAST),
            *soft("sign-in"),
        ),
        _service("redshift", "Amazon Redshift", *hard("dynamodb"), demand=MESSAGES),
        _service("redshift-iam-login", "Redshift, IAM users", *hard("iam", region=EAST)),
        _service(
            "redshift-clusters",
            "Redshift, clusters caught in host replacement",
            *hard("new-instances"),
            behaviour=Behaviour(
                backlog=Backlog(
                    of=ServiceName("redshift"),
                    rate=MESSAGES * 0.2,
                    units_ratio=0.0,
                    missed_ratio=1.0,
                    late_s=3600.0,
                )
            ),
        ),
    )


def _machines() -> tuple[Service, ...]:
    return (
        _service(
            "ec2-dwfm",
            "EC2 droplet workflow manager",
            behaviour=Behaviour(
                leasing=Leasing(
                    count=DROPLETS,
                    via=ServiceName("dynamodb"),
                    expire_s=LEASE_EXPIRE_S,
                    rate=LEASE_RATE,
                    deadline_s=LEASE_DEADLINE_S,
                )
            ),
        ),
        _service(
            "ec2-launch",
            "Amazon Elastic Compute Cloud",
            *hard("dynamodb", "ec2-dwfm"),
            behaviour=Behaviour(serving=Serving(rate=4 * LAUNCHES, queue_max=4 * LAUNCHES)),
            demand=len(EVERYWHERE) * LAUNCHES,
        ),
        _service(
            "ec2-network",
            "EC2 network manager",
            *hard("ec2-dwfm"),
            behaviour=Behaviour(
                backlog=Backlog(
                    of=ServiceName("ec2-launch"), rate=NETWORK_RATE, missed_ratio=NETWORK_MISSED
                )
            ),
        ),
        _service(
            "new-instances",
            "New instances that can be reached",
            *uncalled("ec2-launch", "ec2-network"),
        ),
        _service("ecs", "Amazon Elastic Container Service", *hard("new-instances")),
        _service("eks", "Amazon Elastic Kubernetes Service", *hard("new-instances")),
        _service("fargate", "AWS Fargate", *hard("new-instances")),
    )


def _balanced(full: float, *, removable: float = 1.0) -> Behaviour:
    """Return a fleet behind health checks, so full at the busiest hour, that sheds what it cannot carry."""
    rate = GROWTH * MESSAGES / full
    return Behaviour(
        serving=Serving(rate=rate, queue_max=rate),
        health=HealthRemoval(
            interval_s=10.0,
            fall=3,
            rise=2,
            via=ServiceName("ec2-network"),
            checker_rate=CHECKER_RATE,
            nodes=CHECKED_NODES,
            new_ratio=NEW_RATIO,
            removable_ratio=removable,
        ),
        autoscaling=_refilled(1.0),
    )


def _refilled(most: float) -> Autoscaling:
    """Return how machines that end are replaced, and at most how many there may be beside the start."""
    return Autoscaling(
        via=ServiceName("new-instances"),
        target_ratio=SPARE_FULL,
        delay_s=300.0,
        warmup_s=300.0,
        step_ratio=FLEET_STEP,
        churn_ratio=FLEET_CHURN,
        max_ratio=most,
    )


def _balancing() -> tuple[Service, ...]:
    return (
        _service(
            "nlb",
            "Amazon Elastic Load Balancing",
            behaviour=_balanced(BALANCER_FULL),
            demand=MESSAGES,
        ),
        _service("api-gateway", "Amazon API Gateway", *hard("dynamodb-internal", "nlb")),
    )


def _functions() -> tuple[Service, ...]:
    return (
        _service(
            "lambda",
            "AWS Lambda",
            *hard("dynamodb"),
            behaviour=Behaviour(
                serving=Serving(rate=MESSAGES / SPARE_FULL, queue_max=MESSAGES / SPARE_FULL),
                autoscaling=_refilled(2.0),
            ),
            demand=MESSAGES,
        ),
        _service("sqs", "Amazon Simple Queue Service", *soft("dynamodb-internal")),
        _service(
            "lambda-pollers",
            "Lambda, pollers of event sources",
            behaviour=Behaviour(
                leasing=Leasing(
                    count=100_000.0,
                    via=ServiceName("dynamodb"),
                    expire_s=300.0,
                    rate=100.0,
                    deadline_s=60.0,
                )
            ),
        ),
        _service(
            "lambda-events",
            "Lambda, event sources and asynchronous calls",
            *hard("lambda-pollers", "lambda", "sqs"),
            demand=MESSAGES,
        ),
        _service(
            "lambda-backlog",
            "Lambda, messages processed in time",
            *hard("lambda-pollers", "lambda"),
            behaviour=Behaviour(
                backlog=Backlog(
                    of=ServiceName("lambda-events"), rate=POLLING_RATE, missed_ratio=1.0
                )
            ),
        ),
    )


def _others() -> tuple[Service, ...]:
    return (
        _service("connect", "Amazon Connect", *hard("dynamodb", "lambda", "nlb")),
        _service("s3", "Amazon Simple Storage Service", *soft("dynamodb-internal")),
        _service(
            "cloudwatch", "Amazon CloudWatch", *hard("dynamodb"), *soft("nlb", "lambda-events")
        ),
        _service("eventbridge", "Amazon EventBridge", *hard("dynamodb"), *soft("lambda-backlog")),
        _service("rds", "Amazon Relational Database Service", *soft("new-instances")),
        _service(
            "ecr", "Amazon Elastic Container Registry", *hard("dynamodb"), cached("sts", 900.0)
        ),
        _service("cognito", "Amazon Cognito", *hard("dynamodb"), *soft("lambda")),
    )
