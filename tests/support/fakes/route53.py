"""A strict Route 53 in this process, on loopback: REST and XML as boto3, the AWS CLI and octoDNS speak it.

The rules for batches stand in `route53_rules`. Here is the rest:

* Accepted changes are PENDING, then INSYNC; the list shows them at once, what the world is served only
  then. https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html
* A second write to a zone while one is being processed is `PriorRequestNotComplete`, and requests beyond
  the account's rate are `Throttling`.
  https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html
* Rights are checked first; a role's credentials work only with their session token.
  https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
* Errors have status, code and form of https://docs.aws.amazon.com/Route53/latest/APIReference/requests-rest-responses.html

Answers can be lost and requests delayed, by order of the test. Nothing here forgives what the service
refuses; what the service might refuse and no document speaks of is refused as well.
"""

import re
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.support.fakes.route53_rules import (
    PROTECTIONS_MAX,
    Fault,
    Place,
    Set,
    apply_batch,
    fqdn,
    place_of,
    sort_key,
)
from tests.support.fakes.route53_wire import (
    Answer,
    Request,
    changes_in,
    document,
    protections_in,
    serve,
)

from outlast.model.names import DnsName

PAGE_MAX = 300
ACCESS_KEY = "AKIAOUTLASTTEST00000"
SECRET_KEY = "not-a-secret"
ROLE = "arn:aws:iam::111122223333:role/outlast"
ROLE_KEY = "ASIAOUTLASTROLE00000"
_CREDENTIAL = re.compile(r"Credential=([A-Z0-9]+)/[0-9]{8}/([a-z0-9-]+)/([a-z0-9]+)/aws4_request")


@dataclass
class Zone:
    """One hosted zone.

    Attributes:
        sets: what `ListResourceRecordSets` shows.
        served: what the name servers answer: every change that is INSYNC.
        changes: id of each change -> when it will be INSYNC, by the monotonic clock.
    """

    zone_id: str
    name: str
    sets: dict[Place, Set] = field(default_factory=dict)
    served: dict[Place, Set] = field(default_factory=dict)
    changes: dict[str, float] = field(default_factory=dict)
    versions: list[tuple[float, dict[Place, Set]]] = field(default_factory=list)
    sealed: dict[tuple[str, str], str] = field(default_factory=dict)
    busy: threading.Lock = field(default_factory=threading.Lock)

    def settle(self) -> None:
        """Let everything that is due reach the name servers."""
        now = time.monotonic()
        while self.versions and self.versions[0][0] <= now:
            self.served = self.versions.pop(0)[1]


