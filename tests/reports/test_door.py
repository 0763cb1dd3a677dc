"""The door: who may hand in what, and what comes back; hostile bodies included."""

import asyncio
import json
import random
from pathlib import Path

import pytest
from tests.reports.desks import NOW_S, TOKEN, report, served

from outlast.detect.intake import Rules
from outlast.drivers.reports.door import Door, Refused, Rights
from outlast.drivers.reports.limits import Buckets, Limits

BEARER = {"authorization": f"Bearer {TOKEN}"}
LINES = {"content-type": "application/x-ndjson"}


async def test_one_report_a_list_and_lines_of_them_are_all_taken(tmp_path: Path) -> None:
    async with served(tmp_path) as door:
        one = await door.post(report(1))
        many = await door.post([report(2), report(3)])
        lines = b"\n".join(json.dumps(report(n)).encode() for n in (4, 5, 6)) + b"\n"
        third = await door.post(lines, **LINES)
        assert [one.status_code, many.status_code, third.status_code] == [202] * 3
        assert third.json()["counted"] == 3
        assert door.counted.total == 6


async def test_a_reporter_counts_once_for_a_service_and_window(tmp_path: Path) -> None:
    async with served(tmp_path) as door:
        await door.post(report())
        assert (await door.post(report())).json()["duplicate"] == 1
        assert (await door.post(report(service="bank"))).json()["counted"] == 1
        late = report(at=NOW_S - 3600)
        assert (await door.post(late)).json()["counted"] == 1
        assert door.counted.total == 3


async def test_a_storm_of_duplicates_counts_once(tmp_path: Path) -> None:
    async with served(tmp_path) as door:
        answers = await asyncio.gather(*(door.post([report()] * 50, **BEARER) for _ in range(20)))
        assert sum(one.json()["counted"] for one in answers) == 1
        assert door.counted.total == 1


async def test_one_network_weighs_no_more_than_its_cap(tmp_path: Path) -> None:
    """A campaign needs many networks: here one invents 90 reporters."""
    rules = Rules(network_cap=10, memory_slots=1 << 10, network_slots=1 << 10)
    async with served(tmp_path, rules=rules) as door:
        answer = await door.post([report(n) for n in range(90)])
        assert answer.json() | {"counted": 10, "capped": 80} == answer.json()
        # A source that passes on says for each report whose it is.
        others = [report(n, network=f"192.0.{n}.7") for n in range(100, 190)]
        assert (await door.post(others, **BEARER)).json()["counted"] == 90


