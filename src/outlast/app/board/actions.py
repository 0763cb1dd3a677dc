"""Actions: what can be changed from the board and by machines: what the command line can, and nothing else.

Each is a form with the command's own parameters and ends in the command's own function. That function shows
first what would be done, in the command's words, and asks; a preview says no. Who sends the form says what
they saw, by digest; the function asks again, and if it would do anything else by then, nothing is done.
"""

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256

from rich.console import Console

from outlast.app.board import forms
from outlast.app.commands.apply import publish_wanted
from outlast.app.commands.evacuate import begin_evacuation, begin_return, region_of
from outlast.app.commands.freeze import lift_freeze, place_freeze, place_waiver
from outlast.app.commands.incident import put_opening, put_saying
from outlast.app.commands.release import check_orphan, take_out
from outlast.app.commands.rescue import bring_back, choose
from outlast.app.commands.rollback import roll_back
from outlast.app.options import duration_s, find_endpoint, until
from outlast.app.remembered import remember
from outlast.app.session import DECLINED, Agree, Session
from outlast.core.guard import WAIVABLE
from outlast.model.errors import ConfigError
from outlast.model.names import EndpointName
from outlast.model.override import Evacuation, Freeze, Waiver
from outlast.model.topology import Endpoint
from outlast.model.units import Generation

WAIT_S = 30.0
"""How long publishing may take until it counts as not confirmed."""
WIDTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where an action happens.

    Attributes:
        by: who asked for it.
        reason: why.
    """

    session: Session
    out: Console
    by: str
    reason: str


def _scope(session: Session, text: str) -> EndpointName | None:
    return None if text == forms.EVERYTHING else find_endpoint(session.world, text).name


def _endpoints(session: Session, text: str) -> list[Endpoint]:
    world = session.world
    whole = text == forms.EVERYTHING
    return list(world.topology.endpoints) if whole else [find_endpoint(world, text)]


async def _apply(form: forms.Apply, site: Site, agree: Agree) -> int:
    endpoints = _endpoints(site.session, form.endpoint)
    return await publish_wanted(site.session, site.out, endpoints, agree=agree, wait_s=WAIT_S)


async def _freeze(form: forms.Freeze, site: Site, agree: Agree) -> int:
    world = site.session.world
    freeze = Freeze(
        endpoint=_scope(site.session, form.endpoint),
        reason=site.reason,
        by=site.by,
        at_ns=world.clock.now_ns(),
        until_ns=until(world, duration_s(form.length)) if form.length else None,
    )
    return await place_freeze(site.session, site.out, freeze, agree)


async def _thaw(form: forms.Thaw, site: Site, agree: Agree) -> int:
    scope = _scope(site.session, form.endpoint)
    return await lift_freeze(site.session, site.out, scope, by=site.by, agree=agree)


async def _waive(form: forms.Waive, site: Site, agree: Agree) -> int:
    if form.rule not in WAIVABLE:
        raise ConfigError(
            f"no rule {form.rule!r} can be waived", remedy=f"these can: {', '.join(WAIVABLE)}"
        )
    world = site.session.world
    waiver = Waiver(
        rule=form.rule,
        endpoint=_scope(site.session, form.endpoint),
        reason=site.reason,
        by=site.by,
        at_ns=world.clock.now_ns(),
        until_ns=until(world, duration_s(form.length)),
    )
    return await place_waiver(site.session, site.out, waiver, agree)


def _evacuation(
    form: forms.Evacuate | forms.Restore, site: Site, *, returning: bool = False
) -> Evacuation:
    world = site.session.world
    return Evacuation(
        region=region_of(world, form.region),
        reason="coming back" if returning else site.reason,
        by=site.by,
        at_ns=world.clock.now_ns(),
        step_count=form.steps,
        step_s=duration_s(form.every),
        returning=returning,
    )


async def _evacuate(form: forms.Evacuate, site: Site, agree: Agree) -> int:
    return await begin_evacuation(site.session, site.out, _evacuation(form, site), agree=agree)


async def _restore(form: forms.Restore, site: Site, agree: Agree) -> int:
    back = _evacuation(form, site, returning=True)
    return await begin_return(site.session, site.out, back, agree)


async def _rollback(form: forms.Rollback, site: Site, agree: Agree) -> int:
    world = site.session.world
    endpoint = find_endpoint(world, form.endpoint)
    freeze = Freeze(
        endpoint=endpoint.name,
        reason=f"rolled back to {form.to}: {site.reason}",
        by=site.by,
        at_ns=world.clock.now_ns(),
        until_ns=until(world, duration_s(form.hold)) if form.hold else None,
    )
    target = Generation(form.to)
    return await roll_back(site.session, site.out, endpoint, target, freeze=freeze, agree=agree)


async def _rescue(form: forms.Rescue, site: Site, agree: Agree) -> int:
    world = site.session.world
    good = await remember(world, world.state.last_good_files(), content=True)
    names = [one.name for one in _endpoints(site.session, form.endpoint)]
    if form.endpoint == forms.EVERYTHING:
        names = [one for one in names if one in good.entries]
    if not names:
        raise ConfigError(
            "no last known good publication is on this machine",
            remedy="run `outlast rescue` where enactors have run",
        )
    wanted = list(choose(world, good, tuple(names)))
    return await bring_back(world, site.out, good, wanted, agree=agree)


async def _release(form: forms.Release, site: Site, agree: Agree) -> int:
    check_orphan(site.session.world, form.endpoint)
    name = EndpointName(form.endpoint)
    return await take_out(site.session, site.out, name, agree, keep_records=form.keep_records)


async def _open(form: forms.IncidentOpen, site: Site, agree: Agree) -> int:
    site.out.print(f"{form.impact}: {form.title}\n{form.say}", markup=False)
    if not agree(f"open an incident: {form}"):
        return DECLINED
    now_ns = site.session.world.clock.now_ns()
    found = await put_opening(site.session.ledger, form, site.by, now_ns)
    site.out.print(f"incident {found.number} is open: {found.title}", markup=False)
    return 0


async def _say(form: forms.IncidentSay, site: Site, agree: Agree) -> int:
    where = "a note for ourselves" if form.private else "in public"
    site.out.print(f"about incident {form.number}, {where}:\n{form.say}", markup=False)
    if not agree(f"say: {form}"):
        return DECLINED
    now_ns = site.session.world.clock.now_ns()
    found = await put_saying(site.session.ledger, form, site.by, now_ns)
    site.out.print(f"incident {found.number}: {found.phase}, {len(found.updates)} updates")
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of action.

    Attributes:
        name: as in addresses and in the journal.
        form: what it asks for; its docstring says what it does.
        run: shows what would be done, asks, and does it; returns the command's exit code.
        dangerous: whether it takes a second person: it removes, or switches off what protects.
        words: the field that is its own reason, since it says in public what and why; empty: none is.
    """

    name: str
    title: str
    form: type
    run: Callable[..., Awaitable[int]]
    dangerous: bool = False
    words: str = ""

    @property
    def about(self) -> str:
        """One line on what it does."""
        return (self.form.__doc__ or "").partition("\n")[0]


