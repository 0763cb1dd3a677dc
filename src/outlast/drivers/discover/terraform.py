"""Terraform: resources, where they stand, and what they were made from; of a state or of a plan, as JSON.

Terraform's dependencies say what has to be there before something can be *made*, so they count as
`startup`. Most resources are plumbing (roles, rules, attachments): they are left out, and needs lead
through them. The region is read off the resource: its own attribute, its zone, its ARN. A plan knows none
of these yet, so there the region of its provider's configuration counts.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from outlast.drivers.discover.found import (
    Found,
    SeenNeed,
    SeenRegion,
    SeenService,
    SeenZone,
    evidence,
    word,
)
from outlast.model.facts import NameServer, Role
from outlast.model.names import parse_dns_name
from outlast.model.service import DependencyKind

ROLES = {
    "aws_secretsmanager_secret": Role.SECRETS,
    "aws_ssm_parameter": Role.SECRETS,
    "aws_ecr_repository": Role.REGISTRY,
    "aws_acm_certificate": Role.CERTIFICATES,
    "aws_cognito_user_pool": Role.IDENTITY,
    "google_secret_manager_secret": Role.SECRETS,
    "google_artifact_registry_repository": Role.REGISTRY,
    "azurerm_key_vault": Role.SECRETS,
    "azurerm_container_registry": Role.REGISTRY,
}

KEPT = re.compile(
    r"aws_(instance|autoscaling_group|lb|alb|elb|db_instance|rds_cluster|dynamodb_table|s3_bucket"
    r"|lambda_function|ecs_service|eks_cluster|elasticache_(cluster|replication_group)|sqs_queue"
    r"|sns_topic|cloudfront_distribution|api_gateway_rest_api|apigatewayv2_api|msk_cluster"
    r"|opensearch_domain|redshift_cluster|efs_file_system|kinesis_stream|mq_broker)\Z"
    r"|google_(compute_instance|sql_database_instance|container_cluster|cloud_run\w*_service"
    r"|storage_bucket|redis_instance|spanner_instance|pubsub_topic|cloudfunctions\w*_function)\Z"
    r"|azurerm_(\w*virtual_machine|kubernetes_cluster|mssql_server|postgresql\w*_server"
    r"|storage_account|redis_cache|linux_web_app|cosmosdb_account|servicebus_namespace)\Z"
)
"""Types that serve somebody; everything else is plumbing, or has a role of its own."""

GLOBAL = frozenset({"global", "aws-global", ""})
_AWS_ZONE = re.compile(r"([a-z]{2}(?:-[a-z]+)+-\d)[a-z]\Z")
_GOOGLE_ZONE = re.compile(r"([a-z]+-[a-z]+\d)-[a-z]\Z")


@dataclass(slots=True)
class _Resource:
    """A resource of either kind of file."""

    address: str
    type: str
    values: Mapping[str, Any]
    needs: set[str] = field(default_factory=set)
    home: str = ""

    @property
    def kept(self) -> bool:
        return self.type in ROLES or bool(KEPT.match(self.type))


def read_terraform(text: str, name: str) -> Found:
    """Read a state (`terraform show -json`, or a state file) or a plan as JSON.

    Raises:
        ValueError: it is neither.
    """
    try:
        file = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{name} is no JSON: {error}") from error
    if not isinstance(file, dict) or not {"resources", "planned_values", "values"} & file.keys():
        raise ValueError(f"{name} is neither a Terraform state nor a plan")
    resources = {one.address: one for one in _resources(file)}
    found = Found()
    for one in resources.values():
        if one.type == "aws_route53_zone":
            _zone(found, one, name)
        elif one.kept:
            _service(found, one, name)
    for one in resources.values():
        if one.kept:
            for other in sorted(_reached(one, resources)):
                seen = evidence(f"{name}: {one.address} is made from {other}")
                found.need(
                    SeenNeed(
                        service=word(one.address),
                        needs=word(other),
                        kind=DependencyKind.STARTUP,
                        evidence=seen,
                    )
                )
    return found


def _resources(file: Mapping[str, Any]) -> Iterator[_Resource]:
    if "resources" in file:
        yield from _of_state(file)
        return
    root = (file.get("planned_values") or file["values"])["root_module"]
    configuration = file.get("configuration") or {}
    written = _written(configuration.get("root_module") or {}, "")
    homes = _homes(configuration.get("provider_config") or {})
    for one in _of_module(root):
        needs, provider = written.get(_plain(one.address), (set[str](), ""))
        one.needs |= needs
        # A module's own provider is named after it: `module.shop:aws`.
        one.home = homes.get(provider) or homes.get(provider.rpartition(":")[2], "")
        yield one


def _plain(address: str) -> str:
    return re.sub(r"\[[^]]*\]", "", address)


def _homes(providers: Mapping[str, Any]) -> dict[str, str]:
    """Return the region of each provider's configuration, where it is written out."""
    return {
        key: str(((one.get("expressions") or {}).get("region") or {}).get("constant_value") or "")
        for key, one in providers.items()
    }


