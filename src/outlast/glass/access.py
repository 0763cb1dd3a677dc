"""Access: who may look, who may act, and who may agree to what another asked for. Rules alone.

A dangerous action waits for a second person. That is worth something only if the second is another one, and
a person: whoever asked cannot agree, and no machine can, or an operator would make a token and agree with
that. Two accounts of one person cannot be told apart here; whoever hands out accounts can.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from outlast.model.units import Nanos, seconds

WAITS_S = 3600.0
"""How long a request waits for its second person: what was true when it was asked for goes stale."""


class Role(StrEnum):
    """What somebody may do; each may do what those before it may."""

    READER = "reader"
    OPERATOR = "operator"
    APPROVER = "approver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Whoever was recognised.

    Attributes:
        name: of the account or token; two with the same name are the same.
        owner: of a token: the account that answers for it; empty: this is a person.
    """

    name: str
    role: Role
    owner: str = ""

    @property
    def machine(self) -> bool:
        """Whether a token spoke, not a person."""
        return bool(self.owner)

    @property
    def person(self) -> str:
        """The account that answers for it."""
        return self.owner or self.name


class State(StrEnum):
    """How far a request is."""

    WAITING = "waiting"
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An action that somebody asked for on the board or through the interface for machines.

    Attributes:
        kind: which action, such as `evacuate`.
        parameters: of the action, as JSON.
        about: the endpoint that it concerns; empty: everything, or no endpoint.
        reason: why; never empty.
        by: who asked.
        owner: of the token that asked: the account that answers for it; empty: a person asked.
        state: as it is kept; `at` tells what it is by now.
        until_ns: until when it waits; 0: it needed nobody else.
        second: who agreed, declined or withdrew it; empty: nobody.
        second_ns: when.
        said: what the action said in the end, for people.
    """

    number: int
    kind: str
    parameters: str
    reason: str
    by: str
    at_ns: Nanos
    state: State
    about: str = ""
    owner: str = ""
    until_ns: Nanos = Nanos(0)
    second: str = ""
    second_ns: Nanos = Nanos(0)
    said: str = ""

    @property
    def person(self) -> str:
        """The account that answers for it."""
        return self.owner or self.by

    def at(self, now_ns: int) -> "Request":
        """Return it as it stands at a moment: one that waited too long has expired."""
        over = self.state is State.WAITING and now_ns > self.until_ns
        return replace(self, state=State.EXPIRED) if over else self


def waits_until(now_ns: int) -> Nanos:
    """Return until when a request waits that is made now."""
    return Nanos(now_ns + seconds(WAITS_S))


def cannot_read(who: Who | None, *, is_open: bool) -> str:
    """Return why somebody may not look; empty: may.

    Args:
        is_open: whether everybody who reaches the board may read it, as on loopback.
    """
    return "" if is_open or who is not None else "you are not logged in"


def cannot_act(who: Who | None) -> str:
    """Return why somebody may not act; empty: may."""
    if who is None:
        return "you are not logged in"
    if who.role is Role.READER:
        return f"{who.name} may read and not act"
    return ""


def cannot_decide(who: Who | None, request: Request, asker: Role | None) -> str:
    """Return why somebody may not agree to a request; empty: may.

    Args:
        request: as it stands now.
        asker: the role that whoever asked has by now; None: none any more.
    """
    if refused := cannot_act(who):
        return refused
    if who is None or who.role is not Role.APPROVER:
        return "only an approver may agree to what another asked for"
    if who.machine:
        return "a token is nobody's second person"
    if who.name == request.person:
        return "you asked for it yourself: it takes a second person"
    if request.state is not State.WAITING:
        return f"it does not wait any more: it is {request.state}"
    if asker is None or asker is Role.READER:
        return f"{request.by}, who asked for it, may not act any more"
    return ""


def cannot_decline(who: Who | None, request: Request) -> str:
    """Return why somebody may not end a request undone; empty: may. Whoever asked may always withdraw."""
    if refused := cannot_act(who):
        return refused
    if request.state is not State.WAITING:
        return f"it does not wait any more: it is {request.state}"
    mine = who is not None and who.person == request.person
    if not mine and (who is None or who.role is not Role.APPROVER):
        return "only an approver, or whoever asked for it, may end it"
    return ""
