"""The story: five acts. What is said is checked in the same breath, by asking DNS."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from outlast.app.demo.asking import Seen, Watcher, wipe
from outlast.app.demo.stage import ENDPOINT, NAME, ZONE, Stage
from outlast.app.demo.telling import DEADLINE_S, POLL_S, Teller
from outlast.app.session import open_session
from outlast.core.adopt import RESCUE_LEAP
from outlast.drivers.regions import FailureMode
from outlast.model.errors import Bug
from outlast.model.fence import RESCUER, Fence
from outlast.model.names import RegionName
from outlast.model.override import Freeze
from outlast.model.units import NO_GENERATION

EU, US, AP = RegionName("eu-west"), RegionName("us-east"), RegionName("ap-south")
TRIES_MAX = 20
QUIET_S = 1.2
"""For how long something must stay as it is: longer than the first enactor takes to look again."""


@dataclass(slots=True)
class Story:
    """The acts, in order.

    Attributes:
        wiped: the spans in which the name may be empty.
        figures: what was measured.
    """

    stage: Stage
    teller: Teller
    watcher: Watcher
    wiped: list[tuple[float, float]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    async def answer(self) -> str:
        """Whose addresses the name answers with."""
        return str(await self.stage.see())

    async def fence(self) -> str:
        """What the fence says."""
        fence = (await self.stage.see()).fence
        return str(fence) if fence is not None else "no fence"

    async def generation(self) -> str:
        """The generation that the fence names."""
        fence = (await self.stage.see()).fence
        return str(fence.generation) if fence is not None else "no fence"

    async def reached(self, number: int) -> str:
        """The generation; that number also where a busy machine has added a plan since."""
        fence = (await self.stage.see()).fence
        return str(min(number, fence.generation)) if fence is not None else "no fence"

    async def writer(self) -> str:
        """Who wrote it."""
        fence = (await self.stage.see()).fence
        return fence.writer if fence is not None else "no fence"

    async def settled(self, *regions: RegionName) -> Seen:
        """What stands there now, which must be these regions, fenced."""
        seen = await self.stage.see()
        if seen.regions != regions or seen.fence is None:
            raise Bug(f"the demonstration lost its thread: {seen} instead of {' '.join(regions)}")
        return seen

    async def opening(self) -> None:
        """Everything starts."""
        teller, stage = self.teller, self.stage
        teller.act("Three regions, one name")
        teller.say(
            "Starting a name server, a planner, a prober and three enactors, in 4 processes."
        )
        began_s = time.monotonic()
        stage.start_name_server()
        stage.start_late()
        # Else the first plan may be there before the one whose turn it is.
        while not stage.late_is_up():  # noqa: ASYNC110 - another process's event
            await asyncio.sleep(POLL_S)
        stage.start_control()
        await teller.becomes(
            f"{NAME} answers with all three regions",
            f"{EU} {US} {AP}",
            self.answer,
            since_s=began_s,
        )
        await teller.becomes(f"written by {stage.late}, whose turn it is", stage.late, self.writer)

    async def region_dies(self) -> None:
        """A region dies and the answer moves."""
        teller, us = self.teller, self.stage.regions[US]
        teller.act("A region dies")
        teller.say(f"{US} refuses connections from now on. Probes: every 200 ms, 2 failures count.")
        await us.fail(FailureMode.STOP)
        self.figures["region_dies_s"] = await teller.becomes(
            f"{NAME} answers {EU} {AP}, without {US}",
            f"{EU} {AP}",
            self.answer,
            since_s=time.monotonic(),
        )

    async def enactor_comes_late(self) -> None:
        """An enactor stops in the middle of its work, newer plans pass, it wakes and is refused."""
        teller, stage, late = self.teller, self.stage, self.stage.late
        teller.act("An enactor is paused in the middle of its work")
        teller.say(f"{US} comes back. {late} reads the fence, chooses the newest plan, and freezes")
        teller.say(
            "before its write leaves (SIGSTOP): a suspended machine, a long pause, a slow disk."
        )
        began_s = time.monotonic()
        number = await self._stop_late()
        await teller.becomes(f"the kernel holds {late}", "stopped", stage.is_stopped)
        await teller.becomes(
            f"another enactor takes over: {NAME} answers {EU} {US} {AP}, plan {number}",
            f"{EU} {US} {AP} {number}",
            lambda: _all(self.answer, lambda: self.reached(number)),
            since_s=began_s,
        )
        teller.say(f"Meanwhile {AP} dies as well.")
        await stage.regions[AP].fail(FailureMode.ERROR)
        await teller.becomes(
            f"{NAME} answers {EU} {US}, plan {number + 1}",
            f"{EU} {US} {number + 1}",
            lambda: _all(self.answer, lambda: self.reached(number + 1)),
            since_s=time.monotonic(),
        )
        await teller.breathe()
        await self._wake_late(number)

    async def _stop_late(self) -> int:
        """Bring a region back and stop the late enactor in its write; return the plan it holds."""
        stage, us = self.stage, self.stage.regions[US]
        for _ in range(TRIES_MAX):
            await self._rest()
            before = await self.settled(EU, AP)
            assert before.fence is not None
            stage.arm()
            await us.recover()
            if await self.stops_before_it_moves(before.fence):
                return before.fence.generation + 1
            self.teller.say(
                "Another enactor was looking in that very moment, and was quicker. Again:"
            )
            stage.disarm()
            stage.wake()
            await us.fail(FailureMode.STOP)
            await self.teller.becomes(f"{NAME} answers {EU} {AP}", f"{EU} {AP}", self.answer)
        raise Bug(f"{stage.late} could not be stopped in its write, in {TRIES_MAX} tries")

    async def _rest(self) -> None:
        """Wait until what stands is confirmed.

        On a slow disk an enactor is busy with that for a while, and comes late to the next plan by itself.
        """
        deadline_s = time.monotonic() + DEADLINE_S
        while await _confirmed(self.stage) != (await self.stage.see()).fence:
            if time.monotonic() > deadline_s:
                raise Bug("what stands in the DNS was never confirmed in the store")
            await asyncio.sleep(POLL_S)

    async def stops_before_it_moves(self, fence: Fence) -> bool:
        """Whether the late enactor is stopped, and not passed by another one first."""
        while await self.stage.is_stopped() != "stopped":
            if ended := self.stage.ended():
                raise Bug(f"ended unasked: {' '.join(ended)}")
            seen = await self.stage.see()
            if seen.answered and seen.fence != fence:
                return False
        return True

    async def _wake_late(self, number: int) -> None:
        teller, stage, late = self.teller, self.stage, self.stage.late
        standing = await self.fence()
        teller.say(
            f"{late} wakes (SIGCONT) and sends its old plan {number}, with all three regions."
        )
        woken_s = time.monotonic()
        stage.wake()
        await teller.becomes(
            "the DNS server itself refuses the write: the fence has moved",
            "refused",
            stage.late_outcome,
            since_s=woken_s,
        )
        await teller.stays(
            f"{NAME} did not change: same addresses, same fence",
            f"{EU} {US} {standing}",
            lambda: _all(self.answer, self.fence),
            for_s=QUIET_S,
        )
        await stage.regions[AP].recover()
        await teller.becomes(
            f"{AP} returns: {NAME} answers {EU} {US} {AP}", f"{EU} {US} {AP}", self.answer
        )

    async def foreign_hand(self) -> None:
        """A foreign hand wipes the name and it heals."""
        teller = self.teller
        before = await self.settled(EU, US, AP)
        assert before.fence is not None
        number = before.fence.generation
        teller.act("A foreign hand wipes the name")
        teller.say("Somebody with the key deletes addresses and fence, unconditionally.")
        wiped_s = await self._wipe()
        await teller.becomes(
            f"nobody was called: {NAME} answers {EU} {US} {AP} again",
            f"{EU} {US} {AP}",
            self.answer,
            since_s=wiped_s,
        )
        self._healed(wiped_s, "wipe_heals_s")
        await teller.becomes(
            f"nothing older came back: plan {number} again, or a newer one",
            str(number),
            lambda: self.reached(number),
        )
        self.teller.is_so(
            "and the fence is a new one, so that whatever was prepared before the wipe is void",
            "another nonce",
            "the same nonce" if await self.fence() == str(before.fence) else "another nonce",
        )

    async def store_lost(self) -> None:
        """The store is deleted and answers go on."""
        teller = self.teller
        before = await self.settled(EU, US, AP)
        assert before.fence is not None
        teller.act("The store is deleted")
        await teller.becomes(
            "an auditor keeps the newest checkpoint of the audit trail",
            "kept",
            self.stage.keep_checkpoint,
        )
        names = self.stage.delete_store()
        teller.say(f"rm {' '.join(names)}, under everybody's feet.")
        await teller.stays(
            f"{NAME} goes on answering {EU} {US} {AP}",
            f"{EU} {US} {AP}",
            self.answer,
            for_s=QUIET_S,
        )
        teller.say(
            f"A new store is made; the numbers go on from what stands in the DNS. Then {EU} hangs."
        )
        await self.stage.regions[EU].fail(FailureMode.HANG)
        self.figures["store_lost_region_dies_s"] = await teller.becomes(
            f"automation goes on with an empty store: {NAME} answers {US} {AP}",
            f"{US} {AP}",
            self.answer,
            since_s=time.monotonic(),
        )
        after = await self.settled(US, AP)
        assert after.fence is not None
        higher = "a higher generation than before"
        teller.is_so(
            f"with a higher generation ({after.fence.generation}) than before the loss "
            f"({before.fence.generation})",
            higher,
            higher if after.fence.generation > before.fence.generation else str(after.fence),
        )
        await self.stage.regions[EU].recover()
        await teller.becomes(f"{EU} returns", f"{EU} {US} {AP}", self.answer)
        await teller.stays("and all is well", f"{EU} {US} {AP}", self.answer, for_s=0.5)

    async def rescued(self) -> None:
        """`rescue` works with everything else stopped, and automation adopts it afterwards."""
        teller, stage = self.teller, self.stage
        teller.act("Rescue, with everything else stopped")
        stage.kill("control", "second", "late")
        before = await self.settled(EU, US, AP)
        assert before.fence is not None
        leapt = before.fence.generation + RESCUE_LEAP
        teller.say("Planner, prober and all enactors: kill -9. Then the name is wiped once more.")
        wiped_s = await self._wipe()
        await teller.stays(
            f"{NAME} is gone, and nobody heals it", "no address", self.answer, for_s=0.7
        )
        teller.say(f"$ outlast rescue {stage.file.name} --yes")
        began_s = time.monotonic()
        code, said = await stage.rescue()
        teller.is_so("it ends with 0", "0", str(code) if code == 0 else f"{code}: {said}")
        self.figures["rescue_s"] = await teller.becomes(
            f"{NAME} answers {EU} {US} {AP}, as generation {leapt}, written by `rescue`",
            f"{EU} {US} {AP} {leapt} {RESCUER}",
            lambda: _all(self.answer, self.generation, self.writer),
            since_s=began_s,
        )
        self._healed(wiped_s, "")
        teller.say("Planner, prober and enactors start again.")
        rescued = await self.fence()
        stage.start_control()
        await self._adopted(leapt, rescued)

    async def _adopted(self, number: int, rescued: str) -> None:
        teller, stage = self.teller, self.stage

        async def fights() -> str:
            # The fence first: what stood before the hold was seen stood under it.
            fence, state = await self.fence(), await _adopts(stage, number)
            return "no" if fence == rescued or state != "adopted" else fence

        await teller.becomes(
            f"automation adopts generation {number}, and holds still",
            "adopted",
            lambda: _adopts(stage, number),
        )
        await teller.stays(
            "it does not fight the rescue: the fence is the rescuer's",
            "no",
            fights,
            for_s=QUIET_S,
        )
        teller.say(f"After the hold (2 s here, an hour by default), {US} dies.")
        await stage.regions[US].fail(FailureMode.STOP)
        await teller.becomes(
            f"automation is in charge again: {NAME} answers {EU} {AP}", f"{EU} {AP}", self.answer
        )

    async def closing(self) -> None:
        """What a client saw all along."""
        teller, watcher = self.teller, self.watcher
        teller.act("All along")
        count = len(watcher.record)
        teller.say(f"A client asked {count} times, every 20 ms, whatever happened.")
        teller.is_so(
            "every question was answered", "0 unanswered", f"{watcher.unanswered} unanswered"
        )
        teller.is_so(
            "no answer was empty but for the two wipes",
            "0 empty answers",
            f"{watcher.empty_outside(self.wiped)} empty answers",
        )
        teller.is_so("no generation ever went back", "0 times", f"{watcher.backwards()} times")
        await teller.becomes(
            "the audit trail lost nothing with the store: it goes on behind what the auditor kept",
            "goes on behind it",
            self.stage.audit,
        )
        teller.is_so("no process ended unasked", "none", " ".join(self.stage.ended()) or "none")

    # the foreign hand

    async def _wipe(self) -> float:
        """Wipe the name; return when. The window in which it may be empty is open from then on."""
        began_s = time.monotonic()
        self.wiped.append((began_s, float("inf")))
        fence = await self.fence()
        code = await wipe(self.stage.client, ZONE, self.stage.tsig())
        self.teller.is_so("the server takes the update", "NOERROR", code)
        seen = await self.stage.see()
        # A heal that is quicker than the question leaves another fence behind.
        wiped = not seen.regions or str(seen.fence) != fence
        self.teller.is_so(f"{NAME} is gone", "gone", "gone" if wiped else str(seen))
        return began_s

    def _healed(self, wiped_s: float, figure: str) -> None:
        """Close the window in which the name may be empty."""
        now_s = time.monotonic()
        self.wiped[-1] = (wiped_s, now_s)
        if figure:
            self.figures[figure] = now_s - wiped_s


async def _all(*looks: Callable[[], Awaitable[str]]) -> str:
    return " ".join([await one() for one in looks])


async def _confirmed(stage: Stage) -> Fence | None:
    """What the store says of what was published last."""
    async with open_session(stage.world(), "demo", writes=False) as session:
        receipt = (await session.ledger.row(ENDPOINT)).receipt
    return receipt.fence if receipt is not None else None


async def _adopts(stage: Stage, number: int) -> str:
    """Whether the planner's newest plan is the rescued one, and the endpoint is held."""
    async with open_session(stage.world(), "demo", writes=False) as session:
        row = await session.ledger.row(ENDPOINT)
        overrides, _ = await session.ledger.overrides()
    newest = row.head.plan.generation if row.head is not None else NO_GENERATION
    held = any(isinstance(one, Freeze) for one in overrides or ())
    return "adopted" if newest == number and held else f"plan {newest}, held: {held}"
