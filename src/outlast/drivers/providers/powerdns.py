"""PowerDNS with weights of its own: Lua records, which draw an address anew for each answer.

A dynamic update can fence, but carries no Lua; the HTTP API carries Lua, but cannot fence. So the two
share the work, as with plans that are larger than one transaction:

1. The Lua records are laid at a fresh name, `outlast-<nonce>.NAME`, that nobody points to.
2. One fenced update turns `NAME CNAME outlast-<nonce>.NAME`, with the weights as TXT and the fence in the
   same transaction. PowerDNS follows the CNAME inside its own answer.
3. What was pointed to before is removed after its TTL. A name is never used twice, so what was once left
   is never pointed to again, and removing it needs no condition. What a write has laid that was refused is
   removed at once. What a crash leaves behind stays, and is pointed to by nobody.

The price: no apex, and nothing else beside the CNAME at such a name. Addresses of equal weight are published
as plain records, as on any server.

Health at answer time: with `api.health_port` PowerDNS itself looks whether that port is open (`ifportup`)
and draws among the addresses where it is; if it is nowhere, among all. Weights are then kept by repetition,
and an address of weight 0 is not drawn beside others; the next plan brings it in, when the others are down.

https://doc.powerdns.com/authoritative/lua-records/functions.html
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from outlast.drivers.providers.powerdns_api import PowerDnsApi
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.drivers.providers.swap import ADDRESS_TYPES
from outlast.model.errors import ProviderError, Unreachable
from outlast.model.names import DnsName
from outlast.model.plan import Layout, Observation, Outcome, OutcomeKind, Transaction
from outlast.model.records import (
    RecordSet,
    RecordType,
    parse_weight,
    sort_record_sets,
    weights_name,
)
from outlast.model.units import Nanos, seconds
from outlast.ports import Clock

REPEATS_MAX = 100
"""Entries of one `ifportup` list, about; larger ratios are rounded."""

_LAID = re.compile(r"outlast-[0-9a-f]{16}\.(?P<name>.+)\Z")
_LUA = re.compile(r'(?P<rtype>A|AAAA) "(?P<code>[^"]+)"\Z')
_QUOTED = re.compile(r"'([0-9a-f.:]+)'")


@dataclass(frozen=True, slots=True)
class _Retired:
    """A laid name that was live and is no more."""

    zone: DnsName
    name: DnsName
    until_ns: Nanos


class PowerDnsProvider:
    """A provider on PowerDNS, see `ports.Provider`.

    Args:
        inner: the same server by dynamic updates.
        health_port: TCP port that PowerDNS looks at before each answer; 0: none.
    """

    def __init__(
        self, inner: Rfc2136Provider, api: PowerDnsApi, clock: Clock, *, health_port: int = 0
    ) -> None:
        self._inner = inner
        self._api = api
        self._clock = clock
        self._health_port = health_port
        self._retired: list[_Retired] = []
        self._live: dict[DnsName, tuple[DnsName, int]] = {}
        self.version = inner.version
        self.describe = inner.describe
        self.close = inner.close

    async def read(self, layout: Layout) -> Observation:
        """Read an endpoint; Lua records show as the addresses that they draw from."""
        found = await self._inner.read(layout)
        sets: list[RecordSet] = []
        for one in found.record_sets:
            laid = _LAID.match(one.values[0]) if one.rtype is RecordType.CNAME else None
            if laid is None or laid["name"] != one.name:
                sets.append(one)
                continue
            sets += await self._drawn(layout.zone, one, found.record_sets)
            self._live[one.name] = (DnsName(one.values[0]), one.ttl_s)
        last: dict[tuple[DnsName, RecordType], RecordSet] = {
            (one.name, one.rtype): one for one in sets
        }
        return replace(found, record_sets=sort_record_sets(list(last.values())))

    async def _drawn(
        self, zone: DnsName, cname: RecordSet, beside: Sequence[RecordSet]
    ) -> list[RecordSet]:
        """Return the sets that Lua draws from; where its code is not ours, it shows as the weights."""
        contents = await self._api.look(zone, cname.values[0])
        sets = []
        for content in contents:
            found = _LUA.match(content)
            values = _QUOTED.findall(found["code"]) if found is not None else []
            if found is not None and values:
                rtype = RecordType(found["rtype"])
                sets.append(RecordSet.of(cname.name, rtype, cname.ttl_s, values))
        wanted = sorted(self._lua(one, _weights_of(cname.name, beside)) for one in sets)
        if contents and sorted(contents) == wanted:
            return sets
        strange = list(contents) or ["nothing is laid there"]
        at = weights_name(cname.name)
        return [*sets, RecordSet.of(at, RecordType.TXT, cname.ttl_s, strange)]

    async def write(self, transaction: Transaction) -> Outcome:
        """Carry out one transaction, see `ports.Provider`: lay what needs Lua, then one fenced update."""
        nonce = self._clock.nonce()
        laid: list[DnsName] = []
        additions = list(transaction.additions)
        deletions = list(transaction.deletions)
        names = dict.fromkeys(one.name for one in additions if one.rtype in ADDRESS_TYPES)
        try:
            for name in names:
                sets = [it for it in additions if it.name == name and it.rtype in ADDRESS_TYPES]
                weights = _weights_of(name, additions)
                if not any(_differ(one, weights) for one in sets):
                    continue
                at = DnsName(f"outlast-{nonce}.{name}")
                laid.append(at)
                contents = [self._lua(one, weights) for one in sets]
                await self._api.lay(transaction.zone, at, sets[0].ttl_s, contents)
                cname = RecordSet.of(name, RecordType.CNAME, sets[0].ttl_s, [at])
                additions = [it for it in additions if it not in sets] + [cname]
                deletions += [(name, one) for one in (*ADDRESS_TYPES, RecordType.CNAME)]
        except Unreachable as fault:
            return Outcome(kind=OutcomeKind.BUSY, detail=f"nothing was turned: {fault.what}")
        except ProviderError as fault:
            return Outcome(kind=OutcomeKind.REJECTED, detail=f"{fault.what}; {fault.remedy}")
        gone = [name for name, one in transaction.deletions if one in ADDRESS_TYPES]
        # Where an address is to go that Lua draws, the turn to the Lua has to go.
        deletions += [(name, RecordType.CNAME) for name in gone if name in self._live]
        fenced = replace(
            transaction, additions=tuple(additions), deletions=tuple(dict.fromkeys(deletions))
        )
        outcome = await self._inner.write(fenced)
        await self._tidy(transaction, laid, list(dict.fromkeys([*names, *gone])), outcome)
        return outcome

    async def _tidy(
        self,
        transaction: Transaction,
        laid: Sequence[DnsName],
        names: Sequence[DnsName],
        outcome: Outcome,
    ) -> None:
        """Remove what nobody points to any more; what cannot be removed now is harmless."""
        now_ns = self._clock.now_ns()
        zone = transaction.zone
        if outcome.kind is OutcomeKind.APPLIED:
            for name in names:
                before = self._live.pop(name, None)
                if before is not None:
                    until_ns = Nanos(now_ns + seconds(max(1, before[1])))
                    self._retired.append(_Retired(zone, before[0], until_ns))
            for at in laid:
                ttl_s = max((one.ttl_s for one in transaction.additions), default=0)
                self._live[DnsName(at.partition(".")[2])] = (at, ttl_s)
        elif outcome.kind is not OutcomeKind.UNKNOWN:  # then it may yet be turned to what was laid
            self._retired += [_Retired(zone, at, now_ns) for at in laid]
        due = [one for one in self._retired if one.until_ns <= now_ns]
        self._retired = [one for one in self._retired if one.until_ns > now_ns]
        for one in due:  # one after the other: SQLite takes one writer at a time
            try:
                await self._api.remove(one.zone, one.name)
            except ProviderError:
                self._retired.append(one)  # at the next write again

    def _lua(self, record_set: RecordSet, weights: Mapping[str, int]) -> str:
        """Return the Lua record of one set of addresses."""
        shares = [(value, weights.get(value, 1)) for value in record_set.values]
        if not any(share for _, share in shares):
            shares = [(value, 1) for value, _ in shares]
        if not self._health_port:
            pairs = ",".join(f"{{{share},'{value}'}}" for value, share in shares)
            return f'{record_set.rtype} "pickwrandom({{{pairs}}})"'
        divisor = math.gcd(*(share for _, share in shares))
        scale = max(1, sum(share for _, share in shares) / divisor / REPEATS_MAX)
        drawn = [
            f"'{value}'"
            for value, share in shares
            if share
            for _ in range(max(1, round(share / divisor / scale)))
        ]
        standby = [f"'{value}'" for value, share in shares if not share]
        kept = f" -- standby: {','.join(standby)}" if standby else ""
        listed = ",".join(drawn)
        options = "{selector='random'}"
        return f'{record_set.rtype} "ifportup({self._health_port},{{{listed}}},{options}){kept}"'


def _differ(record_set: RecordSet, weights: Mapping[str, int]) -> bool:
    return len({weights.get(value, 1) for value in record_set.values}) > 1


def _weights_of(name: DnsName, sets: Sequence[RecordSet]) -> dict[str, int]:
    """Return the weights that stand for a name among some sets; empty: none."""
    at = weights_name(name)
    found = next((one for one in sets if (one.name, one.rtype) == (at, RecordType.TXT)), None)
    pairs = [parse_weight(value) for value in found.values] if found is not None else []
    return dict(pair for pair in pairs if pair is not None)
