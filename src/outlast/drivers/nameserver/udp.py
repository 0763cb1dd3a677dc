"""Answers over UDP: drain the socket, but not for ever.

asyncio wakes a reader once per readiness and hands a DatagramProtocol one packet; on a busy server the
waking costs more than the answer. So up to `DRAIN_MAX` packets are taken per wake-up, and then
everybody else in the event loop has a turn (64 packets are half a millisecond of work).

The socket shares its port with nobody: with SO_REUSEPORT a stale server would go on answering half of
the questions from the past, without anybody noticing.
"""

import socket
from collections.abc import Callable
from time import monotonic

from outlast.drivers.nameserver.answer import Responder, truncated
from outlast.drivers.nameserver.gate import Gate
from outlast.drivers.nameserver.ratelimit import RateLimiter, Verdict
from outlast.drivers.nameserver.settings import Counters
from outlast.drivers.nameserver.wire import TC

DRAIN_MAX = 64
PACKET_MAX = 4096

Peer = tuple[str, int] | tuple[str, int, int, int]
ReplyHook = Callable[[bytes, Peer], None]


class UdpListener:
    """One UDP socket. `drain` is the reader of the event loop."""

    def __init__(
        self,
        sock: socket.socket,
        gate: Gate,
        responder: Responder,
        *,
        limiter: RateLimiter | None,
        counters: Counters,
        on_reply: ReplyHook,
    ) -> None:
        self.sock = sock
        self._gate = gate
        self._responder = responder
        self._limiter = limiter
        self._counters = counters
        self._on_reply = on_reply

    def drain(self) -> None:
        """Answer what waits, up to a bound."""
        receive, send = self.sock.recvfrom, self.sock.sendto
        hot, random = self._responder.hot, self._responder.random
        limiter, counters = self._limiter, self._counters
        taken = from_hot = 0
        try:
            while taken < DRAIN_MAX:
                data, peer = receive(PACKET_MAX)
                taken += 1
                if limiter is not None and not self._may_answer(limiter, data, peer):
                    continue
                found = hot.get(data[2:])
                if found is None:
                    self._answer_cold(data, peer)
                    continue
                from_hot += 1
                if isinstance(found, bytes):
                    reply = data[:2] + found
                elif isinstance(found, tuple):
                    reply = data[:2] + found[int(random() * len(found))]
                else:
                    reply = data[:2] + found.draw(random)
                counters.truncated += bool(reply[2] & TC >> 8)
                try:
                    send(reply, peer)
                except OSError:
                    counters.unsent += 1
        except (BlockingIOError, InterruptedError):
            pass
        except ConnectionError:
            pass  # an ICMP error about an earlier answer; the next wake-up goes on
        counters.queries_udp += taken
        if from_hot:
            counters.answers[0] = counters.answers.get(0, 0) + from_hot

    def _answer_cold(self, data: bytes, peer: Peer) -> None:
        if len(data) > 2 and data[2] & 0x80:
            self._on_reply(data, peer)
        reply = self._gate.enter(data, peer[0], udp=True)
        if isinstance(reply, bytes):
            self.send(reply, peer)

    def _may_answer(self, limiter: RateLimiter, data: bytes, peer: Peer) -> bool:
        verdict = limiter.judge(peer[0], monotonic())
        if verdict is Verdict.SEND:
            return True
        reply = truncated(data) if verdict is Verdict.TRUNCATE else None
        if reply is None:
            self._counters.limited_dropped += 1
        else:
            self._counters.limited_truncated += 1
            self.send(reply, peer)
        return False

    def send(self, data: bytes, peer: Peer) -> None:
        """Send one packet. Where the socket has no room it is lost, as on any network."""
        try:
            self.sock.sendto(data, peer)
        except OSError:
            self._counters.unsent += 1
