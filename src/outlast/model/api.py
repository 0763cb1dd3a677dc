"""How a DNS is written to that has an API of its own instead of dynamic updates.

Nothing secret stands here: clouds find their credentials in their own ways (environment, profile, role of
the machine), and a token is named by a reference in `topology.Provider`.
"""

from dataclasses import dataclass
from enum import StrEnum

from outlast.model.names import DnsName


class ProviderKind(StrEnum):
    """How we write to a provider."""

    EMBEDDED = "embedded"
    RFC2136 = "rfc2136"
    ROUTE53 = "route53"
    GCLOUD = "gcloud"
    POWERDNS = "powerdns"

    @property
    def has_api(self) -> bool:
        """Whether it is written to through an API of its own, not by dynamic updates."""
        return self in {ProviderKind.ROUTE53, ProviderKind.GCLOUD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """What stands at a cloud in the place of one target's address.

    In plans, probes and proofs the target is its address; where that address would be written, the
    cloud gets a reference to one of its own load balancers instead.

    Attributes:
        address: the target's address in the topology, IPv4 or IPv6.
        name: the DNS name that the cloud gave the load balancer.
        zone_id: the hosted zone of that name, as the cloud lists it for the load balancer's region.
        evaluate_health: whether the cloud leaves it out of answers while it finds it sick itself.
    """

    address: str
    name: DnsName
    zone_id: str
    evaluate_health: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The API of a provider.

    Attributes:
        endpoint: its URL; empty: the vendor's own.
        zone_id: the zone's id there, needed where two zones have the same name; empty: looked up by name.
        project: for `gcloud`: the project that the zones belong to.
        role: for `route53`: the role to assume, for zones of another account; empty: none.
        external_id: for `route53`: what the role's owner asks for beside it; empty: nothing.
        profile: for `route53`: the profile of the shared configuration; empty: the default one.
        aliases: for `route53`: load balancers that stand for addresses.
        health_port: for `powerdns`: the TCP port that it looks at before it gives an address; 0: none.
        request_rate: the vendor's limit on requests of any kind a second, kept by all parts of one process
            together.
        request_burst: how many requests may be sent at once after a pause.
        writes_max: writes to one zone that may be under way at once.
        settle_s: how long a write waits until every server of the vendor has it before it counts as
            done; 0: it counts as done once it is accepted. A newer plan of the same endpoint waits as
            long.
    """

    endpoint: str = ""
    zone_id: str = ""
    project: str = ""
    role: str = ""
    external_id: str = ""
    profile: str = ""
    aliases: tuple[Alias, ...] = ()
    health_port: int = 0
    request_rate: float = 5.0
    request_burst: int = 5
    writes_max: int = 1
    settle_s: float = 0.0

    def alias_at(self, address: str) -> Alias | None:
        """Return what stands for an address, if anything does."""
        for one in self.aliases:
            if one.address == address:
                return one
        return None
