"""CIR: what is needed to repair a thing depends on that thing; and what could not boot from cold."""

from collections.abc import Iterator

from outlast.audit.boot import Circle, circles
from outlast.audit.case import Case, of_service
from outlast.audit.finding import Hit, Kind, Severity, Thing, count, listed
from outlast.audit.incidents import AWS, AWS_TALK, FACEBOOK, INCIDENT_IO, ROBLOX, SALESFORCE
from outlast.audit.rule import Check, Rule
from outlast.model.facts import Role
from outlast.model.service import DependencyKind, Service

WORDS = {
    Role.CONTROL: ("steers", "steered"),
    Role.STORE: ("keeps the state of automation for", "automated"),
    Role.STATUS: ("tells the public of", "told of"),
    Role.PAGER: ("wakes people for", "answered for"),
    Role.IDENTITY: ("lets people sign in to repair", "signed in to"),
    Role.ACCESS: ("gives people access to", "reached"),
    Role.DEPLOY: ("brings new versions to", "changed"),
    Role.MONITOR: ("watches", "watched"),
    Role.SECRETS: ("hands out credentials for", "restarted"),
}


def _circle(*roles: Role) -> Check:
    """Return the check for tools of some roles: do they lean on what they are there to repair?"""

    def check(case: Case) -> Iterator[Hit]:
        for tool in case.with_role(*roles):
            does, _ = WORDS[tool.role or roles[0]]
            leaned_on = _repaired(case, tool)
            if leaned_on:
                roads = case.leanings(tool, leaned_on)
                yield Hit(
                    path=("services", tool.name),
                    message=f"`{tool.name}` {does} {listed([_named(one) for one in leaned_on])}, and "
                    "needs it itself",
                    at_key=True,
                    roads=roads,
                    lost=tuple(leaned_on[:1]),
                )

    return check


def _named(thing: Thing) -> str:
    return thing.name if thing.kind is Kind.SERVICE else f"{thing.kind} {thing.name}"


def _repaired(case: Case, tool: Service) -> list[Thing]:
    """Return the essential services and published endpoints that a tool leans on."""
    wanted = [of_service(one) for one in case.essential if one.role is None]
    wanted += [Thing(Kind.ENDPOINT, one.name) for one in case.topology.endpoints]
    return [one for one in wanted if one.name != tool.name and case.leans(tool, one)]


def _running(case: Case) -> Iterator[Hit]:
    hard = frozenset({DependencyKind.HARD})
    for circle in circles([*case.topology.services], hard):
        yield Hit(
            path=("services", circle.members[0]),
            message=f"{count(len(circle.members), 'service')} need each other to run: {circle}",
            key=str(circle),
            at_key=True,
            lost=(Thing(Kind.SERVICE, circle.members[0]),),
        )


def _cold(case: Case) -> Iterator[Hit]:
    boot = case.boot
    for circle in boot.circles:
        yield Hit(
            path=("services", circle.members[0]),
            message=f"from cold {listed(list(boot.stuck))} cannot start: {circle}{_way_out(circle)}",
            key=str(circle),
            at_key=True,
            lost=tuple(Thing(Kind.SERVICE, one) for one in circle.members),
        )


def _way_out(circle: Circle) -> str:
    """Name the softest need of a circle: the one that a boot procedure would do without."""
    ranks = {DependencyKind.CACHED: 0, DependencyKind.STARTUP: 1}
    softest = min(range(len(circle.kinds)), key=lambda at: ranks.get(circle.kinds[at], 2))
    following = circle.members[(softest + 1) % len(circle.members)]
    return f"; start `{circle.members[softest]}` first, without `{following}`"


def _rule(
    code: str, roles: tuple[Role, ...], severity: Severity, *, title: str, happens: str, remedy: str
) -> Rule:
    """Return the rule for tools of some roles; what taught it is common to all."""
    return Rule(
        code=code,
        severity=severity,
        title=title,
        happens=happens,
        taught=TAUGHT[roles[0]][0],
        incidents=TAUGHT[roles[0]][1],
        remedy=remedy,
        ignore="There is a second way that leans on nothing here, and it is used now and then.",
        check=_circle(*roles),
    )


