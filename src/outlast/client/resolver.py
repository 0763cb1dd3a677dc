"""The resolver: live first, then what is remembered; never longer than declared.

    fresh answer held                     -> at once, no look-up
    a look-up that answers in time        -> its addresses
    a look-up that fails, or does not end -> remembered addresses, if there are any young enough
    nothing remembered                    -> the true error of the system

How long a caller waits for a look-up depends on what it would get otherwise: `timeout_s` if there is
nothing, `patience_s` if there is a remembered answer, and no time if the last look-up of the name did not
even end. The look-up goes on and its answer is kept.

Thread-safe and fork-safe: a child starts with its parent's answers and with no look-ups under way.
"""

import asyncio
import os
import socket
import threading
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic, time

from outlast.client.answers import Answers, Held, Miss, NamePolicy
from outlast.client.facts import Hooks, StaleName
from outlast.client.lookup import Flight, Flights, Lookup, error_of, system_lookup
from outlast.client.memory import Remembered, load, save

IPV4, IPV6 = int(socket.AF_INET), int(socket.AF_INET6)

OTHER_FAMILY_S = 0.05
"""How long the second family is waited for once the first has answered (RFC 8305's resolution delay)."""

SAVE_EVERY_S = 60.0
"""An unchanged answer is written again after this time, to keep its age in the file young."""

Key = tuple[str, int]


