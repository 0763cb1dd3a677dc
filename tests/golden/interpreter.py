"""Text scenarios: a script drives planner and three enactors over a model DNS; out comes a line a transition.

A scenario file holds both. Lines with `#` are words, with `=` the endpoint, with `>` the script; everything
else is the trace, written by the interpreter. Time runs only from line to line: between two of them whatever
planner and enactors asked to be woken for happens.
"""

from dataclasses import replace

from tests.support.builders import (
    DOWN,
    NAME,
    T0,
    UP,
    addresses,
    at,
    evacuation,
    freeze,
    nonce,
    provider,
    situation,
    target,
    vote,
    waiver,
)
from tests.support.modeldns import Zone, apply, drop, put, read

from outlast.core import enact, loop
from outlast.core.adopt import RESCUE_LEAP
from outlast.core.messages import (
    Announce,
    CommitLost,
    CommitPlan,
    Confirm,
    Confirmed,
    EnactCommand,
    EnactEvent,
    FetchNewest,
    HeadChanged,
    HealthChanged,
    LoopCommand,
    LoopEvent,
    Newest,
    Observed,
    OverridesChanged,
    PlaceFreeze,
    Read,
    ReadProvider,
    ReportDrift,
    Ticked,
    TopologyChanged,
    WakeAt,
    Woken,
    Write,
    Wrote,
)
from outlast.core.observe import RegionView, VantageView, combine, find_sick
from outlast.core.plan import layout_of, make
from outlast.core.transact import move
from outlast.model.fence import RESCUER, Fence, parse_fence
from outlast.model.health import Health, Verdict
from outlast.model.names import EnactorName, RegionName, VantageName
from outlast.model.override import Evacuation, Freeze, Override
from outlast.model.plan import Outcome, OutcomeKind, Plan, Receipt, Severity
from outlast.model.records import Family, RecordSet, RecordType
from outlast.model.topology import Endpoint, Settings, subject_of
from outlast.model.units import NO_GENERATION, Generation, Nanos, seconds

VANTAGES = ("v1", "v2", "v3")
SETTINGS = Settings()


