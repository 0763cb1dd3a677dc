"""Discovery: what each source shows, marked with its evidence, and nothing overwritten."""

import json
from pathlib import Path

import pytest
import yaml

from outlast.app.audit.discover import EMPTY, complete, merge
from outlast.app.audit.suppress import suppressions
from outlast.config import load, parse
from outlast.drivers.discover.compose import read_compose
from outlast.drivers.discover.found import Found, SeenNeed, SeenService, evidence, word
from outlast.drivers.discover.images import registry_of
from outlast.drivers.discover.kubernetes import read_kubernetes
from outlast.drivers.discover.terraform import read_terraform
from outlast.drivers.discover.traces import read_traces
from outlast.model.errors import ConfigError
from outlast.model.facts import Role
from outlast.model.service import DependencyKind

HARD, STARTUP, SOFT = DependencyKind.HARD, DependencyKind.STARTUP, DependencyKind.SOFT

COMPOSE = """
services:
  web:
    build: .
    ports: ["80:80"]
    environment: {DATABASE_URL: "postgres://user:word@db:5432/shop", MODE: queue}
    depends_on: {db: {condition: service_healthy}, mail: {condition: service_started, required: false}}
  worker:
    image: images.example.org:5000/team/worker:1
    environment: [BROKER_HOST=queue, "SECRET=${SECRET}"]
    links: [db:database]
  db: {image: postgres}
  queue: {image: user/queue}
  mail:
"""


def needs_of(found: Found) -> dict[tuple[str, str], DependencyKind]:
    return {key: one.kind for key, one in found.needs.items()}


def test_compose_shows_order_addresses_links_and_images() -> None:
    """An address in use is hard, an order of starting is not; a mode is no address."""
    found = read_compose(COMPOSE, "compose.yaml")
    assert needs_of(found) == {
        ("web", "db"): HARD,
        ("web", "mail"): SOFT,
        ("worker", "queue"): HARD,
        ("worker", "db"): HARD,
        ("worker", "images.example.org"): STARTUP,
        ("db", "docker.io"): STARTUP,
        ("queue", "docker.io"): STARTUP,
    }
    assert [one.name for one in found.services.values() if one.essential] == ["web"]
    assert found.services["docker.io"].role is Role.REGISTRY
    assert found.services["web"].regions == ("one-host",)
    assert (
        found.needs["web", "db"].evidence == "compose.yaml: services.web.environment DATABASE_URL"
    )


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("postgres", "docker.io"),
        ("team/app:1", "docker.io"),
        ("ghcr.io/team/app", "ghcr.io"),
        ("localhost/app", "localhost"),
        ("host:5000/app", "host"),
    ],
)
def test_the_registry_of_an_image(image: str, host: str) -> None:
    """A first part without dot or port is a user."""
    assert registry_of(image) == host


KUBERNETES = """
apiVersion: v1
kind: List
items:
- kind: Deployment
  metadata: {name: front}
  spec:
    template:
      metadata: {labels: {app: front}}
      spec:
        containers:
        - image: example.org/front
          env: [{name: CART_ADDR, value: "cart-service:7070"}, {name: PORT, value: "80"}]
          envFrom: [{configMapRef: {name: settings}}]
- kind: Deployment
  metadata: {name: cart}
  spec:
    template:
      metadata: {labels: {app: cart}}
      spec: {nodeSelector: {topology.kubernetes.io/region: eu-west1}, containers: [{image: cart}]}
- {kind: ConfigMap, metadata: {name: settings}, data: {RATES_URL: "http://rates.shop.svc/v1"}}
---
kind: StatefulSet
metadata: {name: rates}
spec: {template: {metadata: {labels: {app: rates}}, spec: {containers: [{name: x}]}}}
---
{kind: Service, metadata: {name: cart-service}, spec: {selector: {app: cart}}}
---
{kind: Service, metadata: {name: rates}, spec: {selector: {app: rates}}}
---
{kind: Service, metadata: {name: front}, spec: {selector: {app: front}}}
---
kind: Ingress
metadata: {name: door}
spec: {rules: [{http: {paths: [{backend: {service: {name: front}}}]}}]}
"""


def test_kubernetes_leads_through_services_to_workloads() -> None:
    """By selectors; what an Ingress leads to is what people use; a node selector names a region."""
    found = read_kubernetes({"all.yaml": KUBERNETES})
    assert needs_of(found) == {
        ("front", "cart"): HARD,
        ("front", "rates"): HARD,
        ("front", "example.org"): STARTUP,
        ("cart", "docker.io"): STARTUP,
    }
    assert found.services["front"].essential
    assert not found.services["cart"].essential
    assert found.services["cart"].regions == ("eu-west1",)
    assert found.services["rates"].regions == ("cluster",)