async def test_the_future_is_refused_the_late_is_placed_the_ancient_is_no_report(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as door:
        times = [NOW_S + 60, NOW_S + 3600, NOW_S - 80_000, NOW_S - 90_000]
        answer = await door.post([report(n, at=at) for n, at in enumerate(times)])
        assert answer.json() | {"counted": 2, "future": 1, "old": 1} == answer.json()
        minutes = {int(one) for part in door.counted.parts for one in part.minute}
        assert minutes == {(NOW_S + 60) // 60, (NOW_S - 80_000) // 60}


async def test_an_unknown_service_is_kept_apart_and_refuses_nothing_around_it(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as door:
        answer = await door.post([report(1), report(2, service="shpo"), report(3)])
        assert answer.json() | {"counted": 2, "unknown": 1} == answer.json()
        assert [(one.name, one.reports) for one in door.review.most(9)] == [("shpo", 1)]


async def test_a_token_is_checked_and_without_one_a_batch_is_small(tmp_path: Path) -> None:
    many = [report(n) for n in range(200)]
    async with served(tmp_path) as door:
        assert (await door.post(many)).status_code == 413
        assert (await door.post(many, **BEARER)).status_code == 202
        assert (await door.post(many, authorization="Bearer outlast_guess")).status_code == 401
        assert (await door.post(many, authorization="Basic x")).status_code == 401


async def test_nobody_reports_without_a_token_where_that_is_wanted(tmp_path: Path) -> None:
    async with served(tmp_path, public=False) as door:
        assert (await door.post(report())).status_code == 401


async def test_too_fast_is_told_when_to_come_again(tmp_path: Path) -> None:
    async with served(tmp_path, limits=Limits(public_reports_s=1)) as door:
        assert (await door.post([report(n) for n in range(10)])).status_code == 202
        answer = await door.post(report(11))
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[[[[" * 50_000, {}, 400),
        (b'{"service": 7}', {}, 400),
        (b'{"service": ""}', {}, 400),
        (b'{"service": "shop", "at": "yesterday"}', {}, 400),
        (b'{"service": "shop", "at": "2025-10-20T07:00:00"}', {}, 400),
        (b'{"service": "shop", "at": 1760943600000000}', {}, 400),
        (b'{"service": "shop", "at": 1e300}', {}, 400),
        (b'{"service": "\xff\xfe"}', {}, 400),
        (b'{"service": "' + b"x" * 70 + b'"}', {}, 400),
        (b"x" * 40_000, {}, 413),
        (b"\x1f\x8b\x08", {"content-encoding": "gzip"}, 415),
        (b"a=b", {"content-type": "application/x-www-form-urlencoded"}, 415),
    ],
)
async def test_what_is_no_report_is_refused_and_says_why(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int
) -> None:
    limits = Limits(body_bytes=len(body) - 1 if status == 413 else 1 << 20)
    async with served(tmp_path, limits=limits) as door:
        answer = await door.post(body, **headers)
        assert answer.status_code == status
        assert answer.json()["error"]
        assert door.counted.total == 0


async def test_garbage_on_the_wire_harms_nobody_else(tmp_path: Path) -> None:
    """Seeded noise, half of it on a valid beginning; the desk goes on."""
    chance = random.Random(8)
    begins = [b"", b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n", b"GET "]
    async with served(tmp_path) as door:
        for turn in range(150):
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(begins[turn % 3] + chance.randbytes(chance.randrange(1, 400)))
            writer.write_eof()
            told = await asyncio.wait_for(reader.read(), 10)
            assert b"HTTP/1.1 5" not in told
            writer.close()
            await writer.wait_closed()
        assert (await door.post(report())).json()["counted"] == 1


async def test_what_is_too_long_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    """Whoever is cut off in the middle of eight megabytes may never read why."""
    ask = b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n"
    async with served(tmp_path, limits=Limits(body_bytes=100)) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(ask)
        assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 413 ")
        writer.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "begin",
    [b"POST /v1/rep", b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"],
    ids=["in the headers", "in the body"],
)
async def test_whoever_drips_is_cut_off(tmp_path: Path, begin: bytes) -> None:
    async with served(tmp_path, limits=Limits(body_s=0.3)) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(begin)
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_answers_come_in_the_order_of_the_requests(tmp_path: Path) -> None:
    """Sent at once on one connection, the second is refused at once and the first waits for the disk."""
    body = json.dumps(report()).encode()
    ask = b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    async with served(tmp_path) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(ask % len(body) + body + ask % 1 + b"{" + b"GET /x HTTP/1.1\r\n\r\n")
        told = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        found = [line.split()[1] for line in told.split(b"\r\n") if line.startswith(b"HTTP/")]
        found += [one.split()[1] for one in told.split(b"}")[1:] if one.startswith(b"HTTP/")]
        assert sorted({*found}) == [b"202", b"400", b"404"]
        assert found[0] == b"202"


def test_a_forged_forwarded_for_is_believed_from_named_proxies_only() -> None:
    """Else one machine is a thousand networks."""
    door = Door(Rights(proxies=frozenset({"10.0.0.1"})), Limits())
    body, head = b'{"service": "shop"}', [(b"x-forwarded-for", b"198.51.100.9, 203.0.113.7")]
    assert door.open(head, body, "192.0.2.1", NOW_S).peer == "192.0.2.1"
    assert door.open(head, body, "10.0.0.1", NOW_S).peer == "203.0.113.7"


def test_memory_for_senders_is_bounded() -> None:
    buckets = Buckets(limit=100)
    for sender in range(10_000):
        assert buckets.take(str(sender), 1, rate_s=1, now_s=float(sender) / 1000) == 0
    assert len(buckets._full_at) <= 100


def test_a_full_bucket_says_how_long_to_wait() -> None:
    buckets = Buckets()
    assert buckets.take("a", 10, rate_s=1, now_s=0.0) == 0
    assert buckets.take("a", 5, rate_s=1, now_s=0.0) == 5
    assert buckets.take("a", 5, rate_s=1, now_s=5.0) == 0
    with pytest.raises(Refused):
        Door(Rights(public=False), Limits()).open([], b"{}", "192.0.2.1", 0)