class Interpreter:
    """One endpoint's little world, and the words that change it."""

    def __init__(self, of: Endpoint, *, weighted: bool) -> None:
        self.of = of
        self.provider = provider(weighted=weighted)
        self.layout = layout_of(of, self.provider)
        self.now = 0.0
        self.out: list[str] = []
        self.zone: Zone = ()
        self.plans: list[Plan] = []
        self.confirmed = NO_GENERATION
        self.planner = loop.State()
        self.away = False
        self.wakes: set[float] = set()
        self.enactors = {
            name: enact.State(enactor=EnactorName(name), layout=self.layout)
            for name in ("e1", "e2", "e3")
        }
        self.paused: dict[str, Write | None] = {}
        self.drawn = 0
        self.failing: dict[tuple[str, str], float] = {}
        self.health: dict[str, Health] = {}
        self.overrides: list[Override] = []

    def say(self, what: str) -> None:
        self.out.append(f"  {self.now:g}s {what}")

    # the planner

    def tell(self, *events: LoopEvent) -> None:
        """Give the planner events, and carry its commands out until it asks for nothing more."""
        if self.away:
            return
        self.planner, commands = loop.step(self.planner, self._fresh_health(), *events)
        for command in commands:
            self._obey(command)

    def _obey(self, command: LoopCommand) -> None:
        match command:
            case CommitPlan(plan=plan, ruling=ruling, expected=expected):
                if (self.plans[-1].generation if self.plans else 0) != expected:
                    self.say(f"commit of {plan.generation} is lost")
                    self.tell(CommitLost(at_ns=at(self.now)))
                    return
                self.plans.append(plan)
                self.say(f"{plan}: {plan.reason}")
                for one in ruling.findings:
                    self.say(f"  {one.severity} {one.rule}: {one.message}")
                self.tell(HeadChanged(plan=plan, at_ns=at(self.now)))
            case Announce(ruling=ruling):
                for one in ruling.findings:
                    if one.severity is Severity.BLOCK and not one.overridden:
                        self.say(f"blocked by {one.rule}: {one.message}")
            case PlaceFreeze(freeze=placed):
                self.say(f"frozen: {placed.reason}")
                self.overrides.append(placed)
                self.tell(OverridesChanged(overrides=tuple(self.overrides), at_ns=at(self.now)))
            case WakeAt(at_ns=at_ns):
                self.wakes.add(at_ns / 1e9 - T0)

    def _fresh_health(self) -> HealthChanged:
        """What the vantages say now, sick ones without a vote."""
        sick = find_sick(
            tuple(self._view(one) for one in VANTAGES),
            sick_ratio=SETTINGS.sick_ratio,
            window_ns=seconds(SETTINGS.sick_window_s),
        )
        for one in self.of.targets:
            subject = subject_of(self.of.name, one.name, Family.IPV4)
            votes = tuple(
                vote(self._seen(name, one.name), name, trusted=name not in sick)
                for name in VANTAGES
            )
            self.health[subject] = combine(
                subject,
                tuple((ballot, at(self.now)) for ballot in votes),
                before=self.health.get(subject),
                now_ns=at(self.now),
                max_age_ns=seconds(SETTINGS.evidence_max_age_s),
            )
        return HealthChanged(
            health=tuple(self.health.values()), sick=tuple(sorted(sick)), at_ns=at(self.now)
        )

    def _seen(self, vantage: str, name: str) -> Verdict:
        return DOWN if (vantage, name) in self.failing else UP

    def _view(self, vantage: str) -> VantageView:
        regions = []
        for region in dict.fromkeys(one.region for one in self.of.targets):
            mine = [one.name for one in self.of.targets if one.region == region]
            onsets = sorted(self.failing[vantage, n] for n in mine if (vantage, n) in self.failing)
            most = len(onsets) * 2 > len(mine)
            regions.append(
                RegionView(
                    region=RegionName(region),
                    judged=len(mine),
                    failing=len(onsets),
                    onset_ns=at(onsets[len(mine) // 2]) if most else None,
                )
            )
        return VantageView(
            vantage=VantageName(vantage), regions=tuple(regions), heard_at_ns=at(self.now)
        )

    # the enactors

    def enact_all(self) -> None:
        """Wake every enactor until all rest."""
        for name in self.enactors:
            if not self.away and not self.paused.get(name):
                self.work(name, Woken(layout=self.layout, at_ns=at(self.now)))

    def work(self, name: str, event: EnactEvent) -> None:
        """Feed one enactor an event, and carry out what it asks for."""
        following: EnactEvent | None = event
        while following is not None:
            self.enactors[name], commands = enact.step(self.enactors[name], following)
            following = None
            for command in commands:
                following = self._answer(name, command) or following

    def _answer(self, name: str, command: EnactCommand) -> EnactEvent | None:
        match command:
            case ReadProvider(layout=layout):
                found = read(self.zone, layout, at(self.now))
                return Read(observation=found, at_ns=at(self.now))
            case FetchNewest():
                return self._newest()
            case Write() if name in self.paused:
                self.paused[name] = command
                self.say(f"{name} pauses before its write")
            case Write():
                return self.serve(name, command)
            case Confirm(receipt=receipt):
                self._confirmed(receipt)
            case ReportDrift(drift=drift, observation=found, seen=seen):
                self.say(f"{name} finds {drift.kind}: {drift.message}")
                if found is not None:
                    self.tell(Observed(observation=found, seen=seen, at_ns=at(self.now)))
            case _:
                self.wakes.add(command.at_ns / 1e9 - T0)
        return None

    def _confirmed(self, receipt: Receipt) -> None:
        if receipt.fence.generation > self.confirmed or receipt.healed:
            healed = f" (healed: {receipt.healed})" if receipt.healed else ""
            self.say(f"{receipt.enactor} confirms {receipt.fence.generation}{healed}")
        self.confirmed = max(self.confirmed, receipt.fence.generation)
        self.tell(Confirmed(receipt=receipt, at_ns=at(self.now)))

    def _newest(self) -> Newest:
        self.drawn += 1
        return Newest(
            plan=self.plans[-1] if self.plans else None,
            confirmed=self.confirmed,
            nonce=nonce(self.drawn),
            at_ns=at(self.now),
        )

    def serve(self, name: str, write: Write) -> Wrote:
        """Let the DNS carry out a write."""
        transaction = write.transaction
        self.zone, kind = apply(self.zone, transaction)
        fences = [one.values[0] for one in transaction.additions if "_outlast." in one.name]
        fence = parse_fence((fences[0],)) if fences else None
        what = f"generation {fence.generation}" if fence else "the zone's first epoch"
        self.say(f"{name} writes {what}: {kind}")
        return Wrote(outcome=Outcome(kind=OutcomeKind(kind)), at_ns=at(self.now))

    # the script

    def run(self, line: str) -> None:
        """Run one line, `12s word words`."""
        when, word, *words = line.split()
        self.pass_to(float(when.removesuffix("s")))
        getattr(self, f"do_{word.replace('-', '_')}")(words)
        self.settle()
        self.show()

    def pass_to(self, until: float) -> None:
        """Let time pass; at each instant that somebody asked for, look again."""
        while due := [one for one in self.wakes if one <= until]:
            self.now = max(self.now, min(due))
            self.wakes = {one for one in self.wakes if one > self.now}
            before = len(self.out)
            self.settle()
            if len(self.out) > before:
                self.show()
        self.now = until

    def settle(self) -> None:
        """Let planner and enactors see everything, twice: what one reports the other acts on."""
        for _ in range(2):
            self.tell(Ticked(at_ns=at(self.now)))
            self.enact_all()

    def show(self) -> None:
        """Print what clients get."""
        found = read(self.zone, self.layout, Nanos(0))
        fence = parse_fence(found.fence)
        number = fence.generation if fence else "no"
        sets = [f"{one.rtype} {' '.join(one.values)}" for one in found.record_sets]
        self.out.append(f"      dns: generation {number}; {'; '.join(sets) or 'nothing'}")

    def do_start(self, _: list[str]) -> None:
        found = read(self.zone, self.layout, at(self.now))
        self._topology(self.of, Observed(observation=found, seen=NO_GENERATION, at_ns=at(self.now)))

    def _topology(self, of: Endpoint, *more: LoopEvent) -> None:
        self.of = of
        changed = TopologyChanged(
            endpoint=of, provider=self.provider, settings=SETTINGS, at_ns=at(self.now)
        )
        self.tell(changed, *more)

    def do_wait(self, _: list[str]) -> None:
        pass

    def do_down(self, words: list[str]) -> None:
        everything = [one.name for one in self.of.targets]
        for name in everything if words == ["all"] else words:
            for vantage in VANTAGES:
                self.failing.setdefault((vantage, name), self.now)

    def do_up(self, words: list[str]) -> None:
        gone = {one.name for one in self.of.targets} if words == ["all"] else set(words)
        self.failing = {key: when for key, when in self.failing.items() if key[1] not in gone}

    def _override(self, *overrides: Override) -> None:
        self.overrides = list(overrides)
        self.tell(OverridesChanged(overrides=overrides, at_ns=at(self.now)))

    def do_evacuate(self, words: list[str]) -> None:
        """`evacuate eu steps 4 every 10`."""
        steps, every = (int(words[2]), float(words[4])) if words[1:] else (1, 0.0)
        leaving = evacuation(words[0], begins=self.now, steps=steps, step_s=every)
        self._override(*self.overrides, leaving)

    def do_restore(self, words: list[str]) -> None:
        stay = [
            one
            for one in self.overrides
            if not (isinstance(one, Evacuation) and one.region == words[0])
        ]
        self._override(*stay)

    def do_freeze(self, _: list[str]) -> None:
        self._override(*self.overrides, freeze(begins=self.now))

    def do_thaw(self, _: list[str]) -> None:
        self._override(*(one for one in self.overrides if not isinstance(one, Freeze)))

    def do_waive(self, words: list[str]) -> None:
        self._override(*self.overrides, waiver(words[0], until=self.now + 600))

    def do_add(self, words: list[str]) -> None:
        more = (*self.of.targets, *(target(one) for one in words))
        self._topology(replace(self.of, targets=more))

    def do_remove(self, words: list[str]) -> None:
        stay = tuple(one for one in self.of.targets if one.name not in words)
        self._topology(replace(self.of, targets=stay))

    def do_ttl(self, words: list[str]) -> None:
        self._topology(replace(self.of, ttl_s=int(words[0])))

    def do_adopt(self, _: list[str]) -> None:
        self._topology(replace(self.of, adopt=True))

    # faults and foreign hands

    def do_wipe(self, _: list[str]) -> None:
        self.zone = drop(self.zone, NAME, self.layout.fence_at)

    def do_cname(self, _: list[str]) -> None:
        self.zone = put(
            drop(self.zone, NAME), RecordSet(NAME, RecordType.CNAME, 60, ("evil.example.com",))
        )

    def do_foreign(self, words: list[str]) -> None:
        self.zone = put(self.zone, addresses(*words))

    def do_pause(self, words: list[str]) -> None:
        self.paused[words[0]] = None

    def do_resume(self, words: list[str]) -> None:
        held = self.paused.pop(words[0])
        self.say(f"{words[0]} wakes up")
        if held is not None:
            self.work(words[0], self.serve(words[0], held))

    def do_store_back(self, words: list[str]) -> None:
        """The store is restored from the copy that was made at a generation."""
        self.plans = [one for one in self.plans if one.generation <= int(words[0])]
        self.confirmed = NO_GENERATION
        self.planner = loop.State()
        found = read(self.zone, self.layout, at(self.now))
        if self.plans:
            self.planner = replace(self.planner, head=self.plans[-1])
        self._topology(self.of)
        if not self.plans:
            self.tell(Observed(observation=found, seen=NO_GENERATION, at_ns=at(self.now)))

    def do_automation(self, words: list[str]) -> None:
        """`automation off`: planner and enactors are gone; `on`: they are back, as they were."""
        self.away = words == ["off"]
        self._topology(self.of)

    def do_rescue(self, words: list[str]) -> None:
        """Publish these targets from a local file, through the fence, with nothing else running."""
        found = read(self.zone, self.layout, at(self.now))
        standing = parse_fence(found.fence)
        asked = situation(
            replace(self.of, targets=tuple(target(one) for one in words)),
            healthy=(),
            weighted=self.provider.honours_weights,
            now=self.now,
        )
        last_good = max(self.confirmed, standing.generation if standing else 0)
        rescued = make(asked, Generation(last_good + RESCUE_LEAP))
        self.drawn += 1
        fence = Fence(rescued.generation, rescued.digest, nonce(self.drawn), RESCUER)
        self.serve(
            RESCUER,
            Write(transaction=move(rescued, found, fence, spend_epoch=standing is None)),
        )
