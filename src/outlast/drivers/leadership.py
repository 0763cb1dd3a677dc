"""Leadership: of several processes that play one role, one works and the others stand by.

Nothing depends on it. Two planners that both believe to lead do no harm: each commits only on top of
the head that it knows, and the fence in the DNS lets one generation win. It only saves the work, and
keeps the journal readable.

No two clocks are compared. Who leads puts its name under a key again and again; who stands by takes the
key over once *it* has seen it unchanged for `TTL_S` by its own clock. A leader that stood still finds, when
it goes on, that the key is not as it left it, and stands by.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from outlast.drivers.facts import Event, Fact, Tell
from outlast.drivers.storewatch import StoreWatch
from outlast.model.errors import StoreError
from outlast.ports import Change, Entry, Store

TTL_S = 4.0
RENEW_S = 1.0


def _end(work: asyncio.Future[None], _: asyncio.Future[None]) -> None:
    work.cancel()


class Leadership:
    """A seat among those who play a role.

    Args:
        role: what is led, such as `planner` or `prober tokyo`.
        name: who we are; the one that was killed and comes back under its name leads at once.
    """

    def __init__(self, store: Store, role: str, name: str, tell: Tell) -> None:
        self._store = store
        self._role = role
        self._key = f"lead/{role.replace(' ', '-')}"
        self._name = name.encode()
        self._tell = tell
        self._revision = 0
        self.leader = ""

    @property
    def leads(self) -> bool:
        """Whether it is us."""
        return self.leader == self._name.decode()

    async def keep(self, job: Callable[[], Awaitable[None]]) -> None:
        """Play the role whenever it is our turn, until cancelled. What the job raises is raised."""
        while True:
            await self._take()
            work = asyncio.ensure_future(job())
            renewal = asyncio.ensure_future(self._renew())
            renewal.add_done_callback(partial(_end, work))
            try:
                await work
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
            finally:
                for task in (work, renewal):
                    task.cancel()
                await asyncio.gather(work, renewal, return_exceptions=True)

    async def _take(self) -> None:
        """Return once we lead."""
        seen, since_s, told = -1, 0.0, False
        store = StoreWatch(self._tell, self._role)
        while True:
            try:
                entry = await self._store.get(self._key)
                now_s = asyncio.get_running_loop().time()
                self._note(entry)
                revision = entry.revision if entry is not None else 0
                if revision != seen or store.is_lost:
                    seen, since_s = revision, now_s
                store.back()
                free = entry is None or entry.value == self._name or now_s - since_s >= TTL_S
                if free and await self._put(revision):
                    self._say("leads")
                    return
                if not told and entry is not None:
                    self._say(f"stands by for {self.leader}")
                    told = True
            except StoreError as error:
                store.lost(error)
            await asyncio.sleep(RENEW_S / 2)

    async def _renew(self) -> None:
        """Put our name again and again; return once somebody else's stands there."""
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                if not await self._put(self._revision):
                    entry = await self._store.get(self._key)
                    self._note(entry)
                    if entry is not None and entry.value != self._name:
                        return
                    self._revision = entry.revision if entry is not None else 0
            except StoreError:
                # Whoever leads goes on: nothing is planned without the store anyway.
                continue

    async def _put(self, revision: int) -> bool:
        put = Change(requires=((self._key, revision),), puts=((self._key, self._name),))
        done = await self._store.commit(put)
        if done is None:
            return False
        self._revision = done
        self.leader = self._name.decode()
        return True

    def _note(self, entry: Entry | None) -> None:
        self.leader = entry.value.decode("utf-8", "replace") if entry is not None else ""

    def _say(self, what: str) -> None:
        self._tell(Fact(event=Event.LEADS, role=self._role, detail=what))
