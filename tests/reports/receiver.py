"""A strict receiver on loopback: a webhook, and Alertmanager's `POST /api/v2/alerts` as its API has it.

What Alertmanager refuses is refused here with 400 and remembered: a body that is no list, fields that it does
not know, labels that are no labels, an alert without a start, one that ends before it begins.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FIELDS = {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")


@dataclass
class Receiver:
    """What came, and how to answer."""

    port: int = 0
    alerts: list[list[dict[str, Any]]] = field(default_factory=list)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    down: bool = False
    pages: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def take(self, path: str, body: bytes) -> int:
        """Return the status for a request."""
        if self.down:
            return 503
        try:
            found = json.loads(body)
            if path == "/api/v2/alerts":
                for one in found:
                    check(one)
                self.alerts.append(found)
            elif path == "/hook":
                self.hooks.append(found)
            else:
                return 404
        except (AssertionError, ValueError, TypeError, KeyError) as error:
            self.refused.append(f"{path}: {error!r}")
            return 400
        return 200


def check(alert: Any) -> None:
    """Fail on what Alertmanager would not take."""
    assert isinstance(alert, dict), "an alert is an object"
    assert alert.keys() <= FIELDS, f"unknown fields: {alert.keys() - FIELDS}"
    assert alert["labels"].get("alertname"), "labels name no alert"
    for kind in ("labels", "annotations"):
        for name, value in alert.get(kind, {}).items():
            assert LABEL.match(name), f"{name!r} is no label"
            assert isinstance(value, str), f"{name} is no text"
            assert value, f"{name} is empty"
    begins, ends = (
        _instant(alert[one]) if one in alert else None for one in ("startsAt", "endsAt")
    )
    assert begins is not None, "it never began"
    assert ends is None or ends >= begins, "it ended before it began"


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    assert found.tzinfo is not None, f"{text!r} is no instant"
    return found


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen on a free port."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.headers["content-type"] == "application/json"
            self._answer(receiver.take(self.path, body), b"{}")

        def do_GET(self) -> None:
            status, body = receiver.pages.get(self.path, (404, b""))
            self._answer(503 if receiver.down else status, body)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
