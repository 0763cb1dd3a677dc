"""ASGI and WSGI: a `Degraded` header on responses, and `/.well-known/degradation` with the whole state.

The header names the dependencies that did not serve in *this* request and what answered instead:
`Degraded: recommendations;by=value, prices;by=last-good;age=12`. It is set when the response begins; what a
streamed body finds out later is in the state only. The address answers while everything else is down.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from outlast.client.application import Application
from outlast.client.facts import Degraded
from outlast.client.record import Note, recording

WELL_KNOWN = "/.well-known/degradation"
HEADER = "Degraded"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]
WsgiApplication = Callable[..., Iterable[bytes]]


def header_of(notes: Iterable[Note]) -> str:
    """Return the header's value; empty: nothing was degraded."""
    parts: dict[str, str] = {}
    for note in notes:
        text = note.dependency
        if isinstance(note, Degraded):
            age = "" if note.age_s is None else f";age={round(note.age_s)}"
            text = f"{note.dependency};by={note.by}{age}"
        parts[note.dependency] = text
    return ", ".join(parts.values())


def asgi(inner: AsgiApplication, application: Application) -> AsgiApplication:
    """Wrap an ASGI application."""

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        if scope["path"] == WELL_KNOWN:
            await _tell(application, send)
            return
        with recording() as notes:

            async def marked(message: MutableMapping[str, Any]) -> None:
                value = header_of(notes)
                if message["type"] == "http.response.start" and value:
                    own = (HEADER.lower().encode(), value.encode("latin-1", "replace"))
                    message["headers"] = [*message.get("headers", ()), own]
                await send(message)

            await inner(scope, receive, marked)

    return outer


async def _tell(application: Application, send: Send) -> None:
    body = json.dumps(application.status()).encode()
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wsgi(inner: WsgiApplication, application: Application) -> WsgiApplication:
    """Wrap a WSGI application."""

    def outer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == WELL_KNOWN:
            headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
            start_response("200 OK", headers)
            return [json.dumps(application.status()).encode()]
        with recording() as notes:

            def marked(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                value = header_of(notes)
                own = [(HEADER, value)] if value else []
                return start_response(status, [*headers, *own], *rest)

            return inner(environ, marked)

    return outer
