"""DIV, the names: registrar, top-level domain, name servers and resolvers behind something essential.

Only what the file states is judged: a zone without `name_servers` is not known, not bad.
`outlast audit --discover` fills them in from the DNS.
"""

import ipaddress
from collections.abc import Callable, Iterator

from outlast.audit.case import Case
from outlast.audit.finding import Hit, Kind, Severity, Thing, count, listed
from outlast.audit.incidents import AKAMAI, DOT_IO, DYN, FACEBOOK, ONES_2025, ROGERS, ZOHO
from outlast.audit.rule import Rule
from outlast.model.api import ProviderKind
from outlast.model.facts import NameServer, Zone

PREFIX_V4 = 24
PREFIX_V6 = 48
"""The smallest blocks that the world's routers accept from each other: servers in one fall together."""


def _asked(case: Case) -> list[Zone]:
    """The zones that essential endpoints lie in, and those that no endpoint does."""
    used = {case.zone_of(one) for one in case.topology.endpoints}
    wanted = {case.zone_of(one) for one in case.essential_endpoints}
    return [one for one in case.topology.zones if one.name in wanted or one.name not in used]


def _too_few(case: Case) -> Iterator[Hit]:
    for zone in _asked(case):
        if len(zone.name_servers) == 1:
            yield Hit(
                path=("zones", zone.name, "name_servers"),
                message=f"zone `{zone.name}` has one name server, `{zone.name_servers[0].name}`",
                lost=(Thing(Kind.NAME_SERVER, zone.name_servers[0].name),),
            )


def _servers_alike(
    case: Case, noun: str, of: Callable[[NameServer], str], kind: Kind
) -> Iterator[Hit]:
    for zone in _asked(case):
        values = {of(one) for one in zone.name_servers}
        if len(zone.name_servers) > 1 and len(values) == 1 and (value := values.pop()):
            yield Hit(
                path=("zones", zone.name, "name_servers"),
                message=f"all {len(zone.name_servers)} name servers of zone `{zone.name}` have one "
                f"{noun}, `{value}`",
                lost=(Thing(kind, value),),
            )


def _vendor(case: Case) -> Iterator[Hit]:
    return _servers_alike(case, "vendor", lambda one: one.vendor, Kind.VENDOR)


def _network(case: Case) -> Iterator[Hit]:
    def of(server: NameServer) -> str:
        return f"AS{server.network}" if server.network else ""

    return _servers_alike(case, "network", of, Kind.NETWORK)


def _country(case: Case) -> Iterator[Hit]:
    return _servers_alike(case, "country", lambda one: one.country, Kind.COUNTRY)


def _prefix(case: Case) -> Iterator[Hit]:
    for zone in _asked(case):
        servers = [one for one in zone.name_servers if one.addresses]
        blocks = {_block(address) for one in servers for address in one.addresses}
        for version in (4, 6):
            own = {one for one in blocks if one.version == version}
            if len(servers) > 1 and len(own) == 1 and len({one.version for one in blocks}) == 1:
                yield Hit(
                    path=("zones", zone.name, "name_servers"),
                    message=f"all name servers of zone `{zone.name}` have addresses in one block, "
                    f"{own.pop()}",
                )


