"""DIV, the plain ones: one region, one country, one network, one vendor behind something essential."""

from collections.abc import Callable, Iterator

from outlast.audit.case import Case
from outlast.audit.finding import Hit, Kind, Severity, Thing, count, listed
from outlast.audit.incidents import AUTHRESS, AWS, FACEBOOK, GOOGLE, ROGERS
from outlast.audit.rule import Rule
from outlast.model.records import Family
from outlast.model.service import Service
from outlast.model.topology import Region


def _single_region(case: Case) -> Iterator[Hit]:
    for service in case.essential:
        if len(set(service.regions)) == 1:
            region = service.regions[0]
            yield Hit(
                path=("services", service.name, "regions"),
                message=f"essential service `{service.name}` runs in one region, `{region}`",
                lost=(Thing(Kind.REGION, region),),
            )


def _single_region_endpoint(case: Case) -> Iterator[Hit]:
    for endpoint in case.essential_endpoints:
        regions = {target.region for target in endpoint.targets}
        if len(regions) == 1:
            region = regions.pop()
            yield Hit(
                path=("endpoints", endpoint.name, "targets"),
                message=f"all of `{endpoint.name}` ({count(len(endpoint.targets), 'target')}) "
                f"stands in one region, `{region}`",
                at_key=True,
                lost=(Thing(Kind.REGION, region),),
            )


def _single_target(case: Case) -> Iterator[Hit]:
    for endpoint in case.essential_endpoints:
        if len(endpoint.targets) == 1:
            target = endpoint.targets[0]
            yield Hit(
                path=("endpoints", endpoint.name, "targets"),
                message=f"`{endpoint.name}` has one target, `{target.name}`: there is nothing to "
                "fail over to",
                at_key=True,
                lost=(Thing(Kind.TARGET, f"{endpoint.name}/{target.name}"),),
            )


def _alike(case: Case, noun: str, of: Callable[[Region], str], kind: Kind) -> Iterator[Hit]:
    """Yield essential services whose regions, at least two, all have the same of something."""
    for service in case.essential:
        regions = _known(case, service)
        values = {of(one) for one in regions}
        if len(regions) > 1 and len(values) == 1 and (value := values.pop()):
            names = listed([one.name for one in regions])
            yield Hit(
                path=("services", service.name, "regions"),
                message=f"the regions of essential service `{service.name}` ({names}) have one "
                f"{noun}, `{value}`",
                lost=(Thing(kind, value),),
            )


def _known(case: Case, service: Service) -> list[Region]:
    return [case.regions[name] for name in dict.fromkeys(service.regions) if name in case.regions]


def _country(case: Case) -> Iterator[Hit]:
    return _alike(case, "country", lambda one: one.country, Kind.COUNTRY)


def _network(case: Case) -> Iterator[Hit]:
    def of(region: Region) -> str:
        return f"AS{region.network}" if region.network else ""

    return _alike(case, "network", of, Kind.NETWORK)


def _vendor(case: Case) -> Iterator[Hit]:
    return _alike(case, "vendor", lambda one: one.vendor, Kind.VENDOR)


def _shared_fate(case: Case) -> Iterator[Hit]:
    for service in case.essential:
        regions = _known(case, service)
        if len(regions) < 2:
            continue
        common = set(regions[0].shares).intersection(*(one.shares for one in regions[1:]))
        for word in sorted(common):
            yield Hit(
                path=("services", service.name, "regions"),
                message=f"all regions of essential service `{service.name}` fall with `{word}`, "
                "which they share",
                key=word,
                lost=(Thing(Kind.SHARED, word),),
            )


def _family(case: Case) -> Iterator[Hit]:
    for endpoint in case.essential_endpoints:
        if len(endpoint.families) == 1:
            family = endpoint.families[0]
            other = Family.IPV6 if family is Family.IPV4 else Family.IPV4
            yield Hit(
                path=("endpoints", endpoint.name, "targets"),
                message=f"`{endpoint.name}` answers over {family} only: there is no {other} road "
                f"around a fault of {family}",
                at_key=True,
            )


