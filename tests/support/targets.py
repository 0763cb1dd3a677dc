"""Targets of the provider contract: real name servers, and the strict fakes of clouds.

A target can be asked for its topology noun, connected to, and looked into whole. What it cannot do by its
nature is written down in its traits, so that the contract can say what it does instead.
"""

import contextlib
import os
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from unittest import mock

from tests.support import nameservers
from tests.support.fakes import gcloud, route53
from tests.support.nameservers import ZONE, NameServer, Software
from tests.support.publishing import writing_to

from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.gcloud import GcloudProvider
from outlast.drivers.providers.powerdns import PowerDnsProvider
from outlast.drivers.providers.powerdns_api import PowerDnsApi
from outlast.drivers.providers.route53 import Route53Provider
from outlast.model import topology
from outlast.model.api import Api, ProviderKind
from outlast.model.names import DnsName, ProviderName
from outlast.ports import Provider

AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": route53.ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": route53.SECRET_KEY,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""What boto3 and the AWS CLI find, instead of whatever this machine has."""

ANY_RATE = 10_000


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What differs by nature.

    Attributes:
        drops_beside_cname: acknowledges an address beside a CNAME and drops it.
        blind_to_case: compares TXT values without regard to case.
        absence_alone: can make a write depend on an absence that it does not fill.
        counts: numbers of addresses that it takes at one name.
        too_many: a number that one transaction cannot hold, and a word of the rejection.
    """

    drops_beside_cname: bool = False
    blind_to_case: bool = False
    absence_alone: bool = True
    counts: tuple[int, ...] = (100, 500)
    too_many: tuple[int, str] = (4100, "65535")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that a provider writes to."""

    name: str
    zone: DnsName
    traits: Traits
    noun: Callable[[], topology.Provider]
    connect: Callable[[], contextlib.AbstractAsyncContextManager[Provider]]
    everything: Callable[[], Awaitable[set[str]]]

    def provider(self) -> topology.Provider:
        """The topology's noun, as a name server has it."""
        return self.noun()


@dataclass(frozen=True)
class Kind:
    """How a target is started, with further lines of its zone."""

    name: str
    start: Callable[[tuple[str, ...]], contextlib.AbstractContextManager[Target]]


_TRAITS = {
    "bind": Traits(drops_beside_cname=True, counts=(100, 500, 1000)),
    "knot": Traits(drops_beside_cname=True, counts=(500, 1000, 4000)),
    "powerdns": Traits(blind_to_case=True),
    "embedded": Traits(counts=(100, 500, 1000)),
}


@contextlib.contextmanager
def _server(software: Software, lines: tuple[str, ...]) -> Iterator[Target]:
    with nameservers.running(software, lines=lines) as server:
        yield target_of(server)


def target_of(server: NameServer) -> Target:
    """A real name server as a target."""

    async def everything() -> set[str]:
        async with writing_to(server) as provider:
            return {str(one) for one in await provider.transfer(server.zone)}

    return Target(
        name=server.name,
        zone=server.zone,
        traits=_TRAITS[server.name],
        noun=server.provider,
        connect=lambda: writing_to(server),
        everything=everything,
    )


LUA_KEY = "api-secret"


@contextlib.contextmanager
def powerdns_with_lua(lines: tuple[str, ...] = ()) -> Iterator[tuple[NameServer, str]]:
    """A PowerDNS with Lua records and its HTTP API, and the API's address."""
    port = nameservers.free_port()
    more = (
        f"enable-lua-records=yes\nwebserver=yes\nwebserver-address={nameservers.HOST}\n"
        f"webserver-port={port}\napi=yes\napi-key={LUA_KEY}"
    )
    changes = {"dnsupdate=yes": f"dnsupdate=yes\n{more}"}
    with nameservers.running(nameservers.POWERDNS, lines=lines, replacements=changes) as server:
        yield server, f"http://{nameservers.HOST}:{port}"


@contextlib.contextmanager
def _lua(lines: tuple[str, ...]) -> Iterator[Target]:
    with powerdns_with_lua(lines) as (server, url):

        @contextlib.asynccontextmanager
        async def connect() -> AsyncIterator[PowerDnsProvider]:
            async with writing_to(server) as inner:
                api = PowerDnsApi(url, 10.0, lambda: LUA_KEY)
                yield PowerDnsProvider(inner, api, SystemClock())

        plain = target_of(server)
        yield replace(plain, name="powerdns-lua", connect=connect)


