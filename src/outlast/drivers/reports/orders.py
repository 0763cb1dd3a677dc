"""Orders: probes that detection asks for, and what vantages answer, in the store.

    order/<subject>|<road>              what to probe, until when
    answer/<subject>|<road>/<vantage>   what a vantage found, anew while the order lasts

An order only ever makes somebody look; it moves nothing. It ends by itself, so that a detector that dies
leaves no probing behind, and their number is bounded.
"""

from dataclasses import dataclass, replace
from urllib.parse import quote

import msgspec

from outlast.detect.kinds import Road
from outlast.drivers import entries
from outlast.model.units import NS_PER_S, Nanos
from outlast.ports import Change, Clock, Store

LASTS_S = 600.0
ORDERS_MAX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A probe that is wanted.

    Attributes:
        good_means, bad_means: the candidate that each answer would speak for.
    """

    subject: str
    road: Road
    at_ns: Nanos
    until_ns: Nanos
    good_means: str = ""
    bad_means: str = ""

    @property
    def key(self) -> str:
        """What it is called in the store."""
        return f"{quote(self.subject, safe='')}|{self.road}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a vantage found."""

    vantage: str
    subject: str
    road: Road
    good: bool
    at_ns: Nanos
    detail: str = ""


_WANTED = msgspec.json.Decoder(Wanted)
_ANSWER = msgspec.json.Decoder(Answer)


class Orders:
    """Orders and answers. Raises `StoreError` as the store does."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def place(
        self, subject: str, road: Road, *, good_means: str = "", bad_means: str = ""
    ) -> bool:
        """Order a probe, or let one that was ordered go on; False: there are as many as may be."""
        now_ns = self._clock.now_ns()
        known = {one.key: one for one in await self.lasting()}
        made = Wanted(
            subject=subject,
            road=road,
            at_ns=now_ns,
            until_ns=Nanos(now_ns + int(LASTS_S * NS_PER_S)),
            good_means=good_means,
            bad_means=bad_means,
        )
        if made.key not in known and len(known) >= ORDERS_MAX:
            return False
        if made.key in known:
            made = replace(made, at_ns=known[made.key].at_ns)
        await self._store.commit(Change(puts=((f"order/{made.key}", entries.encode(made)),)))
        return True

    async def lasting(self) -> list[Wanted]:
        """Return the orders that last; those that are over are removed, with their answers."""
        now_ns = self._clock.now_ns()
        page = await self._store.scan("order/")
        orders = [entries.decode(_WANTED, one) for one in page.entries]
        over = [one for one in orders if one.until_ns <= now_ns]
        for one in over:
            answers = await self._store.scan(f"answer/{one.key}/")
            keys = (f"order/{one.key}", *(entry.key for entry in answers.entries))
            await self._store.commit(Change(deletes=keys[:100]))
        return [one for one in orders if one.until_ns > now_ns]

    async def answer(self, order: Wanted, answer: Answer) -> None:
        """Say what was found."""
        key = f"answer/{order.key}/{answer.vantage}"
        await self._store.commit(Change(puts=((key, entries.encode(answer)),)))

    async def answers(self, max_age_s: float) -> list[Answer]:
        """Return what vantages found of late."""
        oldest_ns = self._clock.now_ns() - int(max_age_s * NS_PER_S)
        page = await self._store.scan("answer/")
        found = [entries.decode(_ANSWER, one) for one in page.entries]
        return [one for one in found if one.at_ns >= oldest_ns]
