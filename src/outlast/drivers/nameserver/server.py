r"""The name server: its parts put together, started and stopped.

    packets -> udp, tcp -> gate -> responder              answers, from memory alone
                              \-> writer -> journal       updates, durable before they are true
                              \-> transfer -> notify      real secondaries

It runs in anybody's event loop: every part does a bounded amount of work and gives way. It logs nothing;
facts go to a hook.
"""

import asyncio
import random as chance
import socket
import time
from pathlib import Path

from outlast.drivers.nameserver.answer import Responder
from outlast.drivers.nameserver.apex import apex_changes
from outlast.drivers.nameserver.choice import Random
from outlast.drivers.nameserver.gate import WallClock
from outlast.drivers.nameserver.journal import Journal, Loaded, NotRolledBack
from outlast.drivers.nameserver.running import Parts, Running
from outlast.drivers.nameserver.settings import (
    Counters,
    Fact,
    FactHook,
    FactKind,
    NameServerSettings,
    NameServerStats,
)
from outlast.drivers.nameserver.sockets import bind
from outlast.drivers.nameserver.tsig import Key, Keyring
from outlast.drivers.nameserver.wire import Rcode, name_from_text
from outlast.drivers.nameserver.zone import Nodes, Zone
from outlast.model.errors import StoreError
from outlast.model.names import DnsName
from outlast.model.topology import Address


def _ignore(fact: Fact) -> None:
    """Take a fact and do nothing with it."""


class NameServer:
    """An authoritative name server for a set of zones.

    Args:
        zones: the zones it answers for.
        listen: addresses and ports, UDP and TCP alike. List each address of a machine that has
            several: a wildcard answers from whichever address the system picks.
        keys: who may write; each key may write in every zone, and transfer it.
        data_dir: where zones are kept; None: in memory only, gone at the end.
        settings: everything else.
        on_fact: told what happens; must not raise and must not wait.
        random: draws the order of answers.
        wall_clock: seconds since 1970, for signatures and the first serial number.
    """

    def __init__(
        self,
        zones: tuple[DnsName, ...],
        listen: tuple[Address, ...],
        keys: tuple[Key, ...],
        data_dir: Path | None,
        settings: NameServerSettings | None = None,
        *,
        on_fact: FactHook = _ignore,
        random: Random | None = None,
        wall_clock: WallClock = time.time,
    ) -> None:
        self._names = zones
        self._listen = listen
        settings = settings or NameServerSettings()
        random = random or chance.Random().random  # noqa: S311 - the order of answers is no secret
        counters = Counters()
        served: dict[bytes, Zone] = {}
        self._parts = Parts(
            settings=settings,
            counters=counters,
            on_fact=on_fact,
            random=random,
            wall_clock=wall_clock,
            keyring=Keyring(keys),
            journal=Journal(data_dir) if data_dir is not None else None,
            responder=Responder(served, settings, counters, random),
            zones=served,
            stored={},
        )
        self._running: Running | None = None

    async def start(self) -> None:
        """Read the zones, bind the sockets, and answer.

        Raises:
            ConfigError: an address or the folder is taken or cannot be used.
            StoreCorrupt: a file in the folder is damaged.
            StoreError: the folder cannot be written to, and must be.
        """
        sockets = self._bind()
        try:
            await self._load()
            self._running = await Running.begin(self._parts, sockets)
        except BaseException:
            for sock in sockets:
                sock.close()
            if self._parts.journal is not None:
                self._parts.journal.close()
            raise
        names = sum(len(zone.nodes) for zone in self._parts.zones.values())
        where = " ".join(map(str, self._listen))
        self._parts.on_fact(Fact(FactKind.STARTED, f"{names} names at {where}"))

    async def close(self) -> None:
        """Stop: take nothing more, carry out the updates that wait, answer them, and end."""
        if self._running is None:
            return
        running, self._running = self._running, None
        try:
            await running.end()
        finally:
            if self._parts.journal is not None:
                self._parts.journal.close()
        self._parts.on_fact(Fact(FactKind.STOPPED, "the name server has ended"))

    def stats(self) -> NameServerStats:
        """Return the counts since the start."""
        counters = self._parts.counters
        answers = tuple(
            (Rcode(code).name, count) for code, count in sorted(counters.answers.items())
        )
        return NameServerStats(
            queries_udp=counters.queries_udp,
            queries_tcp=counters.queries_tcp,
            answers=answers,
            truncated=counters.truncated,
            limited_dropped=counters.limited_dropped,
            limited_truncated=counters.limited_truncated,
            ignored=counters.ignored,
            unsent=counters.unsent,
            updates_applied=counters.updates_applied,
            updates_refused=counters.updates_refused,
            transfers=counters.transfers,
            notifies=counters.notifies,
            connections=len(self._running.hub) if self._running else 0,
            connections_refused=counters.connections_refused,
            names=sum(len(zone.nodes) for zone in self._parts.zones.values()),
        )

    def _bind(self) -> list[socket.socket]:
        sockets: list[socket.socket] = []
        try:
            for address in self._listen:
                sockets.extend(
                    bind(address, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)
                )
        except BaseException:
            for sock in sockets:
                sock.close()
            raise
        return sockets

    async def _load(self) -> None:
        """Read what is stored, and put SOA and NS as the settings say."""
        loop = asyncio.get_running_loop()
        journal = self._parts.journal
        loaded = await loop.run_in_executor(None, journal.open) if journal else Loaded()
        if loaded.torn:
            detail = f"{loaded.torn} bytes of an unacknowledged update were dropped"
            self._parts.on_fact(Fact(FactKind.JOURNAL_TORN, detail))
        now_s = int(self._parts.wall_clock())
        changes: dict[bytes, Nodes] = {}
        for name in self._names:
            apex = name_from_text(name)
            stored = loaded.zones.setdefault(apex, {})
            changed = apex_changes(name, stored, self._listen, self._parts.settings, now_s=now_s)
            if changed:
                changes[apex] = changed
        if changes and journal is not None:
            try:
                await loop.run_in_executor(None, journal.append, changes)
            except (OSError, NotRolledBack) as error:
                raise StoreError(
                    f"the name server's folder cannot be written to: {error!r}",
                    remedy="make room on the disk, then start again",
                ) from error
        loaded.merge(changes)
        # A zone that is no longer configured is kept on disk, but not answered for.
        self._parts.stored.update({apex: Zone(apex, nodes) for apex, nodes in loaded.zones.items()})
        for name in self._names:
            apex = name_from_text(name)
            self._parts.zones[apex] = self._parts.stored[apex]