TAUGHT = {
    Role.CONTROL: (
        (
            "The tools for repairing the DNS of a database assumed that its automation worked; engineers "
            "had to repair the tools first."
        ),
        (AWS_TALK,),
    ),
    Role.STORE: (
        (
            "Discovery, scheduling and secrets all kept their state in one cluster, and stood with it."
        ),
        (ROBLOX,),
    ),
    Role.STATUS: ("The status page went down with what it should have reported on.", (SALESFORCE,)),
    Role.PAGER: (
        (
            "A telephone supplier stood in the failed region: calls to people on duty were late by as much "
            "as the queue had grown."
        ),
        (INCIDENT_IO,),
    ),
    Role.IDENTITY: (
        (
            "Internal tools relied on the DNS that was down, so those who knew what to do could not get in "
            "to do it."
        ),
        (FACEBOOK,),
    ),
    Role.ACCESS: (
        (
            "Remote ways led through the network that was down, and the sites were hard to enter and the "
            "hardware hard to change, on purpose."
        ),
        (FACEBOOK,),
    ),
    Role.DEPLOY: (
        ("The tools that could have undone a DNS change needed the same DNS."),
        (SALESFORCE,),
    ),
    Role.MONITOR: (
        ("Telemetry depended on the system that it should have explained; engineers worked blind."),
        (ROBLOX,),
    ),
    Role.SECRETS: (
        ("Secrets came from the cluster that had to be restarted with them."),
        (ROBLOX,),
    ),
}

RULES = (
    _rule(
        "CIR001",
        (Role.CONTROL,),
        Severity.ERROR,
        title="a controller needs what it steers",
        happens="When it is needed most it is not there: what it would move is what it stands on.",
        remedy="Let it stand outside, and give it a way to act that is by address, not by name.",
    ),
    _rule(
        "CIR002",
        (Role.STORE,),
        Severity.ERROR,
        title="the store of automation needs what is automated",
        happens="Automation stops for want of its state, and its state for want of what it repairs.",
        remedy="Give automation a store of its own, small and near; a safe one may lose it.",
    ),
    _rule(
        "CIR003",
        (Role.STATUS,),
        Severity.WARNING,
        title="the status page needs what it reports on",
        happens="The public learns of the outage from everybody but you.",
        remedy="Serve static files from another vendor, under another domain.",
    ),
    _rule(
        "CIR004",
        (Role.PAGER,),
        Severity.ERROR,
        title="the pager needs what it wakes people for",
        happens="Nobody is woken, or all are, late.",
        remedy="Use a supplier elsewhere, and a second channel that shares nothing with the first.",
    ),
    _rule(
        "CIR005",
        (Role.IDENTITY,),
        Severity.ERROR,
        title="signing in to repair needs what is to be repaired",
        happens="Those who know what to do stand before a locked door.",
        remedy="Keep break-glass credentials that no part of the system has to check.",
    ),
    _rule(
        "CIR006",
        (Role.ACCESS,),
        Severity.ERROR,
        title="access to machines needs what is to be repaired",
        happens="The console, the tunnel or the building's door asks the network that is down.",
        remedy="Keep an out-of-band way: another network, addresses instead of names, keys of metal.",
    ),
    _rule(
        "CIR007",
        (Role.DEPLOY,),
        Severity.ERROR,
        title="deployment needs what it deploys to",
        happens="The fix is ready and cannot be brought out.",
        remedy="Let the emergency path do without the services that it changes; rehearse it.",
    ),
    _rule(
        "CIR008",
        (Role.MONITOR,),
        Severity.WARNING,
        title="monitoring needs what it watches",
        happens="The graphs end where the outage begins.",
        remedy="Watch from outside, and keep the last hours on the spot.",
    ),
    _rule(
        "CIR009",
        (Role.SECRETS,),
        Severity.ERROR,
        title="the secret store needs what it has credentials for",
        happens="Neither can be restarted without the other.",
        remedy="Seal the store's own credentials apart, so that it starts by itself.",
    ),
    Rule(
        code="CIR010",
        severity=Severity.WARNING,
        title="services need each other to run",
        happens="They are one service in several pieces: any of them takes all down, and none can be "
        "restarted alone.",
        taught="Discovery, the scheduler and the secrets stood or fell together: three days.",
        incidents=(ROBLOX,),
        remedy="Make one of the needs soft, cached, or drop it.",
        ignore="They are deployed and counted as one.",
        check=_running,
    ),
    Rule(
        code="CIR011",
        severity=Severity.ERROR,
        title="services wait for each other at a cold start",
        happens="All runs well for years, and after the first power cut nothing comes up: caches are "
        "empty, and each waits for the other.",
        taught="Caches had to be rebuilt before users were let in again, a part of the 73 hours. For a "
        "fleet that had lost all its leases at once there was no established procedure.",
        incidents=(ROBLOX, AWS),
        remedy="Break the circle at the need that is named, and write the boot order down: `outlast "
        "audit --boot` prints it.",
        ignore="The boot procedure that breaks the circle is written and rehearsed.",
        check=_cold,
    ),
)
