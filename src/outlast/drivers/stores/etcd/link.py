"""The link to an etcd: several addresses, one of them in use, the next one when it fails.

A question may be asked again elsewhere; whatever changes something is sent once, and its sender is told
if the outcome is open. Three settings of gRPC's are traps here: it would send a call again by itself,
wait up to two minutes before it tries a lost address again, and send everything through the proxy that an
environment variable names for web pages.
"""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from outlast.drivers.stores.etcd import wire
from outlast.drivers.stores.etcd.faults import Trouble, store_error
from outlast.drivers.stores.revisions import closed
from outlast.model.topology import Address

if TYPE_CHECKING:
    Stream = grpc.aio.StreamStreamCall[bytes, bytes]

REQUEST_S = 2.0
"""How long one member may take. An election takes about a second."""

PATIENCE_S = 6.0
"""How long to look for a member that answers, all of them together."""

_AGAIN_S = 0.1
"""Between two rounds over all members."""

_OPTIONS = (
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A member that is cut off without a word is found out; etcd refuses pings below 5 s apart.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Each store has connections of its own: what one of them breaks, breaks for nobody else.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where an etcd is, and how one gets in.

    Attributes:
        endpoints: its members, in the order in which they are tried.
        tls: whether to speak TLS; with `ca` (PEM) as the only authority, or the system's.
        certificate, key: of this client (PEM), where members ask for one.
        user, password: where authentication is on; neither: nobody in particular, or whom the
            certificate names.
        request_s: how long one member may take for one request.
        patience_s: how long to look for a member that answers.
    """

    endpoints: tuple[Address, ...]
    tls: bool = False
    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    request_s: float = REQUEST_S
    patience_s: float = PATIENCE_S


class Link:
    """Connections to the members of one etcd, for one event loop."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._channels: dict[int, grpc.aio.Channel] = {}
        self._at = 0
        self._closed = False
        self._token = ""
        self._authenticating = asyncio.Lock()

    @property
    def where(self) -> str:
        """The member in use."""
        return str(self._access.endpoints[self._at])

    @property
    def patience_s(self) -> float:
        """How long is looked for a member that answers."""
        return self._access.patience_s

    async def ask(self, method: str, request: bytes) -> bytes:
        """Ask something that changes nothing, of whichever member answers.

        Raises:
            Trouble: the history asked for is compacted; StoreError: refused, or nobody answers.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._access.patience_s
        tries = 0
        while True:
            try:
                return await self.send(method, request)
            except Trouble as trouble:
                tries += 1
                if trouble.compacted:
                    raise
                if not trouble.open or loop.time() >= until:
                    raise store_error(trouble) from trouble
            if tries % len(self._access.endpoints) == 0:
                await asyncio.sleep(_AGAIN_S)

    async def send(self, method: str, request: bytes) -> bytes:
        """Send a request once.

        Raises:
            Trouble: no good answer; it tells whether the outcome is open.
        """
        try:
            return await self._send(method, request, await self._metadata())
        except Trouble as trouble:
            if not trouble.token_ended or not self._access.user:
                raise
        self._token = ""
        return await self._send(method, request, await self._metadata())

    async def _send(
        self, method: str, request: bytes, metadata: tuple[tuple[str, str], ...]
    ) -> bytes:
        at = self._at
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
        call = self._channel(at).unary_unary(method)
        try:
            return await call(request, timeout=self._access.request_s, metadata=metadata or None)
        except grpc.aio.AioRpcError as error:
            raise self.trouble(at, error) from None
        except asyncio.CancelledError:
            # A channel that is closed cancels its calls, which nobody asked their callers to be.
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise closed() from None
            raise

    async def open(self, method: str, *, needs_leader: bool = False) -> tuple["Stream", int]:
        """Open a stream at the member in use; return it with that member's number.

        Args:
            needs_leader: whether the member shall end it as soon as it has lost its leader.
        """
        metadata = await self._metadata()
        if needs_leader:
            metadata = (*metadata, ("hasleader", "true"))
        at = self._at
        call: grpc.aio.StreamStreamMultiCallable[bytes, bytes]
        call = self._channel(at).stream_stream(method)
        return call(metadata=metadata or None), at

    def leave(self, at: int) -> None:
        """Go on with the next member, if this one is in use."""
        if self._at == at:
            self._at = (at + 1) % len(self._access.endpoints)

    def trouble(self, at: int, error: grpc.aio.AioRpcError) -> Trouble:
        """Return what went wrong at a member, which is left if that may be its own fault."""
        where = str(self._access.endpoints[at])
        trouble = Trouble(where, error.code(), error.details() or "no reason given")
        if trouble.open:
            self.leave(at)
        return trouble

    async def close(self) -> None:
        """Close every connection; requests under way end."""
        self._closed = True
        channels, self._channels = list(self._channels.values()), {}
        for channel in channels:
            await channel.close()

    def _channel(self, at: int) -> grpc.aio.Channel:
        if self._closed:
            raise closed()
        channel = self._channels.get(at)
        if channel is None:
            channel = self._channels[at] = self._connect(str(self._access.endpoints[at]))
        return channel

    def _connect(self, target: str) -> grpc.aio.Channel:
        access = self._access
        if not access.tls:
            return grpc.aio.insecure_channel(target, options=_OPTIONS)
        credentials = grpc.ssl_channel_credentials(access.ca, access.key, access.certificate)
        return grpc.aio.secure_channel(target, credentials, options=_OPTIONS)

    async def _metadata(self) -> tuple[tuple[str, str], ...]:
        if not self._access.user:
            return ()
        async with self._authenticating:
            if not self._token:
                request = wire.ask_token(self._access.user, self._access.password)
                answer = await self._send(wire.AUTHENTICATE, request, ())
                self._token = wire.read_token(answer)
            return (("token", self._token),)
