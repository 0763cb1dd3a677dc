"""A session: what makes sure that an abandoned write is not carried out later.

A write without its answer may still be on its way, and overtake what is written after it: an old vote
over a newer one, say. So each write is conditional on its writer's session, a small key that goes with a
lease. When a write's outcome is open, the session is given another number first. Once that is
confirmed, the write has either been carried out or never will be, and its mark tells which.

The lease does nothing but sweep up: the key of a process that died is gone after `TTL_S`.
"""

import asyncio
import contextlib
import secrets

import grpc.aio

from outlast.drivers.stores.etcd import wire
from outlast.drivers.stores.etcd.faults import Trouble, store_error
from outlast.drivers.stores.etcd.link import Link
from outlast.drivers.stores.etcd.marks import Keys
from outlast.model.errors import StoreError

TTL_S = 30
"""A process that stands still for longer begins a new session."""

_KEEP_S = TTL_S / 3
_AGAIN_S = 0.1


class Session:
    """The session of one open store."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self._lease = 0
        self._number = b""
        self._stands = b""
        self._lock = asyncio.Lock()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def key(self) -> bytes:
        """Where it stands."""
        return self._keys.session(self._lease)

    async def begun(self) -> bytes:
        """Return its number, begun if there is none.

        Raises:
            StoreError: etcd refuses or cannot be reached.
        """
        return self._number or await self.renew(b"")

    def doubt(self) -> None:
        """Forget the number, since a write was abandoned: the next one comes with another."""
        self._number = b""

    async def renew(self, known: bytes) -> bytes:
        """Give it another number than the one known, and return that once it is confirmed.

        Raises:
            StoreError: etcd refuses or cannot be reached.
        """
        async with self._lock:
            if self._number and self._number != known:
                return self._number
            self._number = b""
            fresh = secrets.token_hex(8).encode()
            until = asyncio.get_running_loop().time() + self._link.patience_s
            while True:
                try:
                    await self._put(fresh)
                except Trouble as trouble:
                    if not trouble.open or asyncio.get_running_loop().time() >= until:
                        raise store_error(trouble) from trouble
                    await asyncio.sleep(_AGAIN_S)
                    continue
                self._number = fresh
                return fresh

    async def _put(self, fresh: bytes) -> None:
        """Put the number in the place of the one that stands; to do so twice does no harm.

        It is conditional too, since it may come late itself: it would bring an old number back, and with it
        the writes that were given up.
        """
        while True:
            if not self._lease:
                await self._begin()
            stands = wire.if_value(self.key, self._stands) if self._stands else None
            request = wire.ask_txn(
                [stands or wire.if_absent(self.key)],
                [wire.put_step(self.key, fresh, lease=self._lease)],
                [wire.range_step(wire.ask_range(self.key))],
            )
            try:
                done = wire.read_txn(await self._link.send(wire.TXN, request))
            except Trouble as trouble:
                if "lease not found" not in trouble.detail:
                    raise
                self._lease = 0
                continue
            found = () if done.succeeded else done.found[0].entries
            self._stands = found[0].value if found else b""
            if done.succeeded or self._stands == fresh:
                self._stands = fresh
                return
            if not found:
                self._lease = 0  # it has ended, and its key with it

    async def _begin(self) -> None:
        request = wire.ask_lease(TTL_S)
        self._lease, _ = wire.read_lease(await self._link.send(wire.LEASE_GRANT, request))
        self._stands = b""
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep(), name="store-session")

    async def _keep(self) -> None:
        """Keep the lease alive. Should that fail for long, the next write finds the session gone."""
        while True:
            await asyncio.sleep(_KEEP_S)
            with contextlib.suppress(StoreError, Trouble, TimeoutError):
                await self._touch()

    async def _touch(self) -> None:
        stream, at = await self._link.open(wire.LEASE_KEEP_ALIVE)
        try:
            async with asyncio.timeout(self._link.patience_s):
                await stream.write(wire.name_lease(self._lease))
                answer = await stream.read()
            if isinstance(answer, bytes) and not wire.read_lease(answer)[1]:
                self._lease, self._number = 0, b""
        except grpc.aio.AioRpcError as error:
            raise self._link.trouble(at, error) from None
        finally:
            stream.cancel()

    async def close(self) -> None:
        """End the session: nothing is written with it any more."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        if self._lease:
            with contextlib.suppress(StoreError, Trouble):
                await self._link.send(wire.LEASE_REVOKE, wire.name_lease(self._lease))