def test_a_terraform_state_leads_through_plumbing() -> None:
    """Regions come from ARNs and zones; what is between two resources is left out."""

    def resource(kind: str, name: str, values: dict[str, object], *needs: str) -> dict[str, object]:
        instances = [{"attributes": values, "dependencies": [*needs]}]
        return {"mode": "managed", "type": kind, "name": name, "instances": instances}

    arn = "arn:aws:rds:eu-west-1:123456789012:db:main"
    servers = ["ns-1.awsdns-01.org", "ns-2.awsdns-02.com"]
    state = {
        "version": 4,
        "resources": [
            resource("aws_lb", "door", {"internal": False, "arn": arn}, "aws_security_group.wall"),
            resource("aws_security_group", "wall", {}, "aws_db_instance.main"),
            resource("aws_db_instance", "main", {"availability_zone": "eu-west-1b"}),
            resource("aws_secretsmanager_secret", "key", {"replica": [{"region": "eu-west-2"}]}),
            resource("aws_route53_zone", "zone", {"name": "shop.test", "name_servers": servers}),
            {"mode": "data", "type": "aws_instance", "name": "seen", "instances": []},
        ],
    }
    found = read_terraform(json.dumps(state), "terraform.tfstate")
    assert needs_of(found) == {("aws_lb.door", "aws_db_instance.main"): STARTUP}
    assert found.services["aws_lb.door"].regions == ("eu-west-1",)
    assert found.services["aws_lb.door"].essential
    assert found.services["aws_db_instance.main"].regions == ("eu-west-1",)
    assert found.services["aws_secretsmanager_secret.key"].role is Role.SECRETS
    assert [one.name for one in found.zones["shop.test"].name_servers] == servers


def test_a_terraform_plan_has_regions_by_its_providers() -> None:
    """It knows no ARNs yet; references lead through plumbing, copies name their regions."""
    resources = [
        ("aws_lambda_function.f[0]", {}),
        ("aws_iam_role.r", {}),
        ("aws_dynamodb_table.t", {"replica": [{"region_name": "us-west-2"}]}),
    ]
    written = {
        "aws_lambda_function.f": ["aws_iam_role.r.arn", "aws_iam_role.r"],
        "aws_iam_role.r": ["aws_dynamodb_table.t"],
    }
    plan = {
        "planned_values": {
            "root_module": {
                "resources": [
                    {
                        "address": address,
                        "mode": "managed",
                        "type": address.partition(".")[0],
                        "values": values,
                    }
                    for address, values in resources
                ]
            }
        },
        "configuration": {
            "provider_config": {
                "aws": {"expressions": {"region": {"constant_value": "us-east-1"}}}
            },
            "root_module": {
                "resources": [
                    {
                        "address": address.partition("[")[0],
                        "provider_config_key": "aws",
                        "expressions": {
                            "x": {"references": written.get(address.partition("[")[0], [])}
                        },
                    }
                    for address, _ in resources
                ]
            },
        },
    }
    found = read_terraform(json.dumps(plan), "plan.json")
    assert needs_of(found) == {("aws_lambda_function.f-0", "aws_dynamodb_table.t"): STARTUP}
    assert found.services["aws_lambda_function.f-0"].regions == ("us-east-1",)
    assert found.services["aws_dynamodb_table.t"].regions == ("us-east-1", "us-west-2")


def span(
    number: int, parent: int, kind: int, *, failed: bool = False, **attributes: str
) -> dict[str, object]:
    written = [
        {"key": key.replace("_", "."), "value": {"stringValue": value}}
        for key, value in attributes.items()
    ]
    return {
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "kind": kind,
        "status": {"code": 2} if failed else {},
        "attributes": written,
    }


def batch(service: str, *spans: dict[str, object]) -> str:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return json.dumps(
        {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [*spans]}]}]}
    )


def test_traces_show_who_calls_whom_and_what_is_survived() -> None:
    """A failed call whose caller answered well is evidence that the need is soft."""
    lines = [
        batch("front", span(1, 0, 2), span(2, 1, 3), span(3, 1, 3, failed=True), span(4, 1, 4)),
        batch("cart", span(5, 2, 2), span(6, 5, 3, db_system="redis")),
        batch("adverts", span(7, 3, 2, failed=True)),
        batch("mail", span(8, 4, 5)),
    ]
    found = read_traces("\n".join(lines), "traces.json")
    assert needs_of(found) == {
        ("front", "cart"): HARD,
        ("cart", "redis"): HARD,
        ("front", "adverts"): SOFT,
        ("front", "mail"): SOFT,
    }
    assert found.services["front"].essential
    assert not found.services["cart"].essential
    assert "1 failed and the caller did not" in found.needs["front", "adverts"].evidence


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (read_compose, "[]"),
        (read_compose, "services: {a: ["),
        (lambda text, name: read_kubernetes({name: text}), "kind: ConfigMap"),
        (lambda text, name: read_kubernetes({name: text}), "kind: ["),
        (read_terraform, "{}"),
        (read_terraform, "no"),
        (read_traces, "{}"),
        (read_traces, "{"),
    ],
)
def test_a_file_of_another_kind_is_refused(reader: object, text: str) -> None:
    """With its name."""
    assert callable(reader)
    with pytest.raises(ValueError, match="the-file"):
        reader(text, "the-file")


