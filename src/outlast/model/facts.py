"""Facts about the world around a topology that nobody operates but everybody depends on.

Who runs a thing, in which network and country; how a dependency is called; what a region must do before
it can carry another one's load; who may approve, and when it was last rehearsed. The control plane needs
none of it, so each fact is optional: the audit judges what is stated and stays silent on the rest.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from outlast.model.names import DnsName, RegionName


class Role(StrEnum):
    """What a service is to the others, where that matters for repair."""

    IDENTITY = "identity"
    """People or machines sign in with it."""
    SECRETS = "secrets"
    """It hands out credentials and keys."""
    REGISTRY = "registry"
    """Images or packages come from it."""
    CERTIFICATES = "certificates"
    """It issues or renews certificates."""
    RESOLVER = "resolver"
    """It resolves names for others."""
    CONTROL = "control"
    """It changes, steers or fails over others."""
    STORE = "store"
    """Automation keeps its state in it."""
    DEPLOY = "deploy"
    """New versions come through it."""
    MONITOR = "monitor"
    """It tells whether others are well."""
    PAGER = "pager"
    """It wakes people."""
    STATUS = "status"
    """It tells the public."""
    ACCESS = "access"
    """People reach machines through it: console, VPN, remote hands."""


class Action(StrEnum):
    """Something that has to be done before another region carries a service."""

    LAUNCH = "launch"
    SCALE = "scale"
    DEPLOY = "deploy"
    SIGN_IN = "sign-in"


class FenceGrade(StrEnum):
    """How well a DNS can refuse a write that comes too late."""

    FULL = "full"
    """One condition covers fence and data in one transaction."""
    RECORD_SET = "record-set"
    """A condition covers one record set; several cannot be moved together."""
    LEASE = "lease"
    """None: only a lock keeps two writers apart, and a lock can run out unnoticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How a dependency is called.

    Attributes:
        timeout_s: of one attempt; 0: not known, or none.
        attempts: the first one included.
        budget_ratio: retries allowed as a share of all calls; 0: no budget.
        jitter: whether waits between attempts are random.
    """

    timeout_s: float = 0.0
    attempts: int = 1
    budget_ratio: float = 0.0
    jitter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much a service must carry and can.

    Attributes:
        demand: peak over all regions, in any unit.
        capacity: of each region, in the same unit; 0: not known.
        quota: the most that each region may be grown to; 0: not known.
        sheds: whether it refuses what it cannot carry, instead of slowing down for everybody.
    """

    demand: int = 0
    capacity: int = 0
    quota: int = 0
    sheds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NameServer:
    """An authoritative name server of a zone.

    Attributes:
        name: as the NS record says.
        addresses: IPv4 and IPv6.
        vendor: who runs it; empty: not known.
        network: autonomous system number; 0: not known.
        country: ISO 3166-1 alpha-2 code, or empty.
    """

    name: DnsName
    addresses: tuple[str, ...] = ()
    vendor: str = ""
    network: int = 0
    country: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A DNS zone as the world sees it.

    Attributes:
        registrar: who registered the domain; empty: not known.
        name_servers: those of the NS records.
        negative_ttl_s: how long resolvers keep "no such name" (RFC 2308); None: not known.
        delegation_ttl_s: TTL of the NS records; undoing a change of name servers takes as long.
        ds_ttl_s: TTL of the DS record; undoing a change of signing takes as long.
        signed: whether it is signed (DNSSEC).
    """

    name: DnsName
    registrar: str = ""
    name_servers: tuple[NameServer, ...] = ()
    negative_ttl_s: int | None = None
    delegation_ttl_s: int | None = None
    ds_ttl_s: int | None = None
    signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A drill that was held.

    Attributes:
        region: the one that was taken away; None: another kind of drill.
    """

    on: date
    region: RegionName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Who runs it, and how well that is rehearsed.

    Attributes:
        approvers: people or groups who may approve a dangerous change; empty: not known.
        drills: in any order.
    """

    approvers: tuple[str, ...] = ()
    drills: tuple[Rehearsal, ...] = ()
