"""What Route 53 does with a change batch, as its documents say it; a strict copy to test against.

Each rule names the document it was taken from. Where a document says nothing, the stricter reading is
taken. Errors have the words that clients of the real service have reported.

[C] https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
[S] https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html
[L] https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html
[T] https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html
[P] https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateResourceRecordSetProtections.html
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

Set = dict[str, Any]
Place = tuple[str, str, str]
"""Name, type and set identifier: what makes a record set one of its own."""

RECORDS_MAX = 1000  # [L]
CHARACTERS_MAX = 32_000  # [L]
TXT_VALUE_MAX = 4000  # [T] TXT: "a maximum of 4,000 characters"
TXT_STRING_MAX = 255  # [T]
VALUES_MAX = 400  # [L] records per record set
WEIGHTED_MAX = 100  # [L] sets with the same name, type and routing
WEIGHT_MAX = 255  # [S]
TTL_MAX = 2**31 - 1  # [S]
IDENTIFIER_MAX = 128  # [S]
PROTECTIONS_MAX = 100  # [P] in one request

ROUTING = ("Weight", "Region", "Failover", "GeoLocation", "MultiValueAnswer")
TYPES = {"A", "AAAA", "CAA", "CNAME", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "TXT"}
_STRINGS = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Fault(Exception):
    """An error document."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def invalid(message: str) -> Fault:
    """A batch that is refused as a whole [C]."""
    return Fault(400, "InvalidChangeBatch", f"[{message}]")


def fqdn(name: str) -> str:
    return name.rstrip(".").lower() + "."


def place_of(one: Set) -> Place:
    return fqdn(one["Name"]), one["Type"], one.get("SetIdentifier", "")


def sort_key(place: Place) -> tuple[str, str, str]:
    """Names with their labels reversed, then types (API_ListResourceRecordSets, "Sort order")."""
    reverse = "".join(f"{label}." for label in reversed(place[0].rstrip(".").split(".")))
    return reverse, place[1], place[2]


@dataclass(frozen=True)
class Meaning:
    """What a DELETE must repeat, order of values apart [C]: "all the same values"."""

    ttl: str
    values: tuple[str, ...]
    rest: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, one: Set) -> "Meaning":
        values = sorted(record["Value"] for record in one.get("ResourceRecords", ()))
        known = {"Name", "Type", "SetIdentifier", "TTL", "ResourceRecords"}
        rest = {key: str(value) for key, value in one.items() if key not in known}
        if "AliasTarget" in one:
            target = one["AliasTarget"]
            rest["AliasTarget"] = (
                f"{target['HostedZoneId']} {fqdn(target['DNSName'])} "
                f"{str(target['EvaluateTargetHealth']).lower()}"
            )
        return cls(str(one.get("TTL", "")), tuple(values), tuple(sorted(rest.items())))


def check_limits(changes: list[tuple[str, Set]]) -> None:
    """[L] UPSERT counts twice, records and characters alike."""
    records = characters = 0
    for action, one in changes:
        times = 2 if action == "UPSERT" else 1
        values = [record["Value"] for record in one.get("ResourceRecords", ())]
        records += times * max(1, len(values))
        characters += times * sum(len(value) for value in values)
    if records > RECORDS_MAX:
        raise invalid(f"Number of records limit of {RECORDS_MAX} exceeded.")
    if characters > CHARACTERS_MAX:
        raise invalid(f"Number of characters limit of {CHARACTERS_MAX} exceeded.")


def shown(one: Set) -> str:
    identifier = f", set identifier='{one['SetIdentifier']}'" if "SetIdentifier" in one else ""
    return f"[name='{fqdn(one['Name'])}', type='{one['Type']}'{identifier}]"


def apply_batch(
    held: dict[Place, Set], apex: str, changes: list[tuple[str, Set]], sealed: set[tuple[str, str]]
) -> dict[Place, Set]:
    """Return the zone after a batch; raises `Fault`, and then nothing of it counts [C]."""
    check_limits(changes)
    work = dict(held)
    for action, one in changes:
        place = place_of(one)
        if not (place[0] == apex or place[0].endswith("." + apex)):
            raise invalid(f"RRSet with DNS name {place[0]} is not permitted in zone {apex}")
        if place[:2] in sealed:  # [P] any batch that touches a protected name and type
            raise invalid(f"The resource record set {shown(one)} is protected")
        check_set(one)
        if action == "DELETE":
            _delete(work, place, one)
        elif action in {"CREATE", "UPSERT"}:
            if action == "CREATE" and place in work:
                raise invalid(
                    f"Tried to create resource record set {shown(one)} but it already exists"
                )
            work[place] = one
        else:
            raise Fault(400, "InvalidInput", f"no action {action}")
    touched = {place_of(one)[0] for _, one in changes}
    for name in sorted(touched):
        check_name(work, name, apex)
    return work


