"""The HTTP API: what the board shows and does, for machines. Described by `openapi`, by the same types.

Reading needs what reading the board needs. Acting takes a token: a browser sends a cookie by itself, also
for a page that it should not trust, and never a token. What takes a second person waits here as well, and is
agreed to by a person, on the board.
"""

import asyncio
from typing import TypeVar

import msgspec
from starlette.requests import Request as Call
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outlast.app.board import doing, forms, openapi
from outlast.app.board.access import Gate, Need, Page, Refused, read_body, who_of
from outlast.app.board.actions import KINDS
from outlast.app.board.answers import (
    ActionLine,
    EndpointPage,
    Plans,
    PreviewAnswer,
    Sent,
    SentForm,
    TrailLine,
    TrailPage,
    VerdictAnswer,
)
from outlast.app.board.desk import Desk
from outlast.app.board.trailpage import look_at_trail
from outlast.app.commands.why import explain
from outlast.app.options import find_endpoint
from outlast.app.session import Session
from outlast.drivers.incidents import all_incidents
from outlast.drivers.requests import all_requests
from outlast.glass.access import State, Who
from outlast.glass.listing import Search
from outlast.glass.verdict import verdict
from outlast.model.errors import ConfigError
from outlast.model.topology import Endpoint

BASE = "/api/v1"

T = TypeVar("T")