class Route53:
    """The service.

    Attributes:
        url: where it listens, also as STS.
        pending_s: how long a change is PENDING.
        work_s: how long a write takes; another one to the same zone meanwhile is refused.
        rate, burst: of requests to the account; 0: any number.
        denied: operations that no key may use.
        needs_role: whether only the role's credentials may write.
        log: operation and outcome of each request, in order.
        before_write: called with each batch before it is looked at, for tests that want to interfere.
    """

    def __init__(self, *zones: DnsName) -> None:
        self.zones = {
            f"Z{number:013d}": Zone(f"Z{number:013d}", fqdn(zone))
            for number, zone in enumerate(zones, start=1)
        }
        for zone in self.zones.values():
            for rtype, value in (
                ("NS", "ns-1.example.net."),
                ("SOA", "ns-1.example.net. a.b. 1 2 3 4 5"),
            ):
                one = {
                    "Name": zone.name,
                    "Type": rtype,
                    "TTL": "900",
                    "ResourceRecords": [{"Value": value}],
                }
                zone.sets[place_of(one)] = one
            zone.served = dict(zone.sets)
        self.url = ""
        self.pending_s = 0.0
        self.work_s = 0.0
        self.rate = 0.0
        self.burst = 5
        self.denied: set[str] = set()
        self.needs_role = False
        self.external_id = ""
        self.log: list[tuple[str, str]] = []
        self.before_write: Callable[[list[tuple[str, Set]]], None] | None = None
        self._lose: list[str] = []
        self._lock = threading.Lock()
        self._tokens, self._at = float(self.burst), time.monotonic()
        self._serial = 0

    # what tests order

    def lose_next(self, what: str) -> None:
        """Lose the next write's `request` (nothing happens) or `reply` (all of it happens)."""
        self._lose.append(what)

    def zone(self, name: str) -> Zone:
        return next(one for one in self.zones.values() if one.name == fqdn(name))

    def put(self, name: str, rtype: str, ttl_s: int, *values: str, **more: Any) -> None:
        """What a foreign hand does at the console."""
        records = {"TTL": str(ttl_s), "ResourceRecords": [{"Value": one} for one in values]}
        one = {"Name": fqdn(name), "Type": rtype, **(records if values else {}), **more}
        zone = next(it for it in self.zones.values() if fqdn(name).endswith(it.name))
        zone.sets[place_of(one)] = one

    # requests

    def answer(self, request: Request) -> Answer | None:
        """Return the answer to a request; None: close the connection without one."""
        operation = "?"
        try:
            operation, work = self._route(request)
            if operation == "AssumeRole":
                return self._noted(operation, work())
            self._check_rate()
            self._check_rights(operation, request)
            if operation == "ChangeResourceRecordSets" and self._lose[:1] == ["request"]:
                self._lose.pop(0)
                return self._noted(operation, None, "request lost")
            answer = work()
            if operation == "ChangeResourceRecordSets" and self._lose[:1] == ["reply"]:
                self._lose.pop(0)
                return self._noted(operation, None, "reply lost")
            return self._noted(operation, answer)
        except Fault as fault:
            self.log.append((operation, fault.code))
            return Answer.of_fault(fault)

    def _noted(self, operation: str, answer: Answer | None, word: str = "ok") -> Answer | None:
        self.log.append((operation, word))
        return answer

    def _check_rate(self) -> None:
        if not self.rate:
            return
        with self._lock:
            now = time.monotonic()
            self._tokens = min(float(self.burst), self._tokens + (now - self._at) * self.rate)
            self._at = now
            if self._tokens < 1:
                raise Fault(400, "Throttling", "Rate exceeded")
            self._tokens -= 1

    def _check_rights(self, operation: str, request: Request) -> None:
        found = _CREDENTIAL.search(request.header("authorization"))
        if found is None:
            raise Fault(403, "MissingAuthenticationToken", "Missing Authentication Token")
        if found[2] != "us-east-1" or found[3] != "route53":
            raise Fault(
                403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region"
            )
        token = request.header("x-amz-security-token")
        if (found[1], token) not in {(ACCESS_KEY, ""), (ROLE_KEY, "role-session")}:
            raise Fault(
                403, "InvalidClientTokenId", "The security token included in the request is invalid"
            )
        lacking = self.needs_role and found[1] != ROLE_KEY
        if operation in self.denied or lacking:
            raise Fault(
                403, "AccessDenied", f"User is not authorized to perform: route53:{operation}"
            )

    def _route(self, request: Request) -> tuple[str, Callable[[], Answer]]:
        place = f"{request.method} {request.path.rstrip('/').removeprefix('/2013-04-01')}"
        for pattern, operation, work in _ROUTES:
            found = re.fullmatch(pattern, place)
            if found is not None:
                return operation, partial(work, self, request, *found.groups())
        raise Fault(404, "InvalidInput", f"no operation at {place}")

    def _zone(self, zone_id: str) -> Zone:
        found = self.zones.get(zone_id)
        if found is None:
            raise Fault(404, "NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}")
        return found

    def change(self, request: Request, zone_id: str) -> Answer:
        zone, changes = self._zone(zone_id), changes_in(request.body)
        if not changes:
            raise invalid_input("Invalid request: Expected at least one change")
        if self.before_write is not None:
            self.before_write(changes)
        if not zone.busy.acquire(blocking=False):
            raise Fault(
                400,
                "PriorRequestNotComplete",
                "The request was rejected because Route 53 was still processing a prior request.",
            )
        try:
            if self.work_s:
                threading.Event().wait(self.work_s)
            zone.sets = apply_batch(zone.sets, zone.name, changes, set(zone.sealed))
            with self._lock:
                self._serial += 1
                change_id = f"C{self._serial:013d}"
            due = time.monotonic() + self.pending_s
            zone.changes[change_id] = due
            zone.versions.append((due, dict(zone.sets)))
        finally:
            zone.busy.release()
        zone.settle()
        return self._change_info("ChangeResourceRecordSetsResponse", zone, change_id)

    def _change_info(self, root: str, zone: Zone, change_id: str) -> Answer:
        status = "INSYNC" if zone.changes[change_id] <= time.monotonic() else "PENDING"
        info = {
            "Id": f"/change/{change_id}",
            "Status": status,
            "SubmittedAt": "2026-01-01T00:00:00Z",
        }
        return Answer.of(root, {"ChangeInfo": info})

    def get_change(self, request: Request, change_id: str) -> Answer:
        for zone in self.zones.values():
            if change_id in zone.changes:
                zone.settle()
                return self._change_info("GetChangeResponse", zone, change_id)
        raise Fault(404, "NoSuchChange", f"A change with the ID {change_id} does not exist")

    def list_sets(self, request: Request, zone_id: str) -> Answer:
        """Up to 300 sets from a place on, the newest version, PENDING included."""
        zone, query = self._zone(zone_id), request.query
        if "type" in query and "name" not in query:
            raise invalid_input("type without name")
        most = min(int(query.get("maxitems", PAGE_MAX)), PAGE_MAX)
        start = ("", "", "")
        if "name" in query:
            start = sort_key(
                (fqdn(query["name"]), query.get("type", ""), query.get("identifier", ""))
            )
        places = sorted((one for one in zone.sets if sort_key(one) >= start), key=sort_key)
        content: dict[str, Any] = {
            "ResourceRecordSets": [("ResourceRecordSet", zone.sets[one]) for one in places[:most]],
            "IsTruncated": str(len(places) > most).lower(),
        }
        if len(places) > most:
            name, rtype, identifier = places[most]
            content |= {"NextRecordName": name, "NextRecordType": rtype}
            content |= {"NextRecordIdentifier": identifier} if identifier else {}
        return Answer.of("ListResourceRecordSetsResponse", content | {"MaxItems": str(most)})

    def _as_zone(self, zone: Zone) -> dict[str, Any]:
        return {
            "Id": f"/hostedzone/{zone.zone_id}",
            "Name": zone.name,
            "CallerReference": zone.zone_id,
            "Config": {"PrivateZone": "false"},
            "ResourceRecordSetCount": str(len(zone.sets)),
        }

    def by_name(self, request: Request) -> Answer:
        start = sort_key((fqdn(request.query.get("dnsname", "")), "", ""))
        zones = [it for it in self.zones.values() if sort_key((it.name, "", "")) >= start]
        zones.sort(key=lambda it: sort_key((it.name, "", "")))
        content = {"HostedZones": [("HostedZone", self._as_zone(one)) for one in zones]}
        return Answer.of(
            "ListHostedZonesByNameResponse", content | {"IsTruncated": "false", "MaxItems": "100"}
        )

    def all_zones(self, request: Request) -> Answer:
        content = {
            "HostedZones": [("HostedZone", self._as_zone(one)) for one in self.zones.values()]
        }
        more = {"Marker": "", "IsTruncated": "false", "MaxItems": "100"}
        return Answer.of("ListHostedZonesResponse", content | more)

    def get_zone(self, request: Request, zone_id: str) -> Answer:
        return Answer.of(
            "GetHostedZoneResponse", {"HostedZone": self._as_zone(self._zone(zone_id))}
        )

    # protections

    def _keys(self, zone_id: str, request: Request) -> tuple[Zone, list[tuple[str, str, str]]]:
        zone, keys = self._zone(zone_id), protections_in(request.body)
        if not 0 < len(keys) <= PROTECTIONS_MAX or len({one[:2] for one in keys}) != len(keys):
            raise invalid_input(f"1 to {PROTECTIONS_MAX} protections, each once")
        return zone, [(fqdn(name), rtype, comment) for name, rtype, comment in keys]

    def seal(self, request: Request, zone_id: str) -> Answer:
        zone, keys = self._keys(zone_id, request)
        known = [one for one in keys if one[:2] in zone.sealed]
        if len(known) == len(keys):
            raise Fault(409, "ProtectionAlreadyExists", "every entry has a protection already")
        if known:
            raise Fault(
                400, "InvalidResourceRecordSetProtectionBatch", f"{known[0][0]} has one already"
            )
        zone.sealed |= {one[:2]: one[2] for one in keys}
        return Answer.of("CreateResourceRecordSetProtectionsResponse", {})

    def unseal(self, request: Request, zone_id: str) -> Answer:
        zone, keys = self._keys(zone_id, request)
        if any(one[:2] not in zone.sealed for one in keys):
            raise Fault(400, "InvalidResourceRecordSetProtectionBatch", "no such protection")
        for one in keys:
            del zone.sealed[one[:2]]
        return Answer.of("DeleteResourceRecordSetProtectionsResponse", {})

    def seals(self, request: Request, zone_id: str) -> Answer:
        zone = self._zone(zone_id)
        entries = [
            (
                "ResourceRecordSetProtection",
                {"RecordName": name, "RecordType": rtype, "Comment": comment},
            )
            for (name, rtype), comment in sorted(zone.sealed.items())
        ]
        return Answer.of(
            "ListResourceRecordSetProtectionsResponse", {"ResourceRecordSetProtections": entries}
        )

    # STS

    def assume(self, request: Request) -> Answer:
        asked = request.form
        allowed = asked.get("RoleArn") == ROLE and asked.get("ExternalId", "") == self.external_id
        if not allowed or ACCESS_KEY not in request.header("authorization"):
            raise Fault(403, "AccessDenied", "User is not authorized to perform: sts:AssumeRole")
        credentials = {
            "AccessKeyId": ROLE_KEY,
            "SecretAccessKey": SECRET_KEY,
            "SessionToken": "role-session",
            "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)),
        }
        content = {"AssumeRoleResult": {"Credentials": credentials}}
        return Answer(200, document("AssumeRoleResponse", content, sts=True))


