"""The foreign hand: somebody with the same key who edits the zone behind Outlast's back.

It does what people with `nsupdate` do: unconditional writes. Everything it does is written down, with the
time before it was sent and after it was acknowledged, since the checker must know what was not ours.
"""

import base64
import time
from dataclasses import dataclass, field

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update
import dns.zone

from chaos.history import Act, Named, at_side
from chaos.world import NAMED, NEIGHBOURS, ZONE
from outlast.model.fence import epoch_name, fence_name, next_name
from outlast.model.names import DnsName
from outlast.model.topology import Address

TIMEOUT_S = 3.0
LATE_ADDRESS = "203.0.113.66"
"""An address that belongs to nobody, for additions."""


@dataclass(slots=True)
class ForeignHand:
    """One key, one server; every act is appended to `acts`."""

    server: Address
    key_name: str
    secret: bytes
    acts: list[Act] = field(default_factory=list)
    side: str = ""

    def do(self, kind: str, named: Named, *, why: str = "") -> bool:
        """Do one thing to one endpoint, or to all; return whether the server took it.

        Args:
            why: the fault that it belongs to, if that is more than this act.
        """
        before = self.values(named)
        update = self.update()
        values = _ACTS[kind](update, named, before)
        endpoints = NAMED if kind == "wipe-all" else (named,)
        began_ns = time.monotonic_ns()
        taken = self.send(update)
        ended_ns = time.monotonic_ns()
        self.acts += [
            Act(
                kind=why or kind,
                endpoint=at_side(one.endpoint, self.side),
                began_ns=began_ns,
                ended_ns=ended_ns,
                values=values,
                taken=taken,
            )
            for one in endpoints
        ]
        return taken

    def add_neighbours(self) -> bool:
        """Put other people's records into a zone that began without them."""
        update = self.update()
        for name, rest in NEIGHBOURS:
            ttl, rtype, value = rest.split(" ", 2)
            update.add(_dns(f"{name}.{ZONE}"), int(ttl), rtype, value)
        return self.send(update)

    def mend_cname(self, named: Named) -> bool:
        """Take away a CNAME that was planted at a fence's name: no fence can stand beside it."""
        update = self.update()
        update.delete(_dns(fence_name(DnsName(named.names[0]))), "CNAME")
        return self.send(update)

    def values(self, named: Named) -> tuple[str, ...]:
        """Return what stands at an endpoint's fence."""
        return self.values_at(fence_name(DnsName(named.names[0])))

    def values_at(self, at: str) -> tuple[str, ...]:
        """Return what stands at a name as TXT, nothing if there is no answer."""
        try:
            found = dns.query.tcp(
                dns.message.make_query(_dns(at), "TXT"),
                self.server.host,
                port=self.server.port,
                timeout=TIMEOUT_S,
            )
        except (OSError, dns.exception.DNSException):
            return ()
        return tuple(one.to_text().strip('"') for rrset in found.answer for one in rrset)

    def zone(self) -> tuple[str, ...]:
        """Return every record of the zone that is not Outlast's, sorted; SOA and DNSSEC apart."""
        query = dns.message.make_query(f"{ZONE}.", "AXFR")
        query.use_tsig(self._ring())
        zone = dns.zone.Zone(f"{ZONE}.", relativize=False)
        dns.query.inbound_xfr(
            self.server.host, zone, query, port=self.server.port, timeout=TIMEOUT_S, lifetime=10
        )
        ours = {name for one in NAMED for name in one.names}
        ours |= {f"_outlast.{one.names[0]}" for one in NAMED} | {epoch_name(DnsName(ZONE))}
        ours |= {next_name(fence_name(DnsName(one.names[0]))) for one in NAMED}
        ours |= {f"_weights.{name}" for name in ours}
        return tuple(
            sorted(
                f"{name} {ttl} {dns.rdatatype.to_text(data.rdtype)} {data}"
                for name, ttl, data in zone.iterate_rdatas()
                if data.rdtype != dns.rdatatype.SOA
                and name.to_text(omit_final_dot=True).lower() not in ours
            )
        )

    def _ring(self) -> dict[dns.name.Name, dns.tsig.Key]:
        name = dns.name.from_text(f"{self.key_name}.")
        return {name: dns.tsig.Key(name, self.secret, dns.tsig.HMAC_SHA256)}

    def update(self) -> dns.update.UpdateMessage:
        """Return an empty, signed update of the zone, without any condition."""
        return dns.update.UpdateMessage(f"{ZONE}.", keyring=self._ring())

    def send(self, update: dns.update.UpdateMessage) -> bool:
        """Send it; return whether the server took it."""
        try:
            reply = dns.query.tcp(
                update, self.server.host, port=self.server.port, timeout=TIMEOUT_S
            )
        except (OSError, dns.exception.DNSException):
            return False
        return reply.rcode() == dns.rcode.NOERROR