class Resolver:
    """Finds addresses, and remembers them.

    Attributes:
        hooks: told of every use of a stale answer.
        stale_uses: how often a stale answer was handed out.
    """

    def __init__(
        self,
        *,
        memory: str | os.PathLike[str] | None = None,
        policy: NamePolicy | None = None,
        policies: Mapping[str, NamePolicy] | None = None,
        lookup: Lookup = system_lookup,
        second_lookup: Lookup | None = None,
        timeout_s: float = 1.0,
        patience_s: float = 0.2,
        families: tuple[int, ...] = (IPV4, IPV6),
    ) -> None:
        """Make a resolver.

        Args:
            memory: file of last-known-good addresses; None: they are lost at the end of the process.
            policy: how names are treated; `policies` has the exceptions.
            policies: by name.
            lookup: the look-up; by default the system's.
            second_lookup: asked where the first gives nothing, such as `direct_lookup("ns1.example.net")`:
                an authority has no negative cache, so that healing is seen at once.
            timeout_s: how long a caller waits when nothing is remembered.
            patience_s: how long a caller waits when something is.
            families: `socket.AF_INET`, `socket.AF_INET6` or both, as wanted in answers.
        """
        self._path = None if memory is None else Path(memory)
        self._answers = Answers(policy or NamePolicy(), dict(policies or {}))
        self._lookups = [lookup] + ([second_lookup] if second_lookup is not None else [])
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._families = families
        self._saved_s = float("-inf")
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._flights = Flights(self._ask, self._landed)
        self.hooks = Hooks()
        self.stale_uses = 0
        if self._path is not None:
            self._remember(self._path)

    def lookup(self, name: str, family: int = 0) -> tuple[str, ...]:
        """Return a name's addresses, best first.

        Args:
            family: `socket.AF_INET`, `socket.AF_INET6`, or 0 for the resolver's families.

        Raises:
            socket.gaierror: there is no answer, fresh or remembered; as the system's own.
        """
        held = self._held(name, family)
        if _settled(held):
            return self._pick(name, held)
        flights = self._join(held)
        limit_s = monotonic() + self._wait_s(held)
        for flight in flights:
            flight.done.wait(max(0.0, limit_s - monotonic()))
            if flight.done.is_set() and not isinstance(flight.result, Miss):
                limit_s = min(limit_s, monotonic() + OTHER_FAMILY_S)
        return self._pick(name, self._held(name, family))

    async def lookup_async(self, name: str, family: int = 0) -> tuple[str, ...]:
        """Return a name's addresses without keeping the event loop or its threads busy.

        Raises:
            socket.gaierror: there is no answer, fresh or remembered.
        """
        held = self._held(name, family)
        if _settled(held):
            return self._pick(name, held)
        flights = self._join(held)
        limit_s = monotonic() + self._wait_s(held)
        for flight in flights:
            await _landing(flight, limit_s - monotonic())
            if flight.done.is_set() and not isinstance(flight.result, Miss):
                limit_s = min(limit_s, monotonic() + OTHER_FAMILY_S)
        return self._pick(name, self._held(name, family))

    def warm(self, *names: str) -> None:
        """Look names up now, so that there is a good answer when it is needed. Failures are kept quiet."""
        for name in names:
            for family in self._families:
                self._flights.join((name, family)).done.wait(self._timeout_s)

    def connected(self, name: str, address: str) -> None:
        """Say that an address took a connection: it comes first while the name is stale."""
        self._answers.connected((name, _family_of(address)), address, monotonic())

    def refused(self, name: str, address: str) -> None:
        """Say that an address did not: it comes last for a while."""
        self._answers.refused((name, _family_of(address)), address, monotonic())

    def may_use(self, name: str, *, tls: bool) -> bool:
        """Whether addresses of a name may be used now: stale ones only where a certificate is checked."""
        return tls or self._answers.policy_of(name).without_tls or not self.is_stale(name)

    def is_stale(self, name: str) -> bool:
        """Whether what would be handed out for a name is remembered only."""
        held = [one for one in self._held(name, 0).values() if one.addresses]
        return bool(held) and all(one.miss is not None for one in held)

    def stale(self) -> Iterator[tuple[str, str, float]]:
        """Return names that live on memory now: name, why, age in seconds."""
        at_s = monotonic()
        seen: set[str] = set()
        for name, family in list(self._answers.entries):
            held = self._answers.look((name, family), at_s)
            if held.addresses and held.miss is not None and name not in seen:
                seen.add(name)
                yield name, held.miss, held.age_s

    def forget(self, name: str) -> None:
        """Forget a name, in memory and in the file: for a removal that was meant."""
        self._answers.forget(name)
        if self._path is not None:
            kept = {key: one for key, one in load(self._path).items() if key[0] != name}
            self._path.unlink(missing_ok=True)
            save(self._path, kept)

    def look_up_with(self, lookup: Lookup) -> None:
        """Ask another way from now on."""
        self._lookups[0] = lookup

    def expire(self) -> None:
        """Look every name up again at its next use; what is remembered stays."""
        self._answers.expire()

    def _held(self, name: str, family: int) -> dict[Key, Held]:
        at_s = monotonic()
        wanted = (family,) if family else self._families
        return {(name, one): self._answers.look((name, one), at_s) for one in wanted}

    def _join(self, held: Mapping[Key, Held]) -> list[Flight]:
        if os.getpid() != self._pid:
            self._after_fork()
        return [self._flights.join(key) for key, one in held.items() if not one.fresh]

    def _wait_s(self, held: Mapping[Key, Held]) -> float:
        useful = [one for one in held.values() if one.addresses]
        if not useful:
            return self._timeout_s
        silent = any(one.miss is Miss.SILENT for one in useful)
        return 0.0 if silent else self._patience_s

    def _pick(self, name: str, held: Mapping[Key, Held]) -> tuple[str, ...]:
        found: list[str] = []
        for key, one in held.items():
            if one.addresses and not one.fresh and one.miss is None:
                # The look-up has not ended: to the next caller the name counts as silent until it does.
                self._answers.missed(key, Miss.SILENT, float("-inf"))
            found.extend(one.addresses)
        if not found:
            misses = [one.miss for one in held.values() if one.miss is not None]
            raise error_of(name, misses[0] if misses else Miss.SILENT)
        stale = [
            one for one in held.values() if one.addresses and not (one.fresh and one.miss is None)
        ]
        if stale and not any(
            one.addresses and one.miss is None and one.fresh for one in held.values()
        ):
            self.stale_uses += 1
            self.hooks.tell(StaleName(name, stale[0].miss or Miss.SILENT, stale[0].age_s))
        return tuple(found)

    def _ask(self, name: str, family: int) -> list[str]:
        for lookup in self._lookups[:-1]:
            try:
                found = lookup(name, family)
            except OSError:
                continue  # the next one is asked; the last one's error counts
            if found:
                return found
        return self._lookups[-1](name, family)

    def _landed(self, key: Key, result: list[str] | Miss) -> None:
        at_s = monotonic()
        if isinstance(result, Miss):
            self._answers.missed(key, result, at_s)
            return
        changed = self._answers.learn(key, result, at_s)
        if self._path is not None and (changed or at_s - self._saved_s >= SAVE_EVERY_S):
            self._saved_s = at_s
            self._save(self._path)

    def _save(self, path: Path) -> None:
        shift_s = time() - monotonic()
        known = {
            key: Remembered(entry.addresses, entry.confirmed_s + shift_s)
            for key, entry in list(self._answers.entries.items())
            if entry.addresses
        }
        with self._lock:
            try:
                save(path, known)
            except OSError as error:
                warnings.warn(
                    f"last-known-good addresses could not be written: {error}", RuntimeWarning, 2
                )

    def _remember(self, path: Path) -> None:
        now_s, at_s = time(), monotonic()
        for key, one in load(path).items():
            age_s = max(0.0, now_s - one.confirmed_at_s)
            self._answers.learn(key, one.addresses, at_s - age_s)
        self._answers.expire()

    def _after_fork(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._flights = Flights(self._ask, self._landed)


def _settled(held: Mapping[Key, Held]) -> bool:
    """Whether no look-up is worth its time now: everything is fresh, or failed a moment ago.

    A family that a name never had need not be asked again while the other one is fresh.
    """
    good = any(one.fresh and one.miss is None for one in held.values())
    return all(one.fresh or (good and not one.addresses) for one in held.values())


def _family_of(address: str) -> int:
    return IPV6 if ":" in address else IPV4


async def _landing(flight: Flight, limit_s: float) -> None:
    if flight.done.is_set() or limit_s <= 0:
        return
    loop = asyncio.get_running_loop()
    woken = loop.create_future()

    def wake() -> None:
        if not woken.done():
            woken.set_result(None)

    def from_thread() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(wake)

    flight.when_done(from_thread)
    timer = loop.call_later(limit_s, wake)
    try:
        await woken
    finally:
        timer.cancel()