def _no_checks(service: Route53, request: Request) -> Answer:
    content = {"HealthChecks": [], "IsTruncated": "false", "MaxItems": "100", "Marker": ""}
    return Answer.of("ListHealthChecksResponse", content)


_ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("POST ", "AssumeRole", Route53.assume),
    ("POST /hostedzone/([^/]+)/rrset", "ChangeResourceRecordSets", Route53.change),
    ("GET /hostedzone/([^/]+)/rrset", "ListResourceRecordSets", Route53.list_sets),
    ("GET /hostedzonesbyname", "ListHostedZonesByName", Route53.by_name),
    ("GET /hostedzone", "ListHostedZones", Route53.all_zones),
    ("GET /hostedzone/([^/]+)", "GetHostedZone", Route53.get_zone),
    ("GET /healthcheck", "ListHealthChecks", _no_checks),
    ("GET /change/([^/]+)", "GetChange", Route53.get_change),
    (
        "POST /hostedzone/([^/]+)/rrsetprotection",
        "CreateResourceRecordSetProtections",
        Route53.seal,
    ),
    (
        "POST /hostedzone/([^/]+)/rrsetprotection/delete",
        "DeleteResourceRecordSetProtections",
        Route53.unseal,
    ),
    ("GET /hostedzone/([^/]+)/rrsetprotection", "ListResourceRecordSetProtections", Route53.seals),
)


def invalid_input(message: str) -> Fault:
    return Fault(400, "InvalidInput", message)


def running(*zones: DnsName) -> AbstractContextManager[Route53]:
    """Run the service for a `with` block."""
    return _running(Route53(*zones))


@contextmanager
def _running(service: Route53) -> Any:
    with serve(service.answer) as url:
        service.url = url
        yield service