def _delete(work: dict[Place, Set], place: Place, one: Set) -> None:
    found = work.get(place)
    if found is None:
        raise invalid(f"Tried to delete resource record set {shown(one)} but it was not found")
    if Meaning.of(found) != Meaning.of(one):
        raise invalid(
            f"Tried to delete resource record set {shown(one)} "
            "but the values provided do not match the current values"
        )
    del work[place]


def check_set(one: Set) -> None:
    """[S] and [T]: one record set by itself."""
    rtype, values = one["Type"], [record["Value"] for record in one.get("ResourceRecords", ())]
    if rtype not in TYPES:
        raise Fault(400, "InvalidInput", f"no type {rtype}")
    if ("AliasTarget" in one) == ("TTL" in one) or bool(values) != ("TTL" in one):
        raise Fault(
            400, "InvalidInput", "Invalid request: expected either alias or TTL and records"
        )
    if "TTL" in one and not 0 <= int(one["TTL"]) <= TTL_MAX:
        raise Fault(400, "InvalidInput", "TTL out of range")
    if len(values) > VALUES_MAX:
        raise invalid(f"Number of records in a set limit of {VALUES_MAX} exceeded.")
    if len(set(values)) != len(values):
        raise invalid(f"Duplicate Resource Record: {shown(one)}")
    routed = [key for key in ROUTING if key in one]
    if bool(routed) != ("SetIdentifier" in one) or len(routed) > 1:
        raise invalid(f"Missing or surplus set identifier or routing in {shown(one)}")
    if not 0 <= int(one.get("Weight", 0)) <= WEIGHT_MAX:
        raise Fault(400, "InvalidInput", f"Weight is not 0 to {WEIGHT_MAX}")
    if len(one.get("SetIdentifier", "")) > IDENTIFIER_MAX:
        raise Fault(400, "InvalidInput", "SetIdentifier too long")
    for value in values:
        _check_value(rtype, value)


def _check_value(rtype: str, value: str) -> None:
    try:
        if rtype == "A":
            ipaddress.IPv4Address(value)
        elif rtype == "AAAA":
            ipaddress.IPv6Address(value)
        elif rtype in {"TXT", "SPF"}:
            _check_text(value)
    except ValueError:
        raise invalid(f"Invalid Resource Record: '{value}' is no {rtype}") from None


def _check_text(value: str) -> None:
    """[T] quoted strings of 255 octets at most, 4,000 characters in all."""
    strings = _STRINGS.findall(value)
    if _STRINGS.sub("", value).strip() or not strings:
        raise ValueError("not enclosed in quotation marks")
    if len(value) > TXT_VALUE_MAX:
        raise invalid(f"CharacterStringTooLong (Value is too long, {TXT_VALUE_MAX} is the maximum)")
    for one in strings:
        if len(re.sub(r"\\([0-7]{3}|.)", "x", one)) > TXT_STRING_MAX:
            raise invalid("CharacterStringTooLong (Value is too long) encountered with a string")


def check_name(work: dict[Place, Set], name: str, apex: str) -> None:
    """What may stand together at one name."""
    here = [place for place in work if place[0] == name]
    types = {place[1] for place in here}
    if "CNAME" in types and (len(types) > 1 or name == apex):
        raise invalid(
            f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other "
            "records with the same DNS name"
        )
    for rtype in sorted(types):
        places = [place for place in here if place[1] == rtype]
        routings = {next((key for key in ROUTING if key in work[one]), "") for one in places}
        if len(routings) > 1:  # [S] all sets of a name and type have the same routing
            raise invalid(f"RRSet with DNS name {name}, type {rtype} mixes routing policies")
        if len(places) > WEIGHTED_MAX:
            raise invalid(f"more than {WEIGHTED_MAX} sets with name {name} and type {rtype}")
