"""OpenAPI: the description of the HTTP API, made from the types that it answers with and is told.

What an action takes is its form's own schema, so the description, the page and the check are one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from outlast import __version__
from outlast.app.board.actions import KINDS, Kind
from outlast.app.board.answers import (
    ActionLine,
    EndpointPage,
    Plans,
    PreviewAnswer,
    Problem,
    TrailPage,
    VerdictAnswer,
)
from outlast.app.board.forms import REASON_MAX, SAID
from outlast.app.standing import Line, Status
from outlast.glass.access import Request
from outlast.glass.incident import Incident

Json = dict[str, Any]
REF = "#/components/schemas/{name}"
NAME_MAX = 253
NUMBER_MAX = 10**14
NAME: Json = {"type": "string"}
NUMBER: Json = {"type": "integer", "minimum": 1, "maximum": NUMBER_MAX}
ABOUT = """Read how everything stands, and act: as the board and the command line, by the same rules.
Reading is open where the board is. Acting takes a token of an operator (`outlast token new`); a dangerous
action then waits (202) until a person agrees on the board. Ask for a preview first and send back its `seen`.
"""
WHY: Json = {
    "title": "Why",
    "description": "Everything about one endpoint; what `outlast why --json` prints.",
    "type": "object",
    "properties": {
        "endpoint": {"type": "string"},
        "names": {"type": "array", "items": {"type": "string"}},
        "published": {"type": ["object", "null"], "description": "A proof, or what differs."},
        "unread": {"type": "string", "description": "Why the DNS could not be read; empty: it was."},
        "plan": {"type": ["object", "null"], "description": "The newest plan."},
        "ruling": {"type": ["object", "null"], "description": "The guard's, with all reasons."},
        "wish": {"type": ["object", "null"], "description": "What would be planned now."},
        "reasons": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Each address: its member, its health, what its failure would do.",
        },
        "sick": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": [
        "endpoint", "names", "published", "unread", "plan", "ruling", "wish", "reasons", "sick"
    ],
}  # fmt: skip
"""By hand: msgspec describes no union of two dataclasses."""

_ANSWERS = (
    Status,
    VerdictAnswer,
    EndpointPage,
    Line,
    Plans,
    TrailPage,
    Incident,
    Request,
    ActionLine,
    PreviewAnswer,
    Problem,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A path that is read."""

    about: str
    answer: Json
    parameters: tuple[Json, ...] = ()


def _list(name: str) -> Json:
    return {"type": "array", "items": _ref(name)}


def _ref(name: str) -> Json:
    return {"$ref": REF.format(name=name)}


def _path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query(name: str, schema: Json, about: str) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": about}


_READS = {
    "/status": _Read(about="Everything, as `outlast status --json`.", answer=_ref("Status")),
    "/verdict": _Read(about="How it stands, in a line.", answer=_ref("VerdictAnswer")),
    "/endpoints": _Read(
        about="Endpoints, what is wrong first, a page at a time.",
        answer=_ref("EndpointPage"),
        parameters=(
            _query("q", {"type": "string", "maxLength": NAME_MAX}, "Part of a name."),
            _query("wrong", {"type": "boolean"}, "Only what needs somebody."),
            _query("page", NUMBER, "Counted from 1."),
        ),
    ),
    "/endpoints/{name}": _Read(
        about="One endpoint.", answer=_ref("Line"), parameters=(_path("name", NAME),)
    ),
    "/endpoints/{name}/why": _Read(
        about="Why it answers what it answers, as `outlast why --json`.",
        answer=_ref("Why"),
        parameters=(_path("name", NAME),),
    ),
    "/endpoints/{name}/plans": _Read(
        about="Its plans, newest first.", answer=_ref("Plans"), parameters=(_path("name", NAME),)
    ),
    "/trail": _Read(
        about="The end of the audit trail. `outlast log verify` proves it; this does not.",
        answer=_ref("TrailPage"),
        parameters=(
            _query("before", NUMBER | {"minimum": 0}, "Entries before this index; 0: the newest."),
        ),
    ),
    "/incidents": _Read(about="Every incident, newest first.", answer=_list("Incident")),
    "/incidents/{number}": _Read(
        about="One incident.", answer=_ref("Incident"), parameters=(_path("number", NUMBER),)
    ),
    "/requests": _Read(
        about="What was asked for, by whom, and what came of it.", answer=_list("Request")
    ),
    "/requests/{number}": _Read(
        about="One request.", answer=_ref("Request"), parameters=(_path("number", NUMBER),)
    ),
    "/actions": _Read(about="What can be done.", answer=_list("ActionLine")),
}

