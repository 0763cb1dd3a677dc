"""Seen from outside: facts to hooks, degradations(), middleware, the control plane's flag."""

import http.server
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import dns.message
import dns.rcode
import dns.rrset
import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from outlast.client import Application, Climb, Instead, Mode, Refused, Value, degraded_here
from outlast.client.direct import direct_lookup
from outlast.client.facts import Degraded, Fact, Served
from outlast.client.flag import dns_flag, follow_once, http_flag
from outlast.client.hooks.opentelemetry import tracing_hook
from outlast.client.hooks.prometheus import metrics_hook
from outlast.client.hooks.structlog import logging_hook
from outlast.client.middleware import asgi, wsgi


def shop() -> tuple[Application, Any]:
    application = Application("shop")
    prices = application.dependency("prices", essential=False, fallbacks=(Value(0),), off_at=2)

    @prices.guard
    def price() -> int:
        raise OSError("down")

    served = application.serves("show price", wants=(prices,))(price)
    return application, served


def test_each_hook_hears_of_a_degraded_call() -> None:
    """A log line, a counter and a span event for one and the same fact."""
    application, show = shop()
    registry = CollectorRegistry()
    application.hooks.add(logging_hook())
    application.hooks.add(metrics_hook(application, registry))
    application.hooks.add(tracing_hook())
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with capture_logs() as lines, provider.get_tracer("t").start_as_current_span("request"):
        assert show() == 0
        application.set_level(1, "load")
    assert [line["event"] for line in lines] == [
        "dependency_degraded",
        "function_served",
        "brownout_level",
    ]
    text = generate_latest(registry).decode()
    assert (
        'outlast_client_degraded_total{application="shop",by="value",dependency="prices"} 1.0'
        in text
    )
    assert 'outlast_client_level{application="shop"} 1.0' in text
    span = exporter.get_finished_spans()[0]
    assert [event.name for event in span.events] == [
        "outlast.degraded",
        "outlast.served",
        "outlast.levelled",
    ]
    assert span.attributes is not None
    assert span.attributes["outlast.mode"] == "degraded"


def test_a_hook_that_raises_breaks_nothing() -> None:
    """It is warned about, and the call goes on."""
    application, show = shop()

    def broken(_: Fact) -> None:
        raise ValueError("no disk")

    remove = application.hooks.add(broken)
    with pytest.warns(RuntimeWarning, match="no disk"):
        assert show() == 0
    remove()
    assert show() == 0


def test_modes_are_told_apart() -> None:
    """Degraded by a fallback; down when it raised over a failed dependency; full for an answer of its own."""
    application, show = shop()
    facts: list[Fact] = []
    application.hooks.add(facts.append)
    show()
    hard = application.dependency("hard", essential=True, because="it is the shop")

    @application.serves("buy", essential=True, needs=(hard,))
    @hard.guard
    def buy() -> None:
        raise OSError("down")

    @application.serves("count")
    def count() -> None:
        raise LookupError("out of stock")

    with pytest.raises(OSError, match="down"):
        buy()
    with pytest.raises(LookupError):
        count()
    modes = {one.function: one.mode for one in facts if isinstance(one, Served)}
    assert modes == {"show price": Mode.DEGRADED, "buy": Mode.DOWN, "count": Mode.FULL}


async def test_functions_go_off_at_their_level() -> None:
    """Above it they return what was declared, or refuse."""
    application = Application("shop")
    advice = application.serves("advice", off_at=1, when_off=Value(""))(lambda: "buy this")
    search = application.serves("search", off_at=2)(lambda: 1)

    async def none() -> str:
        return "none"

    @application.serves("news", off_at=1, when_off=Instead(none))
    async def news() -> str:
        return "all"

    assert (advice(), search(), await news()) == ("buy this", 1, "all")
    application.set_level(2, "load")
    assert (advice(), await news()) == ("", "none")
    with pytest.raises(Refused, match="switched-off"):
        search()


