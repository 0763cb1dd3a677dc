"""Kubernetes manifests: workloads, the services before them, addresses in settings, and images.

A Kubernetes `Service` is a name before workloads; who names it depends on the workloads that its selector
picks. One set of manifests is one cluster, and that is a region, unless a workload asks for one by
`nodeSelector`. What a load balancer, node port, Ingress or gateway route leads to is what people use.

Files are read together: the well-known WordPress example keeps the database in a file of its own, and read
one by one neither file shows that the one needs the other.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from outlast.drivers.discover.found import (
    Found,
    SeenNeed,
    SeenRegion,
    SeenService,
    evidence,
    word,
)
from outlast.drivers.discover.hosts import hosts_in
from outlast.drivers.discover.images import need_image
from outlast.model.service import DependencyKind

REGION = "cluster"
REGION_LABEL = "topology.kubernetes.io/region"
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod"})
OPEN = frozenset({"LoadBalancer", "NodePort"})

Manifest = dict[str, Any]


def read_kubernetes(files: Mapping[str, str]) -> Found:
    """Read the manifests of a cluster.

    Args:
        files: texts by the name that evidence should give them; each may hold many manifests.

    Raises:
        ValueError: one is no YAML, or none of them holds a workload.
    """
    manifests, origin = _load(files)
    workloads = {
        word(_name(one)): one for one in manifests if one.get("kind") in WORKLOADS and _name(one)
    }
    if not workloads:
        names = ", ".join(files)
        raise ValueError(f"{names}: no workloads (Deployment, StatefulSet, DaemonSet, Pod)")
    behind = _behind(manifests, workloads)
    used = _used(manifests, behind)
    configs = {_name(one): one.get("data") or {} for one in manifests if one["kind"] == "ConfigMap"}
    found = Found()
    seen = evidence(f"{origin[id(manifests[0])]}: one set of manifests is one cluster")
    found.regions[REGION] = SeenRegion(name=REGION, title="the cluster", evidence=seen)
    for key, one in workloads.items():
        name = origin[id(one)]
        _workload(found, key, one, used.get(key, ""), name)
        for other, where in _needs(one, behind, configs):
            seen = evidence(f"{name}: {one['kind']} {key}, {where}")
            found.need(SeenNeed(service=key, needs=other, kind=DependencyKind.HARD, evidence=seen))
    return found


def _load(files: Mapping[str, str]) -> tuple[list[Manifest], dict[int, str]]:
    """Return all manifests, and which file each comes from, by its identity."""
    manifests: list[Manifest] = []
    origin: dict[int, str] = {}
    for name, text in files.items():
        try:
            documents = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
        except yaml.YAMLError as error:
            raise ValueError(f"{name} is no YAML: {error}") from error
        for one in _all(documents):
            manifests.append(one)
            origin[id(one)] = name
    return manifests, origin


def _all(documents: list[Manifest]) -> Iterator[Manifest]:
    for one in documents:
        if one.get("kind") == "List":
            yield from _all([item for item in one.get("items") or () if isinstance(item, dict)])
        elif "kind" in one:
            yield one


def _name(one: Manifest) -> str:
    return str((one.get("metadata") or {}).get("name") or "")


def _pod(one: Manifest) -> Manifest:
    """Return the pod's specification of a workload."""
    spec = one.get("spec") or {}
    if one["kind"] == "Pod":
        return dict(spec)
    return (spec.get("template") or {}).get("spec") or {}


def _labels(one: Manifest) -> Mapping[str, Any]:
    template = one if one["kind"] == "Pod" else (one.get("spec") or {}).get("template") or {}
    return (template.get("metadata") or {}).get("labels") or {}


def _behind(manifests: list[Manifest], workloads: Mapping[str, Manifest]) -> dict[str, list[str]]:
    """Return which workloads stand behind each service's name."""
    behind = {}
    for one in manifests:
        selector = (one.get("spec") or {}).get("selector")
        if one["kind"] != "Service" or not isinstance(selector, dict):
            continue
        behind[_name(one)] = [
            key
            for key, workload in workloads.items()
            if selector.items() <= dict(_labels(workload)).items()
        ]
    return behind


def _used(manifests: list[Manifest], behind: Mapping[str, list[str]]) -> dict[str, str]:
    """Return which workloads people use, and why that is thought."""
    used: dict[str, str] = {}
    for one in manifests:
        names: list[str] = []
        if one["kind"] == "Service" and (one.get("spec") or {}).get("type") in OPEN:
            names = [_name(one)]
        elif one["kind"] in {"Ingress", "HTTPRoute"}:
            names = [*_backends(one.get("spec"))]
        for name in names:
            for key in behind.get(name, ()):
                used.setdefault(key, f"{one['kind']} {_name(one)} leads to it")
    return used


def _backends(node: object) -> Iterator[str]:
    """Yield the services that an Ingress or a route sends traffic to, whatever its version."""
    if isinstance(node, list):
        for one in node:
            yield from _backends(one)
    elif isinstance(node, dict):
        if "serviceName" in node:
            yield str(node["serviceName"])
        for key, value in node.items():
            if key == "service" and isinstance(value, dict) and "name" in value:
                yield str(value["name"])
            elif key == "backendRefs" and isinstance(value, list):
                yield from (str(one.get("name")) for one in value if isinstance(one, dict))
            else:
                yield from _backends(value)


def _workload(found: Found, key: str, one: Manifest, used: str, name: str) -> None:
    region = word(str((_pod(one).get("nodeSelector") or {}).get(REGION_LABEL) or "")) or REGION
    here = f"{name}: {one['kind']} {key}"
    if region not in found.regions:
        where = evidence(f"{here}, nodeSelector")
        found.regions[region] = SeenRegion(name=region, evidence=where)
    found.service(
        SeenService(
            name=key,
            regions=(region,),
            essential=bool(used),
            evidence=evidence(f"{here}{', ' + used if used else ''}"),
        )
    )
    for container in _containers(one):
        need_image(found, key, container.get("image"), here)


def _containers(one: Manifest) -> Iterator[Manifest]:
    pod = _pod(one)
    for key in ("containers", "initContainers"):
        yield from (item for item in pod.get(key) or () if isinstance(item, dict))


def _needs(
    one: Manifest, behind: Mapping[str, list[str]], configs: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    for container in _containers(one):
        for key, value in _settings(container, configs):
            for service in hosts_in(key, value, behind):
                for workload in behind[service]:
                    yield workload, f"env {key}, Service {service}"


def _settings(
    container: Manifest, configs: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, object]]:
    for setting in container.get("env") or ():
        if isinstance(setting, dict):
            source = (setting.get("valueFrom") or {}).get("configMapKeyRef") or {}
            config = configs.get(str(source.get("name")), {})
            yield str(setting.get("name")), setting.get("value", config.get(str(source.get("key"))))
    for source in container.get("envFrom") or ():
        reference = source.get("configMapRef") if isinstance(source, dict) else None
        yield from configs.get(str((reference or {}).get("name")), {}).items()
