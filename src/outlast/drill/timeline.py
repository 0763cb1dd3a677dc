"""The timeline of a run: which faults last, which actions have been taken, and what comes next.

Operators act at a time, or by a rule: once less than `when_below` of a service's demand has been served for
`when_for_s`, and `delay_s` later. A repair ends every fault of its subject (in its region, if it names one).
"""

from dataclasses import dataclass, field, replace

from outlast.drill.scenario import Act, ActionKind, Fault, Scenario


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
    """

    to_begin: list[Fault]
    to_act: list[Act]
    waiting: list[tuple[Act, float | None]]
    lasting: list[Fault] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)

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

    def advance(self, now_s: float) -> tuple[list[Fault], list[Fault], list[Act]]:
        """Return faults that begin, faults that end and actions that are taken by now."""
        begun = [one for one in self.to_begin if one.at_s <= now_s]
        self.to_begin = self.to_begin[len(begun) :]
        self.lasting += begun
        acts = [one for one in self.to_act if (one.at_s or 0.0) <= now_s]
        self.to_act = self.to_act[len(acts) :]
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


def _repairs(action: Act, fault: Fault) -> bool:
    return (
        action.kind is ActionKind.REPAIR
        and action.subject == fault.subject
        and action.region in {"", fault.region}
    )


def _at(rule: Act, at_s: float) -> Act:
    return replace(rule, at_s=at_s)
