"""Judging one record of any source: does it move in, and if not, why not."""

from outlast.app.moving.found import Place, Seen
from outlast.config.texts import parse_ipv4, parse_ipv6
from outlast.model.names import DnsName, parse_dns_name
from outlast.model.records import TTL_MAX_S, Family

FAMILIES = {"A": Family.IPV4, "AAAA": Family.IPV6}

_WHY = {
    "CNAME": "it points to a name; Outlast publishes addresses",
    "ALIAS": "it points to a name; Outlast publishes addresses",
    "ANAME": "it points to a name; Outlast publishes addresses",
    "DNAME": "it renames a whole subtree",
    "SOA": "the zone's own",
    "NS": "delegations are not Outlast's to change",
}
_REMEDY = {
    "CNAME": "to have it steered, list the addresses behind it as targets of an endpoint",
    "ALIAS": "to have it steered, list the addresses behind it as targets of an endpoint",
    "ANAME": "to have it steered, list the addresses behind it as targets of an endpoint",
}


def stays(seen: Seen, place: Place, name: str, rtype: str) -> None:
    """Note that a record of a type that Outlast does not publish stays where it is."""
    why = _WHY.get(rtype, "only addresses (A, AAAA) are steered")
    seen.stay(place, f"{name} {rtype}", why, _REMEDY.get(rtype, ""))


def name_of(seen: Seen, place: Place, text: str, rtype: str) -> DnsName | None:
    """Return the name of a record that could move in; None, and a word why, if it cannot."""
    if text.split(".", maxsplit=1)[0] == "*":
        why = "a wildcard answers for names that nobody can list, so nothing can be read back"
        remedy = "write an endpoint for each name that matters; the wildcard stays beside them"
        seen.stay(place, f"{text} {rtype}", why, remedy)
        return None
    try:
        return parse_dns_name(text)
    except ValueError as error:
        seen.stay(place, f"{text} {rtype}", f"the name cannot be used: {error}")
        return None


def address_of(seen: Seen, place: Place, what: str, text: str) -> str | None:
    """Return an address in canonical form; None, and a word why, if no client could connect to it."""
    try:
        return parse_ipv6(text) if ":" in text else parse_ipv4(text)
    except ValueError as error:
        seen.stay(place, f"{what} {text}", str(error))
        return None


def ttl_of(seen: Seen, place: Place, what: str, text: str) -> int | None:
    """Return a TTL in seconds; None, and a word why, if it is none."""
    if text.isascii() and text.isdigit() and int(text) <= TTL_MAX_S:
        return int(text)
    seen.stay(place, what, f"its TTL {text!r} is no number of seconds")
    return None
