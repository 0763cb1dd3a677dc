r"""Record sets in the words of Route 53.

Where all weights are equal, the addresses are one simple set. Where they are not, or where a load balancer
stands in the place of an address (an alias), each address is a weighted set of its own, named
`outlast ADDRESS`. Route 53 weighs from 0 to 255, so larger weights are scaled down, and none above 0
becomes 0. A client then gets one address an answer, drawn by weight.

An alias has no TTL of its own, and the plan's must not be lost: it stands in the set's identifier,
`outlast 192.0.2.1 ttl=60`.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from outlast.drivers.providers.quoting import quote, unquote
from outlast.drivers.providers.swap import ADDRESS_TYPES, Key, Native
from outlast.model.api import Alias, Api
from outlast.model.names import DnsName
from outlast.model.records import RecordSet, RecordType

WEIGHT_MAX = 255
"""The largest `Weight` of a weighted record set."""

_IDENTIFIER = re.compile(r"outlast (?P<address>[0-9a-f.:]+)(?: ttl=(?P<ttl>[0-9]{1,10}))?\Z")
_OCTAL = re.compile(r"\\([0-7]{3})")
_ROUTING = ("Weight", "Region", "GeoLocation", "GeoProximityLocation", "Failover")
_ROUTING_MORE = (
    "MultiValueAnswer",
    "CidrRoutingConfig",
    "HealthCheckId",
    "TrafficPolicyInstanceId",
)


def key_of(native: Native) -> Key | None:
    """Return where a set stands; None for types that Outlast does not know."""
    name = _OCTAL.sub(lambda found: chr(int(found[1], 8)), native["Name"])
    try:
        return DnsName(name.rstrip(".").lower()), RecordType(native["Type"])
    except ValueError:
        return None


class Route53Dialect:
    """Route 53's way to write record sets, see `swap.Dialect`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._by_target = {(one.name, one.zone_id): one for one in api.aliases}

    def read(self, key: Key, natives: Sequence[Native]) -> RecordSet:
        """Return the values and the TTL; an alias that we know is the address that it stands for.

        An alias that we do not know has no value that could be told, so its name is given as one of a
        CNAME: it is a foreign hand's, and shows as that.
        """
        name, rtype = key
        values: list[str] = []
        ttl_s: list[int] = []
        for native in natives:
            if "AliasTarget" in native:
                found = self._alias_of(native)
                if found is None:
                    target = native["AliasTarget"]["DNSName"]
                    return RecordSet.of(name, RecordType.CNAME, 0, [target])
                values.append(found.address)
            for record in native.get("ResourceRecords", ()):
                text = record["Value"]
                values.append(unquote(text, base=8) if rtype is RecordType.TXT else text)
            ttl_s.append(_ttl_s(native))
        return RecordSet.of(name, rtype, min(ttl_s), values)

    def _alias_of(self, native: Native) -> Alias | None:
        target = native["AliasTarget"]
        name = DnsName(target["DNSName"].rstrip(".").lower())
        return self._by_target.get((name, target["HostedZoneId"]))

    def write(self, record_set: RecordSet, weights: Mapping[str, int]) -> tuple[Native, ...]:
        """Return one simple set, or one weighted set for each address."""
        shares = [weights.get(value, 1) if weights else 1 for value in record_set.values]
        is_address = record_set.rtype in ADDRESS_TYPES
        aliased = is_address and any(self._api.alias_at(one) for one in record_set.values)
        if not aliased and (not is_address or len(set(shares)) == 1):
            texts = list(record_set.values)
            if record_set.rtype is RecordType.TXT:
                texts = [quote(value, base=8) for value in texts]
            return (_simple(record_set, texts),)
        scale = max(1, math.ceil(max(shares) / WEIGHT_MAX))
        return tuple(
            self._weighted(record_set, value, max(share // scale, min(share, 1)))
            for value, share in zip(record_set.values, shares, strict=True)
        )

    def _weighted(self, record_set: RecordSet, address: str, weight: int) -> Native:
        native: dict[str, Any] = {
            "Name": f"{record_set.name}.",
            "Type": str(record_set.rtype),
            "SetIdentifier": f"outlast {address}",
            "Weight": weight,
        }
        alias = self._api.alias_at(address)
        if alias is None:
            more = {"TTL": record_set.ttl_s, "ResourceRecords": [{"Value": address}]}
            return native | more
        native["SetIdentifier"] += f" ttl={record_set.ttl_s}"
        target = {
            "HostedZoneId": alias.zone_id,
            "DNSName": f"{alias.name}.",
            "EvaluateTargetHealth": alias.evaluate_health,
        }
        return native | {"AliasTarget": target}

    def routing(self, natives: Sequence[Native]) -> tuple[str, ...]:
        """Return how each set is chosen, as one text."""
        return tuple(sorted(_routing_of(native) for native in natives))


def _simple(record_set: RecordSet, texts: list[str]) -> Native:
    return {
        "Name": f"{record_set.name}.",
        "Type": str(record_set.rtype),
        "TTL": record_set.ttl_s,
        "ResourceRecords": [{"Value": text} for text in texts],
    }


def _ttl_s(native: Native) -> int:
    """The TTL; an alias has it in its identifier."""
    if "TTL" in native:
        return int(native["TTL"])
    found = _IDENTIFIER.match(native.get("SetIdentifier", ""))
    return int(found["ttl"]) if found is not None and found["ttl"] else 0


def _routing_of(native: Native) -> str:
    """Values in no order, then alias and routing: what decides an answer."""
    parts = [",".join(sorted(one["Value"] for one in native.get("ResourceRecords", ())))]
    target = native.get("AliasTarget")
    if target is not None:
        health = " with its health" if target.get("EvaluateTargetHealth") else ""
        parts.append(f"alias {target['DNSName'].rstrip('.').lower()}{health}")
    parts += [
        f"{key}={native[key]}" for key in (*_ROUTING, *_ROUTING_MORE) if native.get(key) is not None
    ]
    return " ".join(part for part in parts if part)


def characters_of(native: Native) -> int:
    """Count what the limit of a batch counts: the characters of all `Value` elements."""
    return sum(len(one["Value"]) for one in native.get("ResourceRecords", ()))


def records_of(native: Native) -> int:
    """Count what the limit of a batch counts: `ResourceRecord` elements; an alias counts as one."""
    return max(1, len(native.get("ResourceRecords", ())))
