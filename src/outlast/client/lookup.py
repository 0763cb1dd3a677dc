"""Look-ups by the system, each in a thread of its own, one flight for each name and family.

`getaddrinfo` cannot be interrupted, so callers wait for a flight and may leave it; its answer is kept all
the same. asyncio's own look-ups share one small pool with everything else: six of a blackholed name keep a
healthy one waiting ten seconds. A thread lives as long as its look-up; there is none in between.

A and AAAA are asked apart, for a silent AAAA must not cost the A its answer (15 s in glibc).
"""

import socket
import threading
from collections.abc import Callable

from outlast.client.answers import Miss

FLIGHTS_MAX = 64
"""Look-ups at once. More names than this hanging at the same time count as silent at once."""

Lookup = Callable[[str, int], list[str]]
"""From a name and an address family to addresses; raises `OSError` (`socket.gaierror`) otherwise."""

_MISSES = {
    socket.EAI_NODATA: Miss.EMPTY,
    socket.EAI_NONAME: Miss.GONE,
    socket.EAI_AGAIN: Miss.SERVFAIL,
}


def system_lookup(name: str, family: int) -> list[str]:
    """Ask the system as every program does: hosts file, search list, resolver."""
    found = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


def miss_of(error: OSError) -> Miss:
    """Return what a failed look-up says. glibc tells an empty answer from NXDOMAIN by its number."""
    if isinstance(error, socket.gaierror):
        return _MISSES.get(error.errno or 0, Miss.SERVFAIL)
    return Miss.SILENT if isinstance(error, TimeoutError) else Miss.SERVFAIL


def error_of(name: str, miss: Miss) -> socket.gaierror:
    """Return the error that the system would have raised."""
    number = {Miss.EMPTY: socket.EAI_NODATA, Miss.GONE: socket.EAI_NONAME}.get(
        miss, socket.EAI_AGAIN
    )
    return socket.gaierror(number, f"{name}: {miss}")


class Flight:
    """One look-up under way. `result` is set before `done`, and then does not change."""

    __slots__ = ("_calls", "_lock", "done", "result")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.result: list[str] | Miss = Miss.SILENT
        self._calls: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def land(self, result: list[str] | Miss) -> None:
        """End it and wake everybody."""
        with self._lock:
            self.result = result
            self.done.set()
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def when_done(self, call: Callable[[], None]) -> None:
        """Have a function called at the end, from the flight's thread; at once if it has ended."""
        with self._lock:
            if not self.done.is_set():
                self._calls.append(call)
                return
        call()


class Flights:
    """The look-ups under way."""

    __slots__ = ("_landed", "_lock", "_lookup", "_under_way")

    def __init__(
        self, lookup: Lookup, landed: Callable[[tuple[str, int], list[str] | Miss], None]
    ) -> None:
        self._lookup = lookup
        self._landed = landed
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, int], Flight] = {}

    def join(self, key: tuple[str, int]) -> Flight:
        """Return the flight of a name and family; start one if there is none."""
        with self._lock:
            flight = self._under_way.get(key)
            if flight is not None:
                return flight
            flight = Flight()
            if len(self._under_way) >= FLIGHTS_MAX:
                flight.land(Miss.SILENT)
                return flight
            self._under_way[key] = flight
        thread = threading.Thread(
            target=self._fly, args=(key, flight), name=f"outlast-lookup-{key[0]}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter is ending
            self._end(key, flight, Miss.SILENT)
        return flight

    def _fly(self, key: tuple[str, int], flight: Flight) -> None:
        result: list[str] | Miss = Miss.SERVFAIL
        try:
            result = self._lookup(*key) or Miss.EMPTY
        except OSError as error:
            result = miss_of(error)
        except UnicodeError:  # a label that no DNS name can have
            result = Miss.GONE
        finally:
            self._end(key, flight, result)

    def _end(self, key: tuple[str, int], flight: Flight, result: list[str] | Miss) -> None:
        try:
            self._landed(key, result)
        finally:
            with self._lock:
                self._under_way.pop(key, None)
            flight.land(result)
