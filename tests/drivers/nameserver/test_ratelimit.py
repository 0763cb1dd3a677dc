"""Response-rate limiting: who is slowed down, how, and at what cost in memory."""

import asyncio
import socket

import dns.asyncquery
import dns.message
import pytest
from tests.drivers.nameserver.harness import HOST, serving

from outlast.drivers.nameserver import NameServerSettings, RateLimit
from outlast.drivers.nameserver.ratelimit import RateLimiter, Verdict, network_of

SLOW = RateLimit(answers_per_s=10, burst=20, slip=2, exempt=(), networks_max=100)


def test_a_network_gets_its_burst_and_then_its_rate() -> None:
    limiter = RateLimiter(SLOW)
    verdicts = [limiter.judge(f"192.0.2.{n}", 0.0) for n in range(30)]
    assert verdicts[:20] == [Verdict.SEND] * 20
    assert verdicts[20:] == [Verdict.DROP, Verdict.TRUNCATE] * 5
    later = [limiter.judge("192.0.2.200", 1.0) for _ in range(12)]
    assert later.count(Verdict.SEND) == 10


def test_other_networks_are_not_slowed_down() -> None:
    limiter = RateLimiter(SLOW)
    for _ in range(100):
        limiter.judge("192.0.2.1", 0.0)
    assert limiter.judge("192.0.3.1", 0.0) is Verdict.SEND
    assert limiter.judge("2001:db8::1", 0.0) is Verdict.SEND


def test_networks_are_24_and_56_bits() -> None:
    assert network_of("192.0.2.1") == network_of("192.0.2.255") != network_of("192.0.3.1")
    assert network_of("2001:db8:0:ff::1") == network_of("2001:db8::9")
    assert network_of("2001:db8:0:100::1") != network_of("2001:db8::1")


def test_exempt_networks_are_never_limited_and_rest_never_exceeds_the_burst() -> None:
    settings = RateLimit(answers_per_s=10, burst=5, exempt=("192.0.2.0/24", "::1/128"))
    limiter = RateLimiter(settings)
    for host in ("192.0.2.1", "::1"):
        assert {limiter.judge(host, 0.0) for _ in range(100)} == {Verdict.SEND}
    for now_s in (0.0, 1e6):
        verdicts = [limiter.judge("198.51.100.1", now_s) for _ in range(10)]
        assert verdicts.count(Verdict.SEND) == 5


def test_memory_is_bounded_under_a_flood_from_everywhere() -> None:
    limiter = RateLimiter(SLOW)
    for number in range(5000):
        limiter.judge(f"10.{number >> 8}.{number & 255}.1", 0.0)
        assert len(limiter) <= 4 * SLOW.networks_max


def test_no_slip_means_silence() -> None:
    limiter = RateLimiter(RateLimit(answers_per_s=1, burst=1, slip=0, exempt=()))
    verdicts = {limiter.judge("192.0.2.1", 0.0) for _ in range(10)}
    assert verdicts == {Verdict.SEND, Verdict.DROP}


@pytest.mark.slow
async def test_a_limited_client_finds_its_way_over_tcp() -> None:
    """Every second limited answer is an empty one with TC, no longer than the question."""
    limited = NameServerSettings(rate_limit=RateLimit(answers_per_s=0.001, burst=3, exempt=()))
    async with serving(settings=limited) as (server, port):
        query = dns.message.make_query("ns.example.test", "A").to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0)
            client.connect((HOST, port))
            for _ in range(13):
                client.send(query)
            loop = asyncio.get_running_loop()
            replies = [await asyncio.wait_for(loop.sock_recv(client, 512), 5) for _ in range(8)]
        assert [bool(one[2] & 2) for one in replies] == [False] * 3 + [True] * 5
        assert all(len(one) <= len(query) for one in replies[3:])
        reply = await dns.asyncquery.tcp(dns.message.from_wire(query), HOST, port=port, timeout=5)
        assert reply.answer
        stats = server.stats()
        assert (stats.limited_dropped, stats.limited_truncated) == (5, 5)