def route53_noun(service: route53.Route53, zone: DnsName = ZONE) -> topology.Provider:
    """The topology's noun for a fake Route 53, as fast as it goes."""
    api = Api(endpoint=service.url, request_rate=ANY_RATE, request_burst=ANY_RATE)
    return topology.Provider(
        name=ProviderName("route53"),
        kind=ProviderKind.ROUTE53,
        zones=(zone,),
        api=api,
        timeout_s=10.0,
    )


@contextlib.asynccontextmanager
async def route53_at(noun: topology.Provider) -> AsyncIterator[Route53Provider]:
    """A provider that is closed at the end."""
    provider = Route53Provider(noun, SystemClock())
    try:
        yield provider
    finally:
        await provider.close()


@contextlib.contextmanager
def route53_running() -> Iterator[route53.Route53]:
    """The fake Route 53 with the tests' zone, and an environment in which its keys are found."""
    with mock.patch.dict(os.environ, AWS_ENVIRONMENT), route53.running(ZONE) as service:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
            os.environ.pop(name, None)
        yield service


@contextlib.contextmanager
def _route53(lines: tuple[str, ...]) -> Iterator[Target]:
    with route53_running() as service:
        for name, ttl_s, rtype, values in _parsed(lines):
            service.put(f"{name}.{ZONE}", rtype, ttl_s, *values)

        async def everything() -> set[str]:
            return {str(one) for one in service.zone(ZONE).sets.values()}

        noun = route53_noun(service)
        yield Target(
            name="route53",
            zone=ZONE,
            traits=Traits(absence_alone=False, counts=(100, 400), too_many=(700, "1000")),
            noun=lambda: noun,
            connect=lambda: route53_at(noun),
            everything=everything,
        )


def gcloud_noun(service: gcloud.Gcloud) -> topology.Provider:
    """The topology's noun for a fake Google Cloud DNS, as fast as it goes."""
    return topology.Provider(
        name=ProviderName("gcloud"),
        kind=ProviderKind.GCLOUD,
        zones=(ZONE,),
        api=Api(
            endpoint=service.url,
            project=gcloud.PROJECT,
            request_rate=ANY_RATE,
            request_burst=ANY_RATE,
        ),
        timeout_s=10.0,
    )


@contextlib.asynccontextmanager
async def gcloud_at(noun: topology.Provider) -> AsyncIterator[GcloudProvider]:
    """A provider that is closed at the end."""
    provider = GcloudProvider(noun, SystemClock(), lambda: gcloud.TOKEN)
    try:
        yield provider
    finally:
        await provider.close()


@contextlib.contextmanager
def _gcloud(lines: tuple[str, ...]) -> Iterator[Target]:
    with gcloud.running(ZONE) as service:
        for name, ttl_s, rtype, values in _parsed(lines):
            service.put(f"{name}.{ZONE}", rtype, ttl_s, *values)

        async def everything() -> set[str]:
            return {str(one) for one in service.sets.values()}

        noun = gcloud_noun(service)
        yield Target(
            name="gcloud",
            zone=ZONE,
            traits=Traits(absence_alone=False, counts=(20, 100), too_many=(102, "100")),
            noun=lambda: noun,
            connect=lambda: gcloud_at(noun),
            everything=everything,
        )


def _parsed(lines: Iterable[str]) -> Iterator[tuple[str, int, str, list[str]]]:
    """Lines of a zone file, as a console would take them; TXT values keep their quotes."""
    for line in lines:
        name, *rest = shlex.split(line, posix=False)
        ttl_s, rtype, *values = rest if rest[0].isdigit() else ("300", *rest)
        yield name.replace("*", "\\052"), int(ttl_s), rtype, [" ".join(values)]


SERVERS = tuple(
    Kind(one.name, lambda lines, one=one: _server(one, lines))  # type: ignore[misc]
    for one in nameservers.ALL
)
CLOUDS = (Kind("route53", _route53), Kind("gcloud", _gcloud))
LUA = Kind("powerdns-lua", _lua)
ALL = (*SERVERS, LUA, *CLOUDS)
