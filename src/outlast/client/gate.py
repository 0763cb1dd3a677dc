"""The heart of a dependency: circuits, permits, budget and what is wrong now. No clock, no IO.

There is one circuit for each host of the region list, since the second region must not be refused because
the first one failed. `quick` is the one flag that the way of a good call looks at: the home circuit is
closed, nothing is switched off, and the last call did not fail. `shut_until_s` is the same for the way of a
refused call: until then nothing will be sent home, so that a constant can be returned after one comparison.
"""

import os
import threading
import weakref
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from outlast.client.breaker import Breaker, Cause, Limits, State
from outlast.client.budget import Budget
from outlast.client.bulkhead import Bulkhead
from outlast.client.facts import Degraded, Fact, Failed, Hooks, Moved
from outlast.client.latency import Latencies
from outlast.client.record import RECORD

Outcome = TypeVar("Outcome")


class Trouble(NamedTuple):
    """What is wrong with a dependency now.

    Attributes:
        why: as in `facts.Degraded`.
        by: what answers instead; empty: nothing does.
        since_s: monotonic second of the first call it happened to.
        calls: how many calls it happened to, refused ones that a constant answered apart.
    """

    why: str
    by: str
    since_s: float
    calls: int


class Gate:
    """What all guarded functions of one dependency share."""

    __slots__ = (
        "__weakref__",
        "budget",
        "bulkhead",
        "circuits",
        "home",
        "hooks",
        "hosts",
        "latencies",
        "lock",
        "name",
        "off",
        "quick",
        "shed",
        "shut_until_s",
        "trouble",
    )  # fmt: skip

    def __init__(
        self, name: str, hosts: tuple[str, ...], limits: Limits, hooks: Hooks, *, concurrent: int
    ) -> None:
        self.name = name
        self.hosts = hosts
        self.circuits = [Breaker(limits) for _ in hosts or ("",)]
        self.home = self.circuits[0]
        self.bulkhead = Bulkhead(concurrent)
        self.budget: Budget | None = None
        self.latencies: Latencies | None = None
        self.hooks = hooks
        self.lock = threading.Lock()
        self.off = ""
        self.shed = 0
        self.quick = True
        self.shut_until_s = float("-inf")
        self.trouble: Trouble | None = None
        ref = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _renew(ref))

    def refresh(self) -> None:
        """Work out `quick` and `shut_until_s` anew, after anything they depend on has moved."""
        state = self.home.state
        self.quick = state is State.CLOSED and not self.off and self.trouble is None
        self.shut_until_s = float("-inf")
        if self.off or state is State.HELD_OPEN:
            self.shut_until_s = float("inf")
        elif state is State.OPEN:
            self.shut_until_s = self.home.moved_at_s + self.home.limits.open_s

    def admit(self, region: int, at_s: float) -> bool:
        """Whether a call to a region may go out now; True may take a probe's place."""
        return self._moving(region, lambda circuit: circuit.admit(at_s))

    def succeeded(self, region: int, at_s: float) -> None:
        """A call to a region came back well and in time."""
        self._moving(region, lambda circuit: circuit.succeeded(at_s))
        if region == 0:
            self.trouble = None
            self.refresh()

    def settle(self, region: int, took_s: float, slow_s: float, at_s: float) -> None:
        """A call to a region came back with a result: well, or too slowly."""
        if took_s > slow_s:
            self.failed(region, at_s)
            return
        if self.latencies is not None:
            self.latencies.durations_s.append(took_s)
        self.succeeded(region, at_s)

    def refused_why(self) -> str:
        """Say why nothing is sent home."""
        return "switched-off" if self.off else "open"

    def failed(self, region: int, at_s: float) -> None:
        """A call to a region failed."""
        self._moving(region, lambda circuit: circuit.failed(at_s))

    def abandoned(self, region: int) -> None:
        """A call's own caller left it."""
        self._moving(region, Breaker.abandoned)

    def hold(self, cause: Cause, at_s: float) -> None:
        """Carry out a person's word on all circuits."""
        for region in range(len(self.circuits)):
            self._moving(region, lambda circuit: circuit.hold(cause, at_s))

    def may_retry(self) -> bool:
        """Take a token for a retry or a hedge, if there is one."""
        with self.lock:
            successes = sum(circuit.successes for circuit in self.circuits)
            return self.budget is not None and self.budget.spend(successes)

    def switch_off(self, why: str) -> None:
        """Send no calls while `why` is not empty."""
        self.off = why
        self.refresh()

    def degraded(self, fact: Degraded | Failed, at_s: float) -> None:
        """Note that a call was not served as it should be, and tell."""
        record = RECORD.get()
        if record is not None:
            record.append(fact)
        by = fact.by if isinstance(fact, Degraded) else ""
        past = self.trouble
        calls, since_s = (past.calls, past.since_s) if past else (0, at_s)
        self.trouble = Trouble(fact.why, by, since_s, calls + 1)
        self.quick = False
        self.tell(fact)

    def shed_aloud(self, by: str) -> None:
        """Tell of a call that a constant answered while nothing is sent home."""
        fact = Degraded(self.name, self.refused_why(), by)
        record = RECORD.get()
        if record is not None:
            record.append(fact)
        self.tell(fact)

    def reset(self, at_s: float) -> None:
        """Close all circuits, fill the budget, forget all trouble."""
        for circuit in self.circuits:
            circuit.hold(Cause.HOLD_CLOSED, at_s)
            circuit.hold(Cause.RELEASE, at_s)
        if self.budget is not None:
            self.budget.tokens = self.budget.cap
        self.trouble = None
        self.refresh()

    def tell(self, fact: Fact) -> None:
        """Tell the hooks."""
        self.hooks.tell(fact)

    def _moving(self, region: int, step: Callable[[Breaker], Outcome]) -> Outcome:
        circuit = self.circuits[region]
        with self.lock:
            before = circuit.state
            outcome = step(circuit)
            now = circuit.state
        if now is not before:
            self.refresh()
            self.tell(Moved(self.name, self.hosts[region] if self.hosts else "", now))
        return outcome


def _renew(ref: "weakref.ref[Gate]") -> None:
    """After a fork: no thread of the child holds the lock or a permit, whatever the parent's did."""
    gate = ref()
    if gate is not None:
        gate.lock = threading.Lock()
        gate.bulkhead.permits[:] = [None] * gate.bulkhead.limit