class Api:
    """The HTTP API of one board."""

    def __init__(self, desk: Desk, gate: Gate) -> None:
        self._desk = desk
        self._gate = gate

    def routes(self) -> list[BaseRoute]:
        """Return what to serve."""
        reading: dict[str, Page] = {
            "/status": self._status,
            "/verdict": self._verdict,
            "/endpoints": self._endpoints,
            "/endpoints/{name}": self._endpoint,
            "/endpoints/{name}/why": self._why,
            "/endpoints/{name}/plans": self._plans,
            "/trail": self._trail,
            "/incidents": self._incidents,
            "/incidents/{number}": self._incident,
            "/requests": self._requests,
            "/requests/{number}": self._request,
            "/actions": self._actions,
            "/openapi.json": self._openapi,
        }
        acting: dict[str, Page] = {
            "/actions/{kind}": self._act,
            "/actions/{kind}/preview": self._preview,
            "/requests/{number}/decline": self._decline,
        }
        guard = self._gate.guard
        found: list[BaseRoute] = [
            Route(BASE + path, guard(page, machine=True)) for path, page in reading.items()
        ]
        found += [
            Route(BASE + path, guard(page, Need.ACT, takes="POST", machine=True))
            for path, page in acting.items()
        ]
        return [*found, Route(BASE + "/{rest:path}", guard(_nothing, Need.NOTHING, machine=True))]

    @property
    def _session(self) -> Session:
        return self._desk.session

    # reading

    async def _status(self, call: Call) -> Response:
        return answer((await self._desk.seen(call)).status)

    async def _verdict(self, call: Call) -> Response:
        sight = await self._desk.seen(call)
        found = verdict(sight.status, sight.troubles, sight.detection, asked=sight.asked)
        return answer(
            VerdictAnswer(
                kind=found.kind,
                what=found.what,
                since_ns=found.since_ns,
                sure=found.sure,
                todo=found.todo,
                why=found.why,
                overrides=sight.status.overrides,
                troubles=dict(sight.troubles),
            )
        )

    async def _endpoints(self, call: Call) -> Response:
        query = call.query_params
        text, wrong = query.get("q", ""), query.get("wrong", "false")
        if len(text) > openapi.NAME_MAX or wrong not in {"true", "false"}:
            raise Refused(422, "this is no search", "q is too long, or wrong is no truth value")
        page = _number(query.get("page", "1"), "page")
        search = Search(text=text.strip(), wrong=wrong == "true", page=page)
        sight = await self._desk.seen(call)
        found = search.find(
            sight.status.endpoints,
            lambda one: (one.endpoint, *one.names),
            lambda one: one.state != "ok",
        )
        return answer(
            EndpointPage(
                endpoints=found.lines, total=found.total, page=found.page, pages=found.pages
            )
        )

    async def _endpoint(self, call: Call) -> Response:
        wanted = self._named(call)
        sight = await self._desk.seen(call)
        for line in sight.status.endpoints:
            if line.endpoint == wanted.name:
                return answer(line)
        raise Refused(404, f"nothing is known of {wanted.name} yet", then="ask again in a second")

    async def _why(self, call: Call) -> Response:
        return answer(await explain(self._session, self._named(call)))

    async def _plans(self, call: Call) -> Response:
        endpoint = self._named(call)
        heads = await self._session.ledger.plans(endpoint.name)
        return answer(Plans(endpoint=endpoint.name, plans=tuple(heads[::-1])))

    def _named(self, call: Call) -> Endpoint:
        try:
            return find_endpoint(self._session.world, call.path_params["name"])
        except ConfigError as error:
            raise Refused(404, error.what[:200], then=error.remedy) from error

    async def _trail(self, call: Call) -> Response:
        before = _number(call.query_params.get("before", "0"), "before", least=0)
        world = self._session.world
        found = await asyncio.to_thread(
            look_at_trail, world.state.trail, world.trail_signer().verifier, before=before
        )
        return answer(
            TrailPage(
                checkpoint=found.checkpoint,
                size=found.size,
                key=found.key,
                why=found.why,
                entries=tuple(TrailLine(index=index, entry=one) for index, one in found.entries),
            )
        )

    async def _incidents(self, call: Call) -> Response:
        del call
        return answer(await all_incidents(self._session.ledger))

    async def _incident(self, call: Call) -> Response:
        number = _number(call.path_params["number"], "number")
        for one in await all_incidents(self._session.ledger):
            if one.number == number:
                return answer(one)
        raise Refused(404, f"there is no incident {number}", then=f"{BASE}/incidents lists them")

    async def _requests(self, call: Call) -> Response:
        del call
        session = self._session
        return answer(await all_requests(session.ledger, session.world.clock.now_ns()))

    async def _request(self, call: Call) -> Response:
        number = _number(call.path_params["number"], "number")
        return answer(await doing.waiting(self._session, number))

    async def _actions(self, call: Call) -> Response:
        del call
        return answer(
            [
                ActionLine(name=one.name, about=one.about, dangerous=one.dangerous, words=one.words)
                for one in KINDS
            ]
        )

    async def _openapi(self, call: Call) -> Response:
        del call
        return Response(await asyncio.to_thread(openapi.as_bytes), media_type="application/json")

    # acting

    async def _preview(self, call: Call) -> Response:
        kind = doing.kind_named(call.path_params["kind"])
        sent = await _body(call, SentForm)
        form: object = forms.from_json(kind.form, sent.parameters)
        shown = await doing.preview(self._session, kind, form, _machine(call))
        return answer(
            PreviewAnswer(
                text=shown.text,
                possible=bool(shown.asked),
                seen=shown.mark,
                dangerous=kind.dangerous,
            )
        )

    async def _act(self, call: Call) -> Response:
        kind = doing.kind_named(call.path_params["kind"])
        sent = await _body(call, Sent)
        form: object = forms.from_json(kind.form, sent.parameters)
        wish = doing.Wish(kind=kind, form=form, reason=sent.reason, seen=sent.seen)
        made = await doing.ask(self._session, wish, _machine(call))
        if made.state is State.FAILED:
            raise Refused(
                409,
                f"request {made.number} was not done",
                made.said.strip(),
                f"{BASE}/requests/{made.number}",
            )
        return answer(made, 202 if made.state is State.WAITING else 200)

    async def _decline(self, call: Call) -> Response:
        number = _number(call.path_params["number"], "number")
        return answer(await doing.decline(self._session, number, _machine(call)))


def answer(value: object, status: int = 200) -> Response:
    """Answer with a value as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _machine(call: Call) -> Who:
    """Return who acts: the gate let nobody else in."""
    who = who_of(call)
    if who is None:
        raise Refused(401, "you are not logged in")
    return who


def _number(text: str, name: str, *, least: int = 1) -> int:
    known = text.isascii() and text.isdecimal() and len(text) <= len(str(openapi.NUMBER_MAX))
    if known and least <= int(text) <= openapi.NUMBER_MAX:
        return int(text)
    raise Refused(422, f"{name} is no number", f"it is {text[:40]!r}", f"send {least} or more")


async def _body(call: Call, form: type[T]) -> T:
    """Read a body of JSON, which must say that it is: no form of another site can."""
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "only JSON is read", then="send Content-Type: application/json")
    try:
        return msgspec.json.decode(await read_body(call), type=form)
    except msgspec.ValidationError as error:
        raise Refused(422, "this is not filled in as it must be", str(error)) from error
    except msgspec.DecodeError as error:
        raise Refused(400, "this is no JSON", str(error)) from error


async def _nothing(call: Call) -> Response:
    raise Refused(
        404, f"there is no {call.url.path[:80]}", then=f"{BASE}/openapi.json tells what is"
    )