def test_the_error_budget_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Essential calls failing for a window raise the level, by a voice of its own."""
    now = [0.0]
    monkeypatch.setattr("outlast.client.application.monotonic", lambda: now[0])
    application = Application("shop", climb=Climb(calls_min=10))
    db = application.dependency("db", essential=True, because="it is the shop")

    @application.serves("buy", essential=True, needs=(db,))
    @db.guard
    def buy() -> None:
        raise OSError

    for call in range(12):
        now[0] = call * 1.0
        with pytest.raises((Refused, OSError)):
            buy()
    assert application.brownout.level == 1
    assert application.brownout.why.startswith("error budget")


async def test_asgi_marks_responses_and_serves_the_state() -> None:
    """The header names what was degraded in this request; the well-known address tells all."""
    application, show = shop()

    async def inner(_: Any, __: Any, send: Any) -> None:
        show()
        assert [one.dependency for one in degraded_here()] == ["prices"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    web = httpx.ASGITransport(asgi(inner, application))
    async with httpx.AsyncClient(transport=web, base_url="http://shop") as client:
        assert (await client.get("/")).headers["Degraded"] == "prices;by=value"
        state = (await client.get("/.well-known/degradation")).json()
    assert state["mode"] == "degraded"
    assert [(one["name"], one["by"]) for one in state["degradations"]] == [("prices", "value")]
    assert degraded_here() == ()


def test_wsgi_does_the_same() -> None:
    """The plain kind."""
    application, show = shop()

    def inner(_: Any, start: Any) -> list[bytes]:
        show()
        start("200 OK", [])
        return [b"x"]

    with httpx.Client(transport=httpx.WSGITransport(wsgi(inner, application))) as client:
        assert client.get("http://shop/").headers["Degraded"] == "prices;by=value"
        assert client.get("http://shop/.well-known/degradation").json()["application"] == "shop"


class Flag(http.server.BaseHTTPRequestHandler):
    """Publishes a flag."""

    line = b"level=3 why=region eu is drained\n"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.line)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_the_flag_over_http_is_obeyed_and_its_loss_changes_nothing() -> None:
    """A lost flag must switch nothing, neither off nor on."""
    application, _ = shop()
    with http.server.HTTPServer(("127.0.0.1", 0), Flag) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        read = http_flag(f"http://127.0.0.1:{server.server_address[1]}/")
        assert follow_once(application, read)
        thread.join()
    assert (application.brownout.level, application.brownout.why) == (
        3,
        "control plane: region eu is drained",
    )
    assert not follow_once(application, read)
    assert not follow_once(application, lambda: "rubbish")
    assert application.brownout.level == 3


@pytest.fixture
def name_server() -> Iterator[int]:
    """A name server of a few lines: one TXT, one A, NXDOMAIN otherwise."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(10)

    def serve() -> None:
        while True:
            packet, client = sock.recvfrom(4096)
            if packet == b"end":
                return
            query = dns.message.from_wire(packet)
            answer = dns.message.make_response(query)
            name, kind = query.question[0].name, query.question[0].rdtype
            texts = {
                ("_brownout.example.", 16): ["other", '"level=2 " "why=drill"'],
                ("db.example.", 1): ["192.0.2.7"],
            }.get((str(name), int(kind)))
            if texts is None:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            else:
                answer.answer.append(dns.rrset.from_text(name, 5, "IN", kind, *texts))
            sock.sendto(answer.to_wire(), client)

    thread = threading.Thread(target=serve)
    thread.start()
    port: int = sock.getsockname()[1]
    yield port
    sock.sendto(b"end", ("127.0.0.1", port))
    thread.join()
    sock.close()


def test_the_flag_in_the_dns(name_server: int) -> None:
    """One line of a TXT record, found among others."""
    application, _ = shop()
    assert follow_once(application, dns_flag("_brownout.example", "127.0.0.1", port=name_server))
    assert application.brownout.level == 2


def test_direct_look_ups_read_addresses_and_refusals(name_server: int) -> None:
    """A record's address, and NXDOMAIN as the system's own error."""
    lookup = direct_lookup("127.0.0.1", port=name_server)
    assert lookup("db.example", socket.AF_INET) == ["192.0.2.7"]
    with pytest.raises(socket.gaierror) as gone:
        lookup("nobody.example", socket.AF_INET)
    assert gone.value.errno == socket.EAI_NONAME


def test_the_import_needs_little() -> None:
    """Nothing of ours but the model's errors, nothing of third parties, no asyncio, no sockets."""
    code = (
        "import sys, json; before = set(sys.modules); import outlast.client;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True))
    heavy = {"asyncio", "socket", "sqlite3", "json", "ssl", "logging", "httpx", "msgspec", "yaml"}
    assert not heavy & {one.split(".")[0] for one in loaded}
    ours = {one for one in loaded if one.startswith("outlast")}
    assert {one for one in ours if not one.startswith("outlast.client")} <= {
        "outlast",
        "outlast.model",
        "outlast.model.errors",
    }
    assert Degraded.__module__ in ours