def _block(address: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    length = PREFIX_V6 if ":" in address else PREFIX_V4
    return ipaddress.ip_network(f"{address}/{length}", strict=False)


def _top(name: str) -> str:
    return name.rpartition(".")[2]


def _server_names(case: Case) -> Iterator[Hit]:
    for zone in _asked(case):
        tops = {_top(one.name) for one in zone.name_servers}
        if len(zone.name_servers) > 1 and len(tops) == 1:
            top = tops.pop()
            yield Hit(
                path=("zones", zone.name, "name_servers"),
                message=f"the names of all name servers of zone `{zone.name}` lie under `.{top}`",
            )


def _one_top(case: Case) -> Iterator[Hit]:
    endpoints = case.essential_endpoints
    names = [name.name for one in endpoints for name in one.names]
    tops = {_top(one) for one in names}
    if len(tops) == 1 and len(endpoints) > 1:
        yield Hit(
            path=("endpoints",),
            message=f"all {len(names)} names lie under one top-level domain, `.{tops.pop()}`",
            at_key=True,
        )


def _one_registrar(case: Case) -> Iterator[Hit]:
    zones = [one for one in _asked(case) if one.registrar]
    registrars = {one.registrar for one in zones}
    if len(registrars) == 1 and zones:
        registrar = registrars.pop()
        yield Hit(
            path=("zones", zones[0].name, "registrar"),
            message=f"{count(len(zones), 'zone')} ({listed([one.name for one in zones])}) hang on one "
            f"registrar, `{registrar}`",
        )


def _one_provider(case: Case) -> Iterator[Hit]:
    endpoints = case.essential_endpoints
    providers = {one.provider for one in endpoints}
    if len(providers) == 1 and len(endpoints) > 1:
        provider = providers.pop()
        vendors = {
            server.vendor
            for zone in case.topology.zones
            for server in zone.name_servers
            if server.vendor
        }
        if len(vendors) > 1:
            return  # written at one place, answered by several
        yield Hit(
            path=("providers", provider),
            message=f"all {len(endpoints)} endpoints that matter are answered by one DNS provider, "
            f"`{provider}`",
            at_key=True,
            lost=(Thing(Kind.PROVIDER, provider),),
        )


def _one_server(case: Case) -> Iterator[Hit]:
    used = {one.provider for one in case.essential_endpoints}
    answered = {case.zone_of(one) for one in case.essential_endpoints}
    for provider in case.topology.providers:
        servers = {provider.server, *provider.secondaries, *provider.verify_servers}
        known = any(
            len(case.zones[zone].name_servers) > 1
            for zone in provider.zones
            if zone in case.zones and zone in answered
        )
        if provider.name in used and len(servers) == 1 and not known and not provider.kind.has_api:
            where = "secondaries" if provider.kind is ProviderKind.EMBEDDED else "verify_servers"
            yield Hit(
                path=("providers", provider.name),
                message=f"provider `{provider.name}` answers from one server, {provider.server}; no "
                f"`{where}` is stated",
                at_key=True,
                lost=(Thing(Kind.PROVIDER, provider.name),),
            )


RULES = (
    Rule(
        code="DIV010",
        severity=Severity.ERROR,
        title="a zone has one name server",
        happens="When it is silent, every name in the zone is gone as soon as caches run out.",
        taught="A configuration update stopped the name servers of one company for about an hour: "
        "airlines, banks and games had no others.",
        incidents=(AKAMAI,),
        remedy="Delegate the zone to two servers at least, in different places (RFC 1034, 4.1).",
        ignore="Never for something essential; one anycast address is still one routing mistake.",
        check=_too_few,
    ),
    Rule(
        code="DIV011",
        severity=Severity.WARNING,
        title="all name servers of a zone belong to one vendor",
        happens="A flood, a bad update or an account that is locked silences all of them.",
        taught="Floods on one DNS vendor took well-known sites off line, twice in a day; a faulty update "
        "of another did so for an hour. A second vendor leads around both.",
        incidents=(DYN, AKAMAI),
        remedy="Add a second vendor: by zone transfer from a hidden primary, or by writing to both.",
        ignore="The zone uses answers that only this vendor can make, and the risk is accepted.",
        check=_vendor,
    ),
    Rule(
        code="DIV012",
        severity=Severity.ERROR,
        title="all name servers of a zone stand in one network",
        happens="One routing mistake withdraws them together, and the names with them.",
        taught="Facebook's name servers withdrew their own routes when they lost sight of the data "
        "centres: nothing of the company could be found for six hours, its tools included.",
        incidents=(FACEBOOK,),
        remedy="Place at least one name server in another autonomous system.",
        ignore="The number is right but hides networks with separate routing.",
        check=_network,
    ),
    Rule(
        code="DIV013",
        severity=Severity.WARNING,
        title="all name servers of a zone have addresses in one block",
        happens="One block (/24 or /48) is the least that the world routes: one withdrawal, all gone.",
        taught="Withdrawn prefixes alone made a company, and a resolver used by millions, vanish.",
        incidents=(FACEBOOK, ONES_2025),
        remedy="Number at least one of them from another block, best in another network.",
        ignore="In a laboratory.",
        check=_prefix,
    ),
    Rule(
        code="DIV014",
        severity=Severity.NOTE,
        title="all name servers of a zone stand in one country",
        happens="The country's power, cables or law reach all of them.",
        taught="One provider's failure left eleven million customers of one country off line.",
        incidents=(ROGERS,),
        remedy="Add a server abroad, or one that is anycast.",
        ignore="All who ask are in the same country.",
        check=_country,
    ),
    Rule(
        code="DIV015",
        severity=Severity.NOTE,
        title="the names of all name servers lie under one top-level domain",
        happens="Whoever has to look up the servers' addresses needs that domain's servers first; glue "
        "helps only where the parent has it.",
        taught="Two of six servers of `.io` answered that names did not exist; every zone whose "
        "servers were named there felt it.",
        incidents=(DOT_IO,),
        remedy="Name some of the servers under another top-level domain.",
        ignore="The names lie in the zone itself and the parent holds their addresses as glue.",
        check=_server_names,
    ),
    Rule(
        code="DIV016",
        severity=Severity.NOTE,
        title="all names lie under one top-level domain",
        happens="A fault of its registry reaches all names; no second name leads around it.",
        taught="For some hours lookups under `.io` failed at random; the way out was a second name.",
        incidents=(DOT_IO,),
        remedy="Register a fallback name elsewhere and let clients know it beforehand.",
        ignore="Clients can be told of no second name, as with browsers.",
        check=_one_top,
    ),
    Rule(
        code="DIV017",
        severity=Severity.NOTE,
        title="all zones hang on one registrar",
        happens="A suspended account, an expired card or a thief with a password takes the domain "
        "away; the undo lasts as long as the parent's TTL.",
        taught="A registrar switched off the domain of a company with forty million users over three "
        "complaints about phishing; its head had to plead in public.",
        incidents=(ZOHO,),
        remedy="Lock the domains at the registry, name a contact who is awake, keep a fallback name at "
        "another registrar.",
        ignore="The registry lock is set and the escalation path was tried.",
        check=_one_registrar,
    ),
    Rule(
        code="DIV018",
        severity=Severity.WARNING,
        title="all endpoints are answered by one DNS provider",
        happens="Its outage is yours, and the failover that should help is done by it.",
        taught="Customers with one DNS vendor could do nothing but wait.",
        incidents=(DYN, AKAMAI),
        remedy="Serve the zones from a second provider as well.",
        ignore="The provider's servers are your own and stand in several networks.",
        check=_one_provider,
    ),
    Rule(
        code="DIV019",
        severity=Severity.WARNING,
        title="one server answers for a provider",
        happens="A restart is an outage as soon as a TTL has passed.",
        taught="A configuration update stopped one DNS system as a whole; what had no other server was "
        "gone with it.",
        incidents=(AKAMAI,),
        remedy="Add secondaries elsewhere and state them, so that what they answer is verified too.",
        ignore="The address is anycast.",
        check=_one_server,
    ),
)