def secret_of(text: str) -> bytes:
    """Read a base64 secret."""
    return base64.b64decode(text.strip())


def neighbour_lines() -> tuple[str, ...]:
    """The neighbours as lines of a zone file."""
    return tuple(f"{name} {rest}" for name, rest in NEIGHBOURS)


Values = tuple[str, ...]
Update = dns.update.UpdateMessage


def _dns(name: str) -> dns.name.Name:
    return dns.name.from_text(f"{name}.")


def _fence(named: Named) -> dns.name.Name:
    return _dns(fence_name(DnsName(named.names[0])))


def _wipe_name(update: Update, named: Named, before: Values) -> Values:
    """Addresses and fence gone: what the October 2025 clean-up did."""
    del before
    for name in named.names:
        update.delete(_dns(name))
    update.delete(_fence(named))
    return ()


def _wipe_addresses(update: Update, named: Named, before: Values) -> Values:
    del before
    for name in named.names:
        update.delete(_dns(name), "A")
    return ()


def _wipe_all(update: Update, named: Named, before: Values) -> Values:
    """All of Outlast's records in the zone, the epoch among them."""
    for one in NAMED:
        _wipe_name(update, one, before)
    return _wipe_epoch(update, named, before)


def _wipe_epoch(update: Update, named: Named, before: Values) -> Values:
    del named, before
    update.delete(_dns(epoch_name(DnsName(ZONE))))
    return ()


def _delete_fence(update: Update, named: Named, before: Values) -> Values:
    del before
    update.delete(_fence(named))
    return ()


def _alter_fence(update: Update, named: Named, before: Values) -> Values:
    """One digit of the digest is another: well formed, and of no plan."""
    value = before[0] if before else "outlast1 g=1 d=0"
    at = value.find(" d=") + 3
    digit = "0" if value[at : at + 1] != "0" else "1"
    altered = f"{value[:at]}{digit}{value[at + 1 :]}"
    update.replace(_fence(named), 0, "TXT", f'"{altered}"')
    return (altered,)


def _garble_fence(update: Update, named: Named, before: Values) -> Values:
    del before
    value = "v=spf1 -all"
    update.replace(_fence(named), 0, "TXT", f'"{value}"')
    return (value,)


def _double_fence(update: Update, named: Named, before: Values) -> Values:
    del before
    value = "outlast1 g=1 d=00000000000000000000000000000000 n=0000000000000000 w=somebody"
    update.add(_fence(named), 0, "TXT", f'"{value}"')
    return (value,)


def _lower_fence(update: Update, named: Named, before: Values) -> Values:
    """A well-formed fence of generation 1, as if an old zone file had been loaded."""
    del before
    value = "outlast1 g=1 d=00000000000000000000000000000000 n=00000000000000ff w=somebody"
    update.replace(_fence(named), 0, "TXT", f'"{value}"')
    return (value,)


def _plant_cname(update: Update, named: Named, before: Values) -> Values:
    """A CNAME in the place of the addresses."""
    del before
    update.delete(_dns(named.names[0]))
    update.add(_dns(named.names[0]), 60, "CNAME", f"mail.{ZONE}.")
    return ()


def _plant_cname_at_fence(update: Update, named: Named, before: Values) -> Values:
    del before
    update.delete(_fence(named))
    update.add(_fence(named), 60, "CNAME", f"mail.{ZONE}.")
    return (f"CNAME mail.{ZONE}",)


def _add_address(update: Update, named: Named, before: Values) -> Values:
    del before
    update.add(_dns(named.names[0]), 1, "A", LATE_ADDRESS)
    return ()


_ACTS = {
    "wipe-name": _wipe_name,
    "wipe-addresses": _wipe_addresses,
    "wipe-all": _wipe_all,
    "wipe-epoch": _wipe_epoch,
    "delete-fence": _delete_fence,
    "alter-fence": _alter_fence,
    "garble-fence": _garble_fence,
    "double-fence": _double_fence,
    "lower-fence": _lower_fence,
    "plant-cname": _plant_cname,
    "plant-cname-at-fence": _plant_cname_at_fence,
    "add-address": _add_address,
}

KINDS = tuple(_ACTS)
