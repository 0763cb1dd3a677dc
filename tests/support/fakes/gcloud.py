"""A strict Google Cloud DNS in this process, on loopback: JSON over HTTP as its REST clients speak it.

Each rule names the document it was taken from; where they are silent, the stricter reading is taken.

[C] https://cloud.google.com/dns/docs/reference/v1/changes
[R] https://cloud.google.com/dns/api/v1/resourceRecordSets
[E] https://cloud.google.com/dns/docs/error-messages
[Q] https://cloud.google.com/dns/quotas
"""

import copy
import ipaddress
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.fakes.route53_rules import Fault
from tests.support.fakes.route53_wire import Answer, Request, serve

from outlast.model.names import DnsName

TOKEN = "ya29.test"
PROJECT = "outlast-test"
SETS_MAX = 1000  # [Q] additions per change, deletions per change
BYTES_MAX = 100_000  # [Q] record data size per change
VALUES_MAX = 100  # [Q] records per set
TYPES = {"A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"}
_STRINGS = re.compile(r'"((?:[^"\\]|\\.)*)"')

Set = dict[str, Any]
Place = tuple[str, str]


def place_of(one: Set) -> Place:
    return one["name"].lower(), one["type"]


def values_of(one: Set) -> list[str]:
    items = one.get("routingPolicy", {}).get("wrr", {}).get("items", ())
    return [*one.get("rrdatas", ()), *(value for item in items for value in item["rrdatas"])]


def meaning(one: Set) -> str:
    """What a deletion must repeat: all of it, TTL included [C]; the order of plain values is free."""
    plain = {**one, "rrdatas": sorted(one.get("rrdatas", ()))}
    return json.dumps(plain, sort_keys=True)


