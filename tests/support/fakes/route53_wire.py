"""The wire of Route 53 and STS: requests and answers in XML over HTTP, each connection in a thread."""

import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.support.fakes.route53_rules import Fault, Set
from tests.support.nameservers import HOST, free_port

NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    kind: str = "text/xml"

    @classmethod
    def of(cls, root: str, content: dict[str, Any]) -> "Answer":
        return cls(200, document(root, content))

    @classmethod
    def of_fault(cls, fault: Fault) -> "Answer":
        error = {"Type": "Sender", "Code": fault.code, "Message": fault.message}
        content = {"Error": error, "RequestId": "00000000-0000-0000-0000-000000000000"}
        return cls(fault.status, document("ErrorResponse", content))


def document(root: str, content: dict[str, Any], *, sts: bool = False) -> bytes:
    """A mapping as XML; a list holds pairs of an element's name and its content."""
    namespace = STS_NAMESPACE if sts else NAMESPACE
    text = f'<?xml version="1.0"?>\n<{root} xmlns="{namespace}">{_inner(content)}</{root}>'
    return text.encode()


def _inner(content: Any) -> str:
    if isinstance(content, dict):
        return "".join(
            f"<{key}>{_inner(_listed(key, one))}</{key}>" for key, one in content.items()
        )
    if isinstance(content, list):
        return "".join(f"<{name}>{_inner(one)}</{name}>" for name, one in content)
    return escape(str(content))


def _listed(key: str, content: Any) -> Any:
    """Records are held without their elements' name."""
    if key == "ResourceRecords":
        return [("ResourceRecord", one) for one in content]
    return content


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in element.iter() if _local(one) == name]


def _parse(body: bytes, root: str) -> ET.Element:
    try:
        found = ET.fromstring(body)
    except ET.ParseError:
        raise Fault(400, "InvalidInput", "The request is not well formed XML") from None
    if found.tag != f"{{{NAMESPACE}}}{root}":
        raise Fault(400, "InvalidInput", f"expected {root} in {NAMESPACE}")
    return found


def changes_in(body: bytes) -> list[tuple[str, Set]]:
    """Action and record set of each change in a batch."""
    root = _parse(body, "ChangeResourceRecordSetsRequest")
    changes = []
    for change in _children(root, "Change"):
        fields = {_local(one): one for one in change}
        if set(fields) != {"Action", "ResourceRecordSet"}:
            raise Fault(400, "InvalidInput", "a change has an action and a record set")
        changes.append((fields["Action"].text or "", _set_in(fields["ResourceRecordSet"])))
    return changes


def _set_in(element: ET.Element) -> Set:
    found: Set = {}
    for one in element:
        name = _local(one)
        if name == "ResourceRecords":
            found[name] = [{"Value": value.text or ""} for value in _children(one, "Value")]
        elif len(one):
            found[name] = {_local(inner): inner.text or "" for inner in one}
        else:
            found[name] = one.text or ""
    if not {"Name", "Type"} <= found.keys():
        raise Fault(400, "InvalidInput", "a record set has a name and a type")
    return found


def protections_in(body: bytes) -> list[tuple[str, str, str]]:
    """Name, type and comment of each entry."""
    try:
        root = ET.fromstring(body)
    except ET.ParseError:
        raise Fault(400, "InvalidInput", "The request is not well formed XML") from None
    entries = []
    for one in root.iter():
        fields = {_local(inner): inner.text or "" for inner in one}
        if "RecordName" in fields and "RecordType" in fields:
            entries.append((fields["RecordName"], fields["RecordType"], fields.get("Comment", "")))
    return entries


@contextmanager
def serve(answer: Callable[[Request], Answer | None]) -> Iterator[str]:
    """Serve requests on loopback for a `with` block; its value is the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            request = Request(
                self.command,
                unquote(parts.path),
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                {key.lower(): value for key, value in self.headers.items()},
                self.rfile.read(int(self.headers.get("content-length", 0))),
            )
            found = answer(request)
            if found is None:
                self.close_connection = True
                return
            self.send_response(found.status)
            self.send_header("content-type", found.kind)
            self.send_header("content-length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Say nothing: tests look at the service's own log."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = Server((HOST, free_port()), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
