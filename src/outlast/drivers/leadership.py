"""Leadership: of several processes that play one role, one works and the others stand by.

No endpoint depends on it. Two planners that both believe to lead do no harm there: each commits only on top
of the head that it knows, and the fence in the DNS lets one generation win. It saves the work, keeps the
journal readable, and lets what is counted over many endpoints (the budget of a cell) be counted by one:
a plan is committed on condition of the leader's term.

No two clocks are compared. Who leads puts its name under a key again and again; who stands by takes the
key over once *it* has seen it unchanged for `TTL_S` by its own clock. A leader that stood still finds, when
it goes on, that the key is not as it left it, and stands by.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from outlast.drivers.facts import Event, Fact, Tell
from outlast.drivers.storewatch import StoreWatch
from outlast.model.errors import OutlastError, StoreError
from outlast.ports import Change, Entry, Store

TTL_S = 4.0
RENEW_S = 1.0


def _end(work: asyncio.Future[None], _: asyncio.Future[None]) -> None:
    work.cancel()


class Deposed(OutlastError):
    """Somebody else has taken over meanwhile; nothing was committed."""


class Term:
    """How long one leads: a key that whoever takes over writes anew. Without a store it never ends.

    The trap it closes: a planner that stood still for longer than `TTL_S` goes on with a commit that it
    worked out before, and only then looks at its seat.

    Attributes:
        revision: of the key, as we wrote it; 0: we do not lead.
    """

    def __init__(self, store: Store | None = None, role: str = "") -> None:
        self._store = store
        self.key = f"term/{role.replace(' ', '-')}"
        self.revision = 0

    @property
    def requires(self) -> tuple[tuple[str, int], ...]:
        """What a change is conditional on that only the leader may make."""
        return ((self.key, self.revision),) if self._store is not None else ()

    async def check(self) -> None:
        """See whether it goes on, after a change was not taken.

        Raises:
            Deposed: it does not.
            StoreError: the store cannot be used.
        """
        if self._store is None:
            return
        entry = await self._store.get(self.key)
        if entry is None or entry.revision != self.revision:
            raise Deposed("another planner leads", remedy="nothing to do: this one stands by")


class Leadership:
    """A seat among those who play a role.

    Args:
        role: what is led, such as `planner` or `prober tokyo`.
        name: who we are; the one that was killed and comes back under its name leads at once.

    Attributes:
        leader: who leads, as far as we know; empty: nobody.
        term: ours.
    """

    def __init__(self, store: Store, role: str, name: str, tell: Tell) -> None:
        self._store = store
        self._role = role
        self._key = f"lead/{role.replace(' ', '-')}"
        self._name = name.encode()
        self._tell = tell
        self._revision = 0
        self.leader = ""
        self.term = Term(store, role)

    @property
    def leads(self) -> bool:
        """Whether it is us."""
        return self.leader == self._name.decode()

    async def keep(self, job: Callable[[], Awaitable[None]]) -> None:
        """Play the role whenever it is our turn, until cancelled.

        What the job raises is raised, but for `Deposed`: then it is somebody else's turn.
        """
        while True:
            await self._take()
            work = asyncio.ensure_future(job())
            renewal = asyncio.ensure_future(self._renew())
            renewal.add_done_callback(partial(_end, work))
            try:
                await work
            except Deposed as error:
                self._say(error.what)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
            finally:
                for task in (work, renewal):
                    task.cancel()
                await asyncio.gather(work, renewal, return_exceptions=True)

    async def _take(self) -> None:
        """Return once we lead: a term begins."""
        self.term.revision = 0
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
                    # The store went back to a time before our term, or to a moment within it.
                    self._revision = entry.revision if entry is not None else 0
                    self.term.revision = 0
            except StoreError:
                # Whoever leads goes on: nothing is planned without the store anyway.
                continue

    async def _put(self, revision: int) -> bool:
        begins = ((self.term.key, self._name),) if not self.term.revision else ()
        puts = ((self._key, self._name), *begins)
        done = await self._store.commit(Change(requires=((self._key, revision),), puts=puts))
        if done is None:
            return False
        self._revision = done
        self.term.revision = self.term.revision or done
        self.leader = self._name.decode()
        return True

    def _note(self, entry: Entry | None) -> None:
        self.leader = entry.value.decode("utf-8", "replace") if entry is not None else ""

    def _say(self, what: str) -> None:
        self._tell(Fact(event=Event.LEADS, role=self._role, detail=what))