RULES = (
    Rule(
        code="DIV001",
        severity=Severity.ERROR,
        title="an essential service runs in one region",
        happens="The region goes dark, and the service with it. Nothing can be switched over.",
        taught="On 20 October 2025 one region took along what had no second one; services that ran "
        "in several regions and could move traffic kept going.",
        incidents=(AWS, AUTHRESS),
        remedy="Run it in a second region that already carries traffic, and list both in `regions`.",
        ignore="Its loss for a day is agreed upon in writing, and `essential: true` says too much. "
        "Then rather delete that.",
        check=_single_region,
    ),
    Rule(
        code="DIV002",
        severity=Severity.ERROR,
        title="all targets of an endpoint stand in one region",
        happens="DNS can only hand out addresses that are there: with the region, all go at once.",
        taught="Customers on one regional endpoint had nowhere to move their traffic; those with "
        "replicas elsewhere recovered first.",
        incidents=(AWS,),
        remedy="Add a target in another region.",
        ignore="The endpoint is regional on purpose, and its callers fail over between endpoints.",
        check=_single_region_endpoint,
    ),
    Rule(
        code="DIV003",
        severity=Severity.WARNING,
        title="an endpoint has one target",
        happens="When the target fails there is nothing to publish in its place. The floor keeps its "
        "address in the DNS, so clients go on to meet a dead one.",
        taught="Automation that withdraws the last address makes it worse: Facebook's sites withdrew "
        "themselves one by one until none was left.",
        incidents=(FACEBOOK,),
        remedy="Add a second target, best in another region.",
        ignore="The address is anycast or a global load balancer with spare roads of its own.",
        check=_single_target,
    ),
    Rule(
        code="DIV004",
        severity=Severity.NOTE,
        title="all regions of an essential service lie in one country",
        happens="A law, a court, a cut cable or a grid failure reaches all of them.",
        taught="One operator's failure took payments and public offices off line all over a country, "
        "for most of a day.",
        incidents=(ROGERS,),
        remedy="Add a region in another country, or keep a copy of the essential part there.",
        ignore="Data has to stay in the country, or all users are there and fall with it anyway.",
        check=_country,
    ),
    Rule(
        code="DIV005",
        severity=Severity.WARNING,
        title="all regions of an essential service hang on one network",
        happens="One autonomous system is one routing policy and one team: a faulty change or a route "
        "leak withdraws all regions together.",
        taught="A maintenance command cut one network's backbone, and its sites then withdrew their "
        "own routes; a provider of a whole country vanished with its AS.",
        incidents=(FACEBOOK, ROGERS),
        remedy="Announce at least one region from a second network, or through a second transit.",
        ignore="The regions are known to have independent routing in spite of the one number.",
        check=_network,
    ),
    Rule(
        code="DIV006",
        severity=Severity.NOTE,
        title="all regions of an essential service belong to one vendor",
        happens="Sign-in, quotas, billing and the vendor's own roll-outs span its regions.",
        taught="A policy with blank fields was replicated to all regions of one cloud within seconds; "
        "sign-in of another failed in regions that were otherwise well.",
        incidents=(GOOGLE, AWS),
        remedy="Keep a way to serve the essential part elsewhere: a static copy, a second vendor.",
        ignore="The cost of a second vendor was weighed and is written down.",
        check=_vendor,
    ),
    Rule(
        code="DIV007",
        severity=Severity.ERROR,
        title="the regions of an essential service share one fate",
        happens="They count as several and fall as one: one grid, one control plane, one coast.",
        taught="Regions elsewhere signed in, resolved groups and answered support through one region; "
        "its loss was felt in all of them.",
        incidents=(AWS,),
        remedy="Add a region that does not share it, or part what is shared.",
        ignore="What is shared was rehearsed to fail without harm; better then delete it from "
        "`shares`.",
        check=_shared_fate,
    ),
    Rule(
        code="DIV008",
        severity=Severity.NOTE,
        title="an endpoint answers over one address family",
        happens="A fault in the routing of one family reaches everybody, though the other would work.",
        taught="Routes are lost family by family: in one network that lost a whole country, IPv6 came "
        "back eight hours after IPv4.",
        incidents=(ROGERS,),
        remedy="Give the targets addresses of both families.",
        ignore="Clients or networks have one family only.",
        check=_family,
    ),
)
