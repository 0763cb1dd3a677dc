"""The embedded authoritative name server: RFC 2136 updates in, weighted answers out."""

from outlast.drivers.nameserver.server import NameServer
from outlast.drivers.nameserver.settings import (
    Fact,
    FactHook,
    FactKind,
    Host,
    Limits,
    NameServerSettings,
    NameServerStats,
    RateLimit,
)
from outlast.drivers.nameserver.tsig import Key

__all__ = [
    "Fact",
    "FactHook",
    "FactKind",
    "Host",
    "Key",
    "Limits",
    "NameServer",
    "NameServerSettings",
    "NameServerStats",
    "RateLimit",
]
