"""Requests in the store: what was asked for on the board, by whom, who agreed, and what came of it.

Each changes by compare-and-swap, so whoever agrees at the same time as another, or to what was withdrawn a
moment ago, is told; an action is begun once. What is decided stands in the journal in the same commit. The
journal names people in `by` alone, which the audit trail replaces by pseudonyms.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from outlast.drivers import entries
from outlast.drivers.ledger import Ledger
from outlast.glass.access import Request, State
from outlast.model.errors import OutlastError, StoreError
from outlast.model.units import Nanos
from outlast.ports import Change, Entry

_REQUEST = msgspec.json.Decoder(Request)
_PREFIX = "request/"
ATTEMPTS = 5
KEPT = 200
"""Requests that are kept; what happened stays in the audit trail."""
SAID_MAX = 20_000


def _key(number: int) -> str:
    return f"{_PREFIX}{number:08d}"


async def all_requests(ledger: Ledger, now_ns: int) -> list[Request]:
    """Return every request that is kept, newest first, as it stands now."""
    page = await ledger.store.scan(_PREFIX)
    return [entries.decode(_REQUEST, one).at(now_ns) for one in reversed(page.entries)]


async def waiting_requests(ledger: Ledger, now_ns: int) -> list[Request]:
    """Return the requests that wait for a second person, newest first."""
    found = await all_requests(ledger, now_ns)
    return [one for one in found if one.state is State.WAITING]


async def one_request(ledger: Ledger, number: int, now_ns: int) -> Request | None:
    """Return a request as it stands now."""
    entry = await ledger.store.get(_key(number))
    return entries.decode(_REQUEST, entry).at(now_ns) if entry is not None else None


async def add_request(ledger: Ledger, make: Callable[[int], Request], text: str) -> Request:
    """Put a request on record, and into the journal; `make` is given its number.

    Raises:
        StoreError: others add requests at the same time, again and again.
    """
    for _ in range(ATTEMPTS):
        page = await ledger.store.scan(_PREFIX)
        number = int(page.entries[-1].key.removeprefix(_PREFIX)) + 1 if page.entries else 1
        request = make(number)
        change = Change(
            requires=((_key(number), 0),),
            puts=((_key(number), msgspec.json.encode(request)), _note(ledger, request, text)),
            deletes=tuple(one.key for one in _stale(page.entries))[:ATTEMPTS],
        )
        if await ledger.store.commit(change) is not None:
            return request
    raise StoreError("requests are being made by others all the time", remedy="try again")


async def settle(
    ledger: Ledger, before: Request, state: State, *, by: str, at_ns: Nanos
) -> Request:
    """Decide about a request that waits.

    Raises:
        OutlastError: somebody else did meanwhile; nothing was changed.
    """
    after = replace(before, state=state, second=by, second_ns=at_ns)
    verb = {State.BEGUN: "agreed to", State.DECLINED: "declined"}.get(state, "withdrawn")
    note = _note(ledger, after, f"request {before.number} {verb}: {before.kind}", by=by)
    if not await _swap(ledger, before, after, (note,)):
        raise OutlastError(
            f"request {before.number} was decided by somebody else just now",
            remedy="load its page again",
        )
    return after


async def finish(ledger: Ledger, before: Request, state: State, said: str) -> Request:
    """Write down what came of a request that was begun."""
    after = replace(before, state=state, said=said[:SAID_MAX])
    note = _note(ledger, after, f"request {before.number} {state}: {before.kind}")
    await _swap(ledger, before, after, (note,))
    return after


async def _swap(
    ledger: Ledger, before: Request, after: Request, puts: tuple[tuple[str, bytes], ...]
) -> bool:
    entry = await ledger.store.get(_key(before.number))
    if entry is None or entries.decode(_REQUEST, entry) != before:
        return False
    mine = (_key(before.number), msgspec.json.encode(after))
    change = Change(requires=((mine[0], entry.revision),), puts=(mine, *puts))
    return await ledger.store.commit(change) is not None


def _stale(found: tuple[Entry, ...]) -> tuple[Entry, ...]:
    return found[: max(0, len(found) - KEPT)]


def _note(ledger: Ledger, request: Request, text: str, *, by: str = "") -> tuple[str, bytes]:
    parameters = msgspec.json.decode(request.parameters, type=dict[str, object])
    data: dict[str, object] = {
        "request": request.number,
        "action": request.kind,
        "parameters": parameters,
        "state": request.state,
    }
    return ledger.line("request", text, endpoint=request.about, by=by or request.by, data=data)
