"""Response-rate limiting: a token bucket for each client network, in bounded memory.

The source address of a UDP packet can be forged, and an answer is longer than its question, so an open
name server is an amplifier. Answers are counted by the /24 or /56 they go to, since a victim is a
network and an attacker forges neighbours. Every `slip`-th answer above the limit goes out empty with
the TC bit: no amplification, and a real client in that network comes back over TCP, where addresses
cannot be forged.

Memory is two generations of a dictionary: when the young one is full it becomes the old one, and the
old one is forgotten. A forgotten network begins with a full bucket, so a flood from ever new networks
gains one burst each; against that no per-network limit helps.
"""

import ipaddress
import socket
from enum import Enum
from typing import Generic, TypeVar

from outlast.drivers.nameserver.settings import RateLimit

V = TypeVar("V")


class Verdict(Enum):
    """What to do with an answer."""

    SEND = "send"
    TRUNCATE = "truncate"
    DROP = "drop"


class Generations(Generic[V]):
    """A dictionary that forgets what was not used lately, and never holds more than twice its bound."""

    __slots__ = ("_bound", "_old", "_young")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._young: dict[str | bytes, V] = {}
        self._old: dict[str | bytes, V] = {}

    def get(self, key: str | bytes) -> V | None:
        """Return a value, and keep it young."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: str | bytes, value: V) -> None:
        """Store a value."""
        if len(self._young) >= self._bound:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


class _Bucket:
    __slots__ = ("at_s", "exempt", "limited", "tokens")

    def __init__(self, tokens: float, at_s: float, *, exempt: bool) -> None:
        self.tokens = tokens
        self.at_s = at_s
        self.exempt = exempt
        self.limited = 0


class RateLimiter:
    """Judges answers by the client's network."""

    def __init__(self, settings: RateLimit) -> None:
        self._settings = settings
        self._exempt = tuple(ipaddress.ip_network(one) for one in settings.exempt)
        self._hosts: Generations[_Bucket] = Generations(settings.networks_max)
        self._networks: Generations[_Bucket] = Generations(settings.networks_max)

    def __len__(self) -> int:
        return len(self._hosts) + len(self._networks)

    def judge(self, host: str, now_s: float) -> Verdict:
        """Say what becomes of one answer to a host.

        Args:
            now_s: a clock that never goes back, in seconds.
        """
        bucket = self._hosts.get(host) or self._bucket(host, now_s)
        if bucket.exempt:
            return Verdict.SEND
        settings = self._settings
        tokens = bucket.tokens + (now_s - bucket.at_s) * settings.answers_per_s
        bucket.tokens = min(tokens, settings.burst)
        bucket.at_s = now_s
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return Verdict.SEND
        bucket.limited += 1
        slips = settings.slip and bucket.limited % settings.slip == 0
        return Verdict.TRUNCATE if slips else Verdict.DROP

    def _bucket(self, host: str, now_s: float) -> _Bucket:
        address = ipaddress.ip_address(host.partition("%")[0])
        if any(address in network for network in self._exempt):
            bucket = _Bucket(0, now_s, exempt=True)
        else:
            network = network_of(host)
            found = self._networks.get(network)
            bucket = found or _Bucket(self._settings.burst, now_s, exempt=False)
            if found is None:
                self._networks.put(network, bucket)
        self._hosts.put(host, bucket)
        return bucket


def network_of(host: str) -> bytes:
    """Return the first 24 bits of an IPv4 address, or the first 56 of an IPv6 address."""
    if ":" in host:
        return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:7]
    return socket.inet_aton(host)[:3]
