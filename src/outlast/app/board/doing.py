r"""Doing: from a form that somebody sent to what came of it.

    asked for --> (dangerous) waiting --> agreed by somebody else --> begun --> done or failed
              \-> begun

Each step is put on record in the store, with its line in the journal, before the next is taken; what is
begun and has no end on record was cut off, and its page says so. Reading, deciding and doing go through one
function of the command line each, see `actions`.
"""

import re
from dataclasses import dataclass

from outlast.app.board import forms
from outlast.app.board.access import Refused
from outlast.app.board.actions import Kind, Shown, about, carry_out, find
from outlast.app.session import Session
from outlast.drivers.accounts import AccountFile
from outlast.drivers.requests import add_request, finish, one_request, settle
from outlast.glass.access import (
    Request,
    State,
    Who,
    cannot_decide,
    cannot_decline,
    waits_until,
)
from outlast.model.errors import OutlastError
from outlast.model.units import Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants done.

    Attributes:
        form: filled in.
        seen: the mark of the preview that they saw.
    """

    kind: Kind
    form: object
    reason: str
    seen: str


def kind_named(name: str) -> Kind:
    """Return a kind of action.

    Raises:
        Refused: there is none of that name.
    """
    kind = find(name)
    if kind is None:
        raise Refused(404, f"there is no action {name[:40]}")
    return kind


async def preview(session: Session, kind: Kind, form: object, who: Who) -> Shown:
    """Show what an action would do, and do nothing."""
    return await carry_out(kind, form, session, by=who.name, reason="as previewed")


async def ask(session: Session, wish: Wish, who: Who) -> Request:
    """Put an action on record and, unless it takes a second person, carry it out.

    Raises:
        Refused: there is no reason, nothing can be done, or something else than was seen.
        OutlastError: as the command does, while it shows what it would do.
    """
    kind, reason = wish.kind, _reason(wish)
    if kind.dangerous:
        shown = await preview(session, kind, wish.form, who)
        _check_seen(shown, wish.seen)
    if not wish.seen:
        raise Refused(409, "nobody has seen what this would do", then="ask for a preview first")
    now_ns = session.world.clock.now_ns()

    def make(number: int) -> Request:
        return Request(
            number=number,
            kind=kind.name,
            parameters=forms.as_json(wish.form),
            reason=reason,
            by=who.name,
            owner=who.owner,
            at_ns=now_ns,
            state=State.WAITING if kind.dangerous else State.BEGUN,
            about=about(wish.form),
            until_ns=waits_until(now_ns) if kind.dangerous else Nanos(0),
        )

    verb = "asks for a second person" if kind.dangerous else "acts"
    text = f"{who.role} {verb}: {kind.name}: {reason}"
    request = await add_request(session.ledger, make, text)
    return request if kind.dangerous else await _do(session, request, wish.seen)


async def agree(
    session: Session, accounts: AccountFile, number: int, who: Who, *, seen: str
) -> Request:
    """Carry out what somebody else asked for.

    Raises:
        Refused: they may not, or it would do something else than was seen.
    """
    request = await waiting(session, number)
    now_ns = session.world.clock.now_ns()
    asker = accounts.read().role_of(request.by, now_ns)
    if refused := cannot_decide(who, request, asker):
        raise Refused(403, "you cannot agree to this", refused)
    _check_seen(await preview_of(session, request), seen)
    begun = await settle(session.ledger, request, State.BEGUN, by=who.name, at_ns=now_ns)
    return await _do(session, begun, seen)


async def decline(session: Session, number: int, who: Who) -> Request:
    """End a request undone.

    Raises:
        Refused: they may not.
    """
    request = await waiting(session, number)
    if refused := cannot_decline(who, request):
        raise Refused(403, "you cannot end this", refused)
    state = State.WITHDRAWN if who.person == request.person else State.DECLINED
    now_ns = session.world.clock.now_ns()
    return await settle(session.ledger, request, state, by=who.name, at_ns=now_ns)


async def waiting(session: Session, number: int) -> Request:
    """Return a request.

    Raises:
        Refused: there is none of that number.
    """
    found = await one_request(session.ledger, number, session.world.clock.now_ns())
    if found is None:
        raise Refused(404, f"there is no request {number}")
    return found


async def preview_of(session: Session, request: Request) -> Shown:
    """Show what a request would do now."""
    kind, form = _filled(request)
    return await carry_out(kind, form, session, by=request.by, reason=request.reason)


def _filled(request: Request) -> tuple[Kind, object]:
    kind = kind_named(request.kind)
    return kind, forms.from_stored(kind.form, request.parameters)


async def _do(session: Session, request: Request, seen: str) -> Request:
    """Carry out what was put on record as begun, and write down what came of it."""
    kind, form = _filled(request)
    try:
        shown = await carry_out(
            kind, form, session, by=request.by, reason=request.reason, seen=seen
        )
    except OutlastError as error:
        return await finish(session.ledger, request, State.FAILED, str(error))
    said = shown.text
    if shown.changed:
        said += "\nNot done: something changed since the preview. Look again, then ask again."
    elif not shown.asked:
        said += "\nNothing was done."
    failed = shown.code or shown.changed or not shown.asked
    return await finish(session.ledger, request, State.FAILED if failed else State.DONE, said)


def _check_seen(shown: Shown, seen: str) -> None:
    if not shown.asked:
        raise Refused(409, "this cannot be done now", shown.text.strip(), "look at the preview")
    if shown.mark != seen:
        raise Refused(
            409,
            "this would do something else by now than you saw",
            "something changed since the preview",
            "look at the preview again, then send it again; nothing was done",
        )


def _reason(wish: Wish) -> str:
    reason = wish.reason.strip()
    if not reason and wish.kind.words:
        reason = str(getattr(wish.form, wish.kind.words))[: forms.REASON_MAX]
    if not reason:
        raise Refused(422, "a reason is needed", then="say why: it stands in the audit trail")
    if len(reason) > forms.REASON_MAX or re.match(forms.SAID, reason) is None:
        raise Refused(422, "the reason must be one line", f"of up to {forms.REASON_MAX} characters")
    return reason