def _of_state(file: Mapping[str, Any]) -> Iterator[_Resource]:
    for one in file["resources"]:
        if one.get("mode") != "managed":
            continue
        module = f"{one['module']}." if one.get("module") else ""
        address = f"{module}{one['type']}.{one['name']}"
        for instance in one.get("instances") or ():
            index = instance.get("index_key")
            yield _Resource(
                address=address if index is None else f"{address}[{index}]",
                type=one["type"],
                values=instance.get("attributes") or {},
                needs={str(other) for other in instance.get("dependencies") or ()},
            )


def _of_module(module: Mapping[str, Any]) -> Iterator[_Resource]:
    for one in module.get("resources") or ():
        if one.get("mode") == "managed":
            needs = {str(other) for other in one.get("depends_on") or ()}
            yield _Resource(one["address"], one["type"], one.get("values") or {}, needs)
    for child in module.get("child_modules") or ():
        yield from _of_module(child)


def _written(module: Mapping[str, Any], prefix: str) -> dict[str, tuple[set[str], str]]:
    """Return the references and the provider of each resource, by address without indexes."""
    found: dict[str, tuple[set[str], str]] = {}
    for one in module.get("resources") or ():
        references = {f"{prefix}{other}" for other in _references(one.get("expressions"))}
        references |= {f"{prefix}{other}" for other in one.get("depends_on") or ()}
        provider = str(one.get("provider_config_key") or "")
        found[f"{prefix}{one['address']}"] = (references, provider)
    for key, call in (module.get("module_calls") or {}).items():
        found |= _written(call.get("module") or {}, f"{prefix}module.{key}.")
    return found


def _references(node: object) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from _references(one)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "references" and isinstance(value, list):
                # `aws_lb.main.arn` comes with `aws_lb.main`: two parts name a resource.
                yield from (str(one) for one in value if str(one).count(".") == 1)
            else:
                yield from _references(value)


def _reached(start: _Resource, resources: Mapping[str, _Resource]) -> set[str]:
    """Return the kept resources that one was made from, through plumbing."""
    plain: dict[str, list[str]] = {}
    for address in resources:
        plain.setdefault(_plain(address), []).append(address)
    reached: set[str] = set()
    seen = {start.address}
    pending = [start]
    while pending:
        for need in pending.pop().needs:
            for address in plain.get(_plain(need), ()):
                if address in seen:
                    continue
                seen.add(address)
                if resources[address].kept:
                    reached.add(address)
                else:
                    pending.append(resources[address])
    return reached


def _service(found: Found, one: _Resource, name: str) -> None:
    vendor = one.type.partition("_")[0]
    regions = _regions(one)
    here = evidence(f"{name}: {one.address}")
    for region in regions:
        found.regions.setdefault(region, SeenRegion(name=region, vendor=vendor, evidence=here))
    # Load balancers are public unless they are said to be internal.
    public = one.type in {"aws_lb", "aws_alb", "aws_elb"} and not one.values.get("internal")
    found.service(
        SeenService(
            name=word(one.address),
            regions=regions,
            role=ROLES.get(one.type),
            vendor=vendor if not regions else "",
            essential=public or one.type == "aws_cloudfront_distribution",
            evidence=here,
        )
    )


def _regions(one: _Resource) -> tuple[str, ...]:
    """Return where a resource stands, and where it is copied to."""
    home = word(_region(one.values) or one.home)
    copies = one.values.get("replica") or one.values.get("replicas") or ()
    others = [
        word(str(copy.get("region_name") or copy.get("location") or ""))
        for copy in (copies if isinstance(copies, list) else ())
        if isinstance(copy, dict)
    ]
    return tuple(dict.fromkeys(region for region in (home, *others) if region))


def _region(values: Mapping[str, Any]) -> str:
    """Read a region off a resource; empty: it has none, or the plan does not know it yet."""
    for key in ("region", "location"):
        text = str(values.get(key) or "").lower().replace(" ", "")
        if text not in GLOBAL:
            return _of_zone(text) or text
    for key in ("availability_zone", "zone"):
        text = str(values.get(key) or "")
        if text:
            return _of_zone(text) or text
    for key in ("availability_zones", "zones"):
        zones = values.get(key)
        if isinstance(zones, list) and zones:
            return _of_zone(str(zones[0]))
    arn = str(values.get("arn") or "").split(":")
    return arn[3] if len(arn) > 5 else ""


def _of_zone(text: str) -> str:
    found = _AWS_ZONE.match(text) or _GOOGLE_ZONE.match(text)
    return found[1] if found else ""


def _zone(found: Found, one: _Resource, name: str) -> None:
    servers = one.values.get("name_servers")
    try:
        zone = parse_dns_name(str(one.values.get("name") or ""))
        made = tuple(
            NameServer(name=parse_dns_name(str(server)), vendor="aws") for server in servers or ()
        )
    except ValueError:
        found.notices.append(evidence(f"{name}: {one.address} has no name that is a DNS name"))
        return
    here = evidence(f"{name}: {one.address}")
    found.zones[zone] = SeenZone(name=zone, name_servers=made, evidence=here)