KINDS = (
    Kind(name="freeze", title="Freeze", form=forms.Freeze, run=_freeze),
    Kind(name="thaw", title="Thaw", form=forms.Thaw, run=_thaw),
    Kind(name="apply", title="Apply", form=forms.Apply, run=_apply),
    Kind(name="evacuate", title="Evacuate", form=forms.Evacuate, run=_evacuate, dangerous=True),
    Kind(name="restore", title="Restore", form=forms.Restore, run=_restore),
    Kind(name="rollback", title="Roll back", form=forms.Rollback, run=_rollback, dangerous=True),
    Kind(name="waive", title="Waive a rule", form=forms.Waive, run=_waive, dangerous=True),
    Kind(name="rescue", title="Rescue", form=forms.Rescue, run=_rescue, dangerous=True),
    Kind(name="release", title="Release", form=forms.Release, run=_release, dangerous=True),
    Kind(
        name="incident-open",
        title="Open an incident",
        form=forms.IncidentOpen,
        run=_open,
        words="say",
    ),
    Kind(
        name="incident-say",
        title="Say about an incident",
        form=forms.IncidentSay,
        run=_say,
        words="say",
    ),
)


def find(name: str) -> Kind | None:
    """Return a kind of action by its name."""
    return next((one for one in KINDS if one.name == name), None)


def about(form: object) -> str:
    """Return the endpoint that a form that is filled in concerns; empty: everything, or none."""
    name = str(getattr(form, "endpoint", ""))
    return "" if name == forms.EVERYTHING else name


@dataclass(slots=True)
class Shown:
    """What an action said, and what it asked.

    Attributes:
        code: the command's exit code.
        asked: what would be done, each as the action named it; empty: nothing can be.
        agreed: how many of them somebody had seen and wanted.
    """

    text: str = ""
    code: int = 0
    asked: list[str] = field(default_factory=list)
    agreed: int = 0

    @property
    def mark(self) -> str:
        """What names exactly this."""
        return ".".join(map(_digest, self.asked))

    @property
    def changed(self) -> bool:
        """Whether it would do something else by now than was seen."""
        return self.agreed < len(self.asked)


def _digest(what: str) -> str:
    return sha256(what.encode()).hexdigest()[:16]


async def carry_out(
    kind: Kind, form: object, session: Session, *, by: str, reason: str, seen: str = ""
) -> Shown:
    """Carry an action out, as far as it is what somebody saw.

    Args:
        seen: the mark of what was seen; empty: nothing was, so nothing is done: a preview.

    Raises:
        OutlastError: as the command does.
    """
    wanted = seen.split(".") if seen else []
    out = Console(file=io.StringIO(), width=WIDTH, highlight=False, soft_wrap=True)
    shown = Shown()

    def agree(what: str) -> bool:
        shown.asked.append(what)
        if _digest(what) not in wanted:
            return False
        shown.agreed += 1
        return True

    site = Site(session=session, out=out, by=by, reason=reason)
    shown.code = await kind.run(form, site, agree)
    shown.text = out.file.getvalue() if isinstance(out.file, io.StringIO) else ""
    return shown