class Gcloud:
    """One project with one managed zone.

    Attributes:
        sets: the zone as it is listed.
        pending_s: how long a change is `pending`.
        denied: whether writes are forbidden; throttled: whether everything is.
        log: method, path and status of each request.
    """

    def __init__(self, zone: DnsName) -> None:
        self.zone = f"{zone}."
        self.zone_id = "main"
        self.sets: dict[Place, Set] = {}
        for rtype, value in (
            ("NS", "ns1.example.net."),
            ("SOA", "ns1.example.net. a.b. 1 2 3 4 5"),
        ):
            one = {"name": self.zone, "type": rtype, "ttl": 900, "rrdatas": [value]}
            self.sets[place_of(one)] = one
        self.pending_s = 0.0
        self.denied = False
        self.throttled = False
        self.url = ""
        self.log: list[tuple[str, str, int]] = []
        self._due: dict[str, float] = {}
        self._lose: list[str] = []
        self._lock = threading.Lock()

    def lose_next(self, what: str) -> None:
        """Lose the next write's `request` (nothing happens) or `reply` (all of it happens)."""
        self._lose.append(what)

    def put(self, name: str, rtype: str, ttl_s: int, *values: str) -> None:
        """What a foreign hand does at the console."""
        one = {"name": f"{name.lower()}.", "type": rtype, "ttl": ttl_s, "rrdatas": list(values)}
        self.sets[place_of(one)] = one

    def answer(self, request: Request) -> Answer | None:
        """Return the answer to a request; None: close the connection without one."""
        lost = self._lose.pop(0) if request.method == "POST" and self._lose else ""
        try:
            content = None if lost == "request" else self._work(request)
        except Fault as fault:
            found = _error(fault)
        else:
            found = Answer(200, json.dumps(content).encode(), "application/json")
        self.log.append((request.method, request.path, 0 if lost else found.status))
        return None if lost else found

    def _work(self, request: Request) -> Set:
        if request.header("authorization") != f"Bearer {TOKEN}":
            raise Fault(401, "authError", "Invalid Credentials")
        if self.throttled:
            raise Fault(403, "rateLimitExceeded", "Quota exceeded for quota metric")
        base = f"/dns/v1/projects/{PROJECT}/managedZones"
        if request.path == base and request.method == "GET":
            wanted = request.query.get("dnsName", self.zone)
            zone = {"kind": "dns#managedZone", "name": self.zone_id, "dnsName": self.zone}
            return {"kind": "x", "managedZones": [zone] if wanted == self.zone else []}
        if not request.path.startswith(f"{base}/{self.zone_id}/"):
            raise Fault(404, "notFound", "The 'parameters.managedZone' resource does not exist.")
        place = request.path.removeprefix(f"{base}/{self.zone_id}/")
        if (request.method, place) == ("GET", "rrsets"):
            return self._list(request.query)
        if (request.method, place) == ("POST", "changes"):
            return self._change(request.body)
        if request.method == "GET" and place.removeprefix("changes/") in self._due:
            return self._as_change(place.removeprefix("changes/"))
        raise Fault(404, "notFound", f"no {request.method} {place}")

    def _list(self, query: dict[str, str]) -> Set:
        """[R] `name` and `type` restrict the list to exactly those."""
        if "type" in query and "name" not in query:
            raise Fault(400, "required", "type without name")
        found = [
            {"kind": "dns#resourceRecordSet", **one}
            for (name, rtype), one in sorted(self.sets.items())
            if query.get("name", name).lower() == name and query.get("type", rtype) == rtype
        ]
        return {"kind": "dns#resourceRecordSetsListResponse", "rrsets": found}

    def _change(self, body: bytes) -> Set:
        if self.denied:
            raise Fault(403, "forbidden", "Forbidden")
        try:
            change = json.loads(body)
        except ValueError:
            raise Fault(400, "parseError", "Parse Error") from None
        with self._lock:
            self.sets = self._applied(change)
            change_id = str(len(self._due) + 1)
            self._due[change_id] = time.monotonic() + self.pending_s
        return self._as_change(change_id)

    def _as_change(self, change_id: str) -> Set:
        done = self._due[change_id] <= time.monotonic()
        return {"kind": "dns#change", "id": change_id, "status": "done" if done else "pending"}

    def _applied(self, change: Set) -> dict[Place, Set]:
        """[C] deletions and additions take effect together, or nothing does."""
        deletions, additions = change.get("deletions", []), change.get("additions", [])
        if not deletions and not additions:
            raise Fault(
                400, "required", "The 'entity.change' parameter is required but was missing."
            )
        _check_limits(deletions, additions)
        work = dict(self.sets)
        for at, one in enumerate(deletions):
            self._check(f"entity.change.deletions[{at}]", one)
            found = work.pop(place_of(one), None)
            where = f"'entity.change.deletions[{at}]'"
            if found is None:
                raise Fault(
                    404, "notFound", f"The {where} resource named '{one['name']}' does not exist."
                )
            if meaning(found) != meaning(one):  # [E] preconditionFailed
                raise Fault(412, "conditionNotMet", f"Precondition not met for {where}")
        for at, one in enumerate(additions):
            self._check(f"entity.change.additions[{at}]", one)
            where = f"'entity.change.additions[{at}]'"
            if place_of(one) in work:  # [E] alreadyExists
                raise Fault(
                    409, "alreadyExists", f"The resource {where} named '{one['name']}' exists"
                )
            work[place_of(one)] = copy.deepcopy(one)
        for name in {place[0] for place in work}:
            types = {rtype for at, rtype in work if at == name}
            if "CNAME" in types and len(types) > 1:  # [E] cnameResourceRecordSetConflict
                raise Fault(400, "cnameResourceRecordSetConflict", f"conflict at '{name}'")
        return work

    def _check(self, where: str, one: Set) -> None:
        """[R] one record set by itself."""
        unknown = set(one) - {"name", "type", "ttl", "rrdatas", "routingPolicy", "kind"}
        if unknown or not {"name", "type", "ttl"} <= set(one) or one["type"] not in TYPES:
            raise Fault(400, "invalid", f"Invalid value for '{where}'")
        if ("rrdatas" in one) == ("routingPolicy" in one) or not values_of(one):
            raise Fault(400, "invalid", f"'{where}' has either rrdatas or a routing policy")
        name = one["name"].lower()
        if not (name == self.zone or name.endswith("." + self.zone)):
            raise Fault(400, "invalidZoneApex", f"'{where}.name' is not in zone {self.zone}")
        for value in values_of(one):
            _check_value(where, one["type"], value)


def _check_limits(deletions: list[Set], additions: list[Set]) -> None:
    octets = sum(len(value) for one in (*deletions, *additions) for value in values_of(one))
    most = max(len(values_of(one)) for one in (*deletions, *additions))
    for count, limit in (
        (len(deletions), SETS_MAX),
        (len(additions), SETS_MAX),
        (octets, BYTES_MAX),
        (most, VALUES_MAX),
    ):
        if count > limit:
            raise Fault(413, "quotaExceeded", f"{count} is more than {limit}")


def _check_value(where: str, rtype: str, value: str) -> None:
    if not _is_value(rtype, value):
        raise Fault(400, "invalid", f"Invalid value for '{where}.rrdata': '{value}'")


def _is_value(rtype: str, value: str) -> bool:
    if rtype in {"A", "AAAA"}:
        kind = ipaddress.IPv4Address if rtype == "A" else ipaddress.IPv6Address
        try:
            kind(value)
        except ValueError:
            return False
    if rtype == "CNAME":
        return value.endswith(".")
    if rtype == "TXT":
        return bool(_STRINGS.findall(value)) and not _STRINGS.sub("", value).strip()
    return True


def _error(fault: Fault) -> Answer:
    errors = [{"domain": "global", "reason": fault.code, "message": fault.message}]
    error = {"code": fault.status, "message": fault.message, "errors": errors}
    return Answer(fault.status, json.dumps({"error": error}).encode(), "application/json")


@contextmanager
def running(zone: DnsName) -> Iterator[Gcloud]:
    """Run the service for a `with` block."""
    service = Gcloud(zone)
    with serve(service.answer) as url:
        service.url = url
        yield service