FRONT = """
kind: Deployment
metadata: {name: blog}
spec:
  template:
    metadata: {labels: {app: blog}}
    spec: {containers: [{image: blog, env: [{name: BLOG_DB_HOST, value: blog-db}]}]}
---
{kind: Service, metadata: {name: blog}, spec: {type: LoadBalancer, selector: {app: blog}}}
"""
BACK = """
{kind: Service, metadata: {name: blog-db}, spec: {selector: {app: db}}}
---
kind: StatefulSet
metadata: {name: db}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{image: db}]}}}
"""


@pytest.mark.parametrize("folder", [False, True])
def test_manifests_are_read_together(tmp_path: Path, *, folder: bool) -> None:
    """What one file's setting names stands in another, as in the well-known WordPress example."""
    (tmp_path / "k8s").mkdir()
    (tmp_path / "k8s" / "front.yaml").write_text(FRONT)
    (tmp_path / "k8s" / "back.yml").write_text(BACK)
    one_by_one = tuple(f"kubernetes:{one}" for one in sorted((tmp_path / "k8s").iterdir()))
    sources = (f"kubernetes:{tmp_path / 'k8s'}",) if folder else one_by_one
    target = complete(tmp_path / "none.yaml", sources, offline=True, into=tmp_path / "seen.yaml")
    blog = next(one for one in load(target).topology.services if one.name == "blog")
    assert "db" in {need.service for need in blog.needs}
    assert "front.yaml: Deployment blog, env BLOG_DB_HOST" in target.read_text()


def test_what_nobody_marked_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan without an open door shows nothing essential; a silent audit would read as a clean one."""
    source = tmp_path / "compose.yaml"
    source.write_text("services: {db: {image: postgres}}")
    complete(tmp_path / "a.yaml", (f"compose:{source}",), offline=True, into=None)
    assert "nothing shows which services must survive" in capsys.readouterr().err


HOSTILE = "x # audit: ignore-file CUT001 -- y\nservices: {z: {essential: true}}"


def test_foreign_words_cannot_break_out_of_their_place() -> None:
    """Neither names nor evidence can end a line, open a comment or silence a rule."""
    assert word(HOSTILE) == "x-audit-ignore-file-cut001----y-services-z-essential-true"
    assert not suppressions(f"a: b  # seen: {evidence(HOSTILE)}")
    text = yaml.safe_dump(
        {"services": {HOSTILE: {"image": HOSTILE, "depends_on": ["db"]}, "db": None}}
    )
    merged, _ = merge(EMPTY, read_compose(text, HOSTILE), "a.yaml")
    topology = parse(merged, "a.yaml").topology
    assert len(topology.services) == 3
    assert not suppressions(merged)
    assert not any(one.essential for one in topology.services)


WRITTEN = """outlast: 1   # mine
regions: {eu: {}}
providers:
endpoints:
services:
  web: {regions: [eu], needs: [{service: db, kind: soft}]}  # db may go
  db:            # nothing is known of it
"""


def test_what_is_written_is_never_overwritten(tmp_path: Path) -> None:
    """Names, fields, needs and comments stay as they are; additions carry their evidence."""
    path = tmp_path / "world.yaml"
    path.write_text(WRITTEN)
    source = tmp_path / "compose.yaml"
    source.write_text(COMPOSE)
    target = complete(path, (f"compose:{source}",), offline=True, into=None)
    assert path.read_text() == WRITTEN
    assert target == tmp_path / "world.completed.yaml"
    before, after = load(path).topology, load(target).topology
    kept = {str(one.name): one for one in after.services}
    assert kept["web"].regions == before.services[0].regions
    assert not kept["web"].essential
    assert {(need.service, need.kind) for need in kept["web"].needs} == {
        ("db", SOFT),
        ("mail", SOFT),
    }
    assert {need.service for need in kept["db"].needs} == {"docker.io"}
    text = target.read_text()
    assert "# mine" in text
    assert "# db may go" in text
    assert "# nothing is known of it" in text
    added = [line for line in text.splitlines() if line not in WRITTEN.splitlines()]
    assert sum("# seen: compose.yaml:" in line for line in added) >= 8
    again = complete(target, (f"compose:{source}",), offline=True, into=tmp_path / "b.yaml")
    assert again.read_text() == text


@pytest.mark.parametrize("source", ["compose:", "compose:none.yaml", "puppet:site.pp", "dnss"])
def test_a_source_that_cannot_be_read_is_told(tmp_path: Path, source: str) -> None:
    """With what could be written instead."""
    with pytest.raises(ConfigError):
        complete(tmp_path / "a.yaml", (source,), offline=True, into=None)


def test_a_need_replaces_a_softer_one() -> None:
    """Two sources may know the same need differently."""
    found = Found()
    found.service(SeenService(name="a", evidence="first"))
    found.service(SeenService(name="a", evidence="second"))
    for kind in (SOFT, HARD, STARTUP):
        found.need(SeenNeed(service="a", needs="b", kind=kind, evidence=str(kind)))
    assert found.services["a"].evidence == "first"
    assert found.needs["a", "b"].kind is HARD
