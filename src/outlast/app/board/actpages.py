"""Pages for acting: what can be done, with a preview, a reason and, where it is dangerous, a second person.

All are plain forms. A preview is a GET, since it changes nothing; what changes something is a POST that bears
the mark of the preview, and ends in the page of its request, so that loading that again does nothing twice.
"""

from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from outlast.app.board import doing, forms
from outlast.app.board.access import Gate, Need, Refused, sent, who_of
from outlast.app.board.actions import KINDS, Kind, Shown
from outlast.app.board.desk import Desk
from outlast.app.board.frame import render
from outlast.app.session import Session
from outlast.core.guard import WAIVABLE
from outlast.drivers.requests import all_requests
from outlast.glass.access import (
    Request,
    State,
    Who,
    cannot_act,
    cannot_decide,
    cannot_decline,
)
from outlast.model.errors import OutlastError

ACT, REQUESTS = "/act", "/requests"
SEEN, REASON, PREVIEW = "seen", "reason", "preview"
"""Fields beside an action's own; `preview` asks for one."""
SHOWN = 100


class ActPages:
    """The pages for acting of one board."""

    def __init__(self, desk: Desk, gate: Gate) -> None:
        self._desk = desk
        self._gate = gate

    def routes(self) -> list[BaseRoute]:
        """Return what to serve."""
        guard = self._gate.guard
        return [
            Route(ACT, guard(self._actions)),
            Route("/act/{kind}", guard(self._act, Need.ACT, takes="POST"), methods=["POST"]),
            Route("/act/{kind}", guard(self._form, Need.ACT)),
            Route(REQUESTS, guard(self._requests)),
            Route("/requests/{number:int}", guard(self._request)),
            Route("/requests/{number:int}/agree", guard(self._agree, Need.ACT, takes="POST")),
            Route("/requests/{number:int}/decline", guard(self._decline, Need.ACT, takes="POST")),
        ]

    @property
    def _session(self) -> Session:
        return self._desk.session

    async def _actions(self, call: Call) -> Response:
        frame = self._desk.frame(call, ACT)
        refused = cannot_act(who_of(call))
        return self._desk.page(call, render("actions.html", frame, kinds=KINDS, refused=refused))

    async def _form(self, call: Call) -> Response:
        """Show an action's form, and with it a preview if one is asked for."""
        kind = doing.kind_named(call.path_params["kind"])
        values = dict(call.query_params)
        if PREVIEW not in values:
            return self._show_form(call, kind, values)
        form: object = forms.from_page(kind.form, values)
        shown = await doing.preview(self._session, kind, form, _whoever(call))
        return self._show_form(call, kind, forms.as_fields(form), shown)

    def _show_form(
        self, call: Call, kind: Kind, values: dict[str, str], shown: Shown | None = None
    ) -> Response:
        lists = {
            "regions": [str(one.name) for one in self._session.world.topology.regions],
            "rules": list(WAIVABLE),
        }
        html = render(
            "action.html",
            self._desk.frame(call, ACT),
            kind=kind,
            fields=forms.fields(kind.form, values, lists),
            values=values,
            shown=shown,
        )
        return self._desk.page(call, html)

    async def _act(self, call: Call) -> Response:
        kind = doing.kind_named(call.path_params["kind"])
        fields = sent(call)
        wish = doing.Wish(
            kind=kind,
            form=forms.from_page(kind.form, fields),
            reason=fields.get(REASON, ""),
            seen=fields.get(SEEN, ""),
        )
        made = await doing.ask(self._session, wish, _whoever(call))
        return _see(made.number)

    async def _requests(self, call: Call) -> Response:
        session = self._session
        found = await all_requests(session.ledger, session.world.clock.now_ns())
        html = render("requests.html", self._desk.frame(call, REQUESTS), found=found[:SHOWN])
        return self._desk.page(call, html)

    async def _request(self, call: Call) -> Response:
        request = await doing.waiting(self._session, call.path_params["number"])
        who = who_of(call)
        shown, why_not = None, ""
        if request.state is State.WAITING and not cannot_act(who):
            try:
                shown = await doing.preview_of(self._session, request)
            except OutlastError as error:
                why_not = str(error)
        html = render(
            "request.html",
            self._desk.frame(call, REQUESTS),
            request=request,
            shown=shown,
            why_not=why_not,
            cannot_agree=self._cannot_agree(who, request),
            can_end=not cannot_decline(who, request),
            mine=who is not None and who.person == request.person,
        )
        return self._desk.page(call, html)

    def _cannot_agree(self, who: Who | None, request: Request) -> str:
        now_ns = self._session.world.clock.now_ns()
        return cannot_decide(who, request, self._gate.accounts.read().role_of(request.by, now_ns))

    async def _agree(self, call: Call) -> Response:
        number, seen = call.path_params["number"], sent(call).get(SEEN, "")
        accounts = self._gate.accounts
        await doing.agree(self._session, accounts, number, _whoever(call), seen=seen)
        return _see(number)

    async def _decline(self, call: Call) -> Response:
        number = call.path_params["number"]
        await doing.decline(self._session, number, _whoever(call))
        return _see(number)


def _whoever(call: Call) -> Who:
    """Return who acts: the gate let nobody else in."""
    who = who_of(call)
    if who is None:
        raise Refused(401, "you are not logged in")
    return who


def _see(number: int) -> Response:
    return RedirectResponse(f"/requests/{number}", status_code=303)
