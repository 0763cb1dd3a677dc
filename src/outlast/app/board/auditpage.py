"""The audit's findings on the topology's file as it is now: the same rules as `outlast audit`."""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from outlast.app.audit.outcome import Outcome
from outlast.app.audit.shown import Shown
from outlast.app.board.desk import Desk
from outlast.app.board.frame import Frame, render
from outlast.app.board.once import Once
from outlast.app.board.pages import asked
from outlast.audit.finding import Severity
from outlast.glass.listing import Search
from outlast.model.errors import OutlastError
from outlast.model.units import utc

KINDS = {Severity.ERROR: "bad", Severity.WARNING: "warn", Severity.NOTE: "none"}
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Judged:
    """What the audit says; `why` it says nothing."""

    outcome: Outcome | None
    why: str = ""


def judged(file: str, text: str, today: date) -> Judged:
    """Judge a text as `outlast audit` does."""
    # Imported when somebody looks: the rules are many.
    from outlast.app.commands.audit import Wanted, examine  # noqa: PLC0415
    from outlast.audit.run import ALL  # noqa: PLC0415

    try:
        return Judged(examine(file, text, Wanted(choice=ALL, today=today, baseline=None)))
    except OutlastError as error:
        return Judged(None, str(error))


def audit(found: Judged, search: Search, frame: Frame, file: str) -> str:
    """Return the page of findings."""
    shown: list[Shown] = list(found.outcome.shown) if found.outcome is not None else []
    listed = search.find(
        [one for one in shown if one.counts],
        lambda one: (one.rule.code, one.finding.hit.message, one.field),
        lambda one: one.finding.severity is Severity.ERROR,
        PAGE_SIZE,
    )
    return render(
        "audit.html",
        frame,
        outcome=found.outcome,
        why=found.why,
        found=listed,
        accepted=[one for one in shown if one.reason],
        kinds=KINDS,
        search=search,
        file=file,
    )


class AuditPage:
    """Judges each text once a day: rules on dates change with the day."""

    def __init__(self) -> None:
        self._once: Once[Judged] = Once()

    async def show(self, desk: Desk, request: Request) -> Response:
        """Answer with the findings."""
        world = desk.session.world
        today = utc(world.clock.now_ns()).date()
        frame = desk.frame(request, "/audit")
        try:
            text = world.file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            found = Judged(None, f"{world.file} cannot be read: {error}")
            return desk.page(request, audit(found, asked(request), frame, world.file.name))
        key = (sha256(text.encode()).hexdigest(), today)
        found = await self._once.get(key, lambda: judged(str(world.file), text, today))
        return desk.page(request, audit(found, asked(request), frame, world.file.name))
