"""The services that the shop needs, on loopback: a table that speaks DynamoDB's JSON, and a supplier."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Table(BaseHTTPRequestHandler):
    """PutItem and Scan of one table, kept in SQLite."""

    def do_POST(self) -> None:
        """Carry out one operation."""
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        base: sqlite3.Connection = self.server.base  # type: ignore[attr-defined]
        answer: dict[str, Any] = {}
        with self.server.lock, base:  # type: ignore[attr-defined]
            if operation == "PutItem":
                base.execute("INSERT INTO items VALUES (?)", (json.dumps(call["Item"]),))
            else:
                rows = base.execute("SELECT item FROM items").fetchall()
                answer = {"Items": [json.loads(row[0]) for row in rows], "Count": len(rows)}
        _answer(self, answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Supplier(BaseHTTPRequestHandler):
    """Prices: the length of an article's name, in cents."""

    def do_GET(self) -> None:
        """Give a price."""
        _answer(self, {"cents": len(self.path.rpartition("/")[2])})

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _answer(handler: BaseHTTPRequestHandler, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(
    kind: type[BaseHTTPRequestHandler], address: tuple[str, int] = ("127.0.0.1", 0)
) -> Iterator[ThreadingHTTPServer]:
    """Serve one of them while inside."""
    server = ThreadingHTTPServer(address, kind)
    server.daemon_threads = True
    base = sqlite3.connect(":memory:", check_same_thread=False)
    base.execute("CREATE TABLE items (item TEXT NOT NULL)")
    server.base, server.lock = base, threading.Lock()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        base.close()