_WHY = {
    400: "The body is no JSON.",
    401: "There is no token, or it is not known.",
    403: "The token may not do that.",
    404: "There is no such thing.",
    409: "It cannot be done now, or would do something else than was seen.",
    413: "The body is too long.",
    415: "The body is not said to be JSON.",
    422: "Something is not filled in as it must be.",
    429: "Too many requests; `Retry-After` says how long to wait.",
    503: "The store, the DNS or the accounts cannot be used.",
}
_READING = (401, 404, 422, 429, 503)
_ACTING = (400, 401, 403, 404, 409, 413, 415, 422, 429, 503)


@cache
def as_bytes() -> bytes:
    """Return the description as JSON."""
    return msgspec.json.format(msgspec.json.encode(description()), indent=2)


def description() -> Json:
    """Return the description."""
    _, schemas = msgspec.json.schema_components(
        [*_ANSWERS, *(one.form for one in KINDS)], schema_hook=_anything, ref_template=REF
    )
    schemas["Why"] = WHY
    for one in KINDS:
        schemas[one.form.__name__]["additionalProperties"] = False
    return {
        "openapi": "3.1.0",
        "info": {"title": "Outlast", "version": __version__, "description": ABOUT},
        "servers": [{"url": "/api/v1"}],
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "responses": _refusals(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _anything(kind: type) -> Json:
    """Describe what an entry of the trail carries: the thing itself, whatever it is."""
    if kind is object:
        return {"description": "The thing itself."}
    raise TypeError(f"{kind} has no description")


def _paths() -> Json:
    paths: Json = {}
    for path, one in _READS.items():
        paths[path] = {
            "get": {
                "operationId": _identity("get", path),
                "summary": one.about,
                "parameters": list(one.parameters),
                "security": [{}, {"token": []}],
                "responses": _responses({200: one.answer}, _READING),
            }
        }
    for kind in KINDS:
        form = {"parameters": _ref(kind.form.__name__)}
        preview = _responses({200: _ref("PreviewAnswer")}, _ACTING)
        done = {202: _ref("Request")} if kind.dangerous else {200: _ref("Request")}
        paths[f"/actions/{kind.name}/preview"] = _post(
            f"/actions/{kind.name}/preview", f"Preview: {kind.about}", _object(form), preview
        )
        paths[f"/actions/{kind.name}"] = _post(
            f"/actions/{kind.name}", kind.about, _sent(kind, form), _responses(done, _ACTING)
        )
    decline = "/requests/{number}/decline"
    answers = _responses({200: _ref("Request")}, _ACTING)
    paths[decline] = _post(decline, "Withdraw a request that waits.", None, answers)
    paths[decline]["post"]["parameters"] = [_path("number", NUMBER)]
    return paths


def _sent(kind: Kind, form: Json) -> Json:
    """Return the schema of what an action is asked with."""
    seen = {"type": "string", "description": "What the preview said."}
    about = "Why; stands in the audit trail. One line."
    reason = {"type": "string", "maxLength": REASON_MAX, "description": about, "pattern": SAID}
    whole = _object(form | {"seen": seen, "reason": reason})
    whole["required"] = ["parameters", "seen"] + ([] if kind.words else ["reason"])
    return whole


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _post(path: str, about: str, body: Json | None, responses: Json) -> Json:
    call: Json = {
        "operationId": _identity("post", path),
        "summary": about,
        "security": [{"token": []}],
        "responses": responses,
    }
    if body is not None:
        content = {"application/json": {"schema": body}}
        call["requestBody"] = {"required": True, "content": content}
    return {"post": call}


def _responses(good: dict[int, Json], bad: Iterable[int]) -> Json:
    found: Json = {
        str(code): {
            "description": "It waits for a second person." if code == 202 else "Done.",
            "content": {"application/json": {"schema": schema}},
        }
        for code, schema in good.items()
    }
    return found | {str(code): {"$ref": f"#/components/responses/{code}"} for code in bad}


def _refusals() -> Json:
    content = {"application/problem+json": {"schema": _ref("Problem")}}
    return {str(code): {"description": why, "content": content} for code, why in _WHY.items()}


def _identity(method: str, path: str) -> str:
    parts = path.strip("/").replace("{", "").replace("}", "").replace("-", "/").split("/")
    return method + "".join(one.capitalize() for one in parts)
