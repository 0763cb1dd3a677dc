"""Incidents in the store: one key each; whatever is done to one stands in the journal by the same commit."""

from collections.abc import Callable

import msgspec

from outlast.drivers import entries
from outlast.drivers.ledger import Ledger
from outlast.glass.incident import Incident, Update
from outlast.model.errors import ConfigError, StoreError
from outlast.ports import Change

_INCIDENT = msgspec.json.Decoder(Incident)
ATTEMPTS = 5


def _key(number: int) -> str:
    return f"incident/{number:06d}"


async def all_incidents(ledger: Ledger) -> list[Incident]:
    """Return every incident, newest first."""
    page = await ledger.store.scan("incident/")
    return [entries.decode(_INCIDENT, one) for one in reversed(page.entries)]


async def open_incident(ledger: Ledger, make: Callable[[int], Incident], *, by: str) -> Incident:
    """Put a new incident on record; `make` is given its number.

    Raises:
        StoreError: others open incidents at the same time, again and again.
    """
    for _ in range(ATTEMPTS):
        known = await all_incidents(ledger)
        incident = make(known[0].number + 1 if known else 1)
        note = _note(ledger, incident, f"opened: {incident.title}", by=by)
        if await _put(ledger, incident, 0, note):
            return incident
    raise StoreError("incidents are being opened by others all the time", remedy="try again")


async def update_incident(ledger: Ledger, number: int, update: Update) -> Incident:
    """Add an update to an incident.

    Raises:
        ConfigError: there is no such incident, or no update of the number that it revises.
        StoreError: others update it at the same time, again and again.
    """
    for _ in range(ATTEMPTS):
        entry = await ledger.store.get(_key(number))
        if entry is None:
            raise ConfigError(
                f"there is no incident {number}", remedy="`outlast incident list` shows them"
            )
        try:
            incident = entries.decode(_INCIDENT, entry).updated(update)
        except ValueError as error:
            raise ConfigError(
                str(error),
                remedy="`outlast incident list --json` shows its updates; the first is number 1",
            ) from error
        said = "said in public" if update.public else "noted"
        text = f"{said} ({update.phase}): {update.text}"
        if await _put(
            ledger, incident, entry.revision, _note(ledger, incident, text, by=update.by)
        ):
            return incident
    raise StoreError(
        f"incident {number} is being updated by others all the time", remedy="try again"
    )


async def _put(ledger: Ledger, incident: Incident, revision: int, note: tuple[str, bytes]) -> bool:
    """Put an incident in the place of its last revision (0: none), and its note; False: others were first."""
    mine = (_key(incident.number), msgspec.json.encode(incident))
    change = Change(requires=((mine[0], revision),), puts=(mine, note))
    return await ledger.store.commit(change) is not None


def _note(ledger: Ledger, incident: Incident, text: str, *, by: str) -> tuple[str, bytes]:
    data: dict[str, object] = {"incident": incident.number, "phase": incident.phase}
    event = "exercise" if incident.exercise else "incident"
    return ledger.line(event, f"incident {incident.number} {text}", endpoint="", by=by, data=data)
