"""The timeline of a run: which faults last, which actions have been taken, and what comes next.

Operators act at a time, or by a rule: once less than `when_below` of a service's demand has been served for
`when_for_s`, and `delay_s` later. A repair ends every fault of its subject (in its region, if it names one).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from outlast.drill.scenario import Act, ActionKind, Fault, Scenario

AGAIN_S = 60.0
"""How long operators wait before they try again what could not be done."""


@dataclass(slots=True)
class Taken:
    """An action that was taken, and when."""

    act: Act
    at_s: float

    def share(self, now_s: float) -> float:
        """Return how far it has come into effect."""
        if self.act.ramp_s <= 0:
            return 1.0
        return min(1.0, max(0.0, (now_s - self.at_s) / self.act.ramp_s))


@dataclass(slots=True)
class Timeline:
    """Where a run stands.

    Attributes:
        lasting: faults that go on.
        taken: actions taken so far, in order.
        waiting: rules that have not fired yet, with the time since which their condition has held.
        refused: what could not be done when time last went on, and could before.
        known: what is known to wait.
    """

    to_begin: list[Fault]
    to_act: list[Act]
    waiting: list[tuple[Act, float | None]]
    lasting: list[Fault] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    refused: list[Act] = field(default_factory=list)
    known: set[tuple[str, str, str]] = field(default_factory=set)

    @classmethod
    def of(cls, scenario: Scenario) -> "Timeline":
        """Lay out a scenario's faults and actions in time."""
        return cls(
            to_begin=sorted(scenario.faults, key=lambda one: one.at_s),
            to_act=sorted(
                (one for one in scenario.actions if one.at_s is not None),
                key=lambda one: one.at_s or 0.0,
            ),
            waiting=[(one, None) for one in scenario.actions if one.at_s is None],
        )

    def advance(
        self, now_s: float, allows: Callable[[Act], bool] = lambda _: True
    ) -> tuple[list[Fault], list[Fault], list[Act]]:
        """Return faults that begin, faults that end and actions that are taken by now.

        Args:
            allows: whether an action can be taken; what cannot is tried again a minute later.
        """
        begun = [one for one in self.to_begin if one.at_s <= now_s]
        self.to_begin = self.to_begin[len(begun) :]
        self.lasting += begun
        due = [one for one in self.to_act if (one.at_s or 0.0) <= now_s]
        acts = [one for one in due if allows(one)]
        again = [_at(one, now_s + AGAIN_S) for one in due if one not in acts]
        self.refused = [one for one in again if _what(one) not in self.known]
        self.known |= {_what(one) for one in again}
        self.to_act = [*self.to_act[len(due) :], *again]
        self.to_act.sort(key=lambda one: one.at_s or 0.0)
        self.taken += [Taken(one, now_s) for one in acts]
        over = [one for one in self.lasting if one.until_s is not None and one.until_s <= now_s]
        over += [
            one
            for one in self.lasting
            if one not in over and any(_repairs(action, one) for action in acts)
        ]
        self.lasting = [one for one in self.lasting if one not in over]
        return begun, over, acts

    def fire(self, served: dict[str, float], now_s: float) -> None:
        """Look at the rules; those that fire become actions on the timeline."""
        left: list[tuple[Act, float | None]] = []
        for rule, since in self.waiting:
            low = served.get(rule.when_service, 1.0) < rule.when_below
            began = (since if since is not None else now_s) if low else None
            if began is not None and now_s - began >= rule.when_for_s:
                self.to_act.append(_at(rule, now_s + rule.delay_s))
                self.to_act.sort(key=lambda one: one.at_s or 0.0)
            else:
                left.append((rule, began))
        self.waiting = left

    def ramping(self, now_s: float) -> bool:
        """Whether an action is still coming into effect."""
        return any(one.share(now_s) < 1.0 for one in self.taken)

    @property
    def next_s(self) -> float:
        """When something next begins, ends or is done; infinite: never."""
        times = [one.at_s for one in self.to_begin[:1]]
        times += [one.at_s or 0.0 for one in self.to_act[:1]]
        times += [one.until_s for one in self.lasting if one.until_s is not None]
        return min(times, default=float("inf"))


def _what(act: Act) -> tuple[str, str, str]:
    return str(act.kind), act.subject, act.region


def _repairs(action: Act, fault: Fault) -> bool:
    return (
        action.kind is ActionKind.REPAIR
        and action.subject == fault.subject
        and action.region in {"", fault.region}
    )


def _at(rule: Act, at_s: float) -> Act:
    return replace(rule, at_s=at_s)
