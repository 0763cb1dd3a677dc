"""The local regions: answer, fail in four ways, and recover."""

import asyncio

import pytest
from tests.support.nameservers import free_port

from outlast.drivers.clock import SystemClock
from outlast.drivers.probes import WireProber
from outlast.drivers.regions import HEAD_BYTES_MAX, FailureMode, LocalRegion
from outlast.model.errors import ConfigError
from outlast.model.health import Report
from outlast.model.names import RegionName, Subject, VantageName
from outlast.model.topology import HealthCheck
from outlast.ports import Assignment

HOST = "127.0.0.1"


async def started() -> LocalRegion:
    region = LocalRegion(RegionName("eu-west"), HOST, free_port(HOST))
    await region.start()
    return region


async def ask(region: LocalRegion, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(region.host, region.port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10.0)
    writer.close()
    return answer


async def seen_of(region: LocalRegion, timeout_s: float = 5.0) -> str:
    check = HealthCheck(port=region.port, path="/healthz", timeout_s=timeout_s)
    one = Assignment(subject=Subject("a/b/ipv4"), host=HOST, server_name="x", check=check)
    report = await WireProber(VantageName("here"), SystemClock()).probe(one)
    assert isinstance(report, Report)
    return report.detail


@pytest.mark.parametrize("path", ["/", "/healthz", "/?who=me"])
async def test_a_region_answers_with_its_name(path: str) -> None:
    region = await started()
    answer = await ask(region, f"GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
    await region.close()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhello from eu-west\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /other HTTP/1.1\r\nConnection: close\r\n\r\n", b"404"),
        (b"POST / HTTP/1.1\r\n\r\n", b"405"),
        (b"nonsense\r\n\r\n", b"405"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * HEAD_BYTES_MAX, b"431"),
    ],
)
async def test_what_it_does_not_serve_it_says(request_: bytes, status: bytes) -> None:
    region = await started()
    answer = await ask(region, request_)
    await region.close()
    assert answer.startswith(b"HTTP/1.1 " + status + b" ")


async def test_requests_on_one_connection_are_answered_in_order() -> None:
    region = await started()
    two = b"HEAD / HTTP/1.1\r\n\r\nGET /no HTTP/1.1\r\nConnection: close\r\n\r\n"
    answer = await ask(region, two)
    await region.close()
    assert [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP")] == [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 404 Not Found",
    ]
    assert answer.count(b"eu-west") == 1  # HEAD has no body


@pytest.mark.parametrize(
    ("mode", "detail"),
    [
        (FailureMode.STOP, "connection refused"),
        (FailureMode.HANG, "no answer in 0.2 s"),
        (FailureMode.SLOW, "no answer in 0.2 s"),
        (FailureMode.ERROR, "HTTP 503"),
    ],
)
async def test_a_region_fails_in_its_way_and_recovers(mode: FailureMode, detail: str) -> None:
    region = await started()
    port = region.port
    await region.fail(mode)
    assert region.failing is mode
    timeout_s = 0.2 if "no answer" in detail else 5.0
    assert await seen_of(region, timeout_s) == detail
    await region.recover()
    assert region.failing is None
    assert await seen_of(region) == "HTTP 200"
    assert region.port == port
    await region.close()
    await region.close()


async def test_a_stopped_region_can_fail_in_another_way() -> None:
    region = await started()
    await region.fail(FailureMode.STOP)
    await region.fail(FailureMode.ERROR)
    assert await seen_of(region) == "HTTP 503"
    await region.close()


@pytest.mark.slow
async def test_a_slow_region_answers_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outlast.drivers.regions.SLOW_S", 0.4)
    region = await started()
    await region.fail(FailureMode.SLOW)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    assert await seen_of(region) == "HTTP 200"
    assert loop.time() - began_s >= 0.4
    await region.close()


async def test_stopping_ends_the_connections_there_are() -> None:
    region = await started()
    reader, writer = await asyncio.open_connection(HOST, region.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await reader.readuntil(b"eu-west\n")
    await region.fail(FailureMode.STOP)
    assert await asyncio.wait_for(reader.read(), 10.0) == b""
    writer.close()


async def test_a_taken_port_is_told_with_what_to_do() -> None:
    region = await started()
    twin = LocalRegion(RegionName("us-east"), HOST, region.port)
    with pytest.raises(ConfigError, match="region us-east cannot listen on") as told:
        await twin.start()
    assert "another program has this port" in told.value.remedy
    await region.close()


@pytest.mark.parametrize(
    ("host", "port", "remedy"),
    [
        ("192.0.2.1", 18_080, "this machine has no address 192.0.2.1"),
        (HOST, 70_000, "take an IP address and port"),
    ],
)
async def test_an_address_that_is_not_ours_is_told_with_what_to_do(
    host: str, port: int, remedy: str
) -> None:
    with pytest.raises(ConfigError) as told:
        await LocalRegion(RegionName("eu-west"), host, port).start()
    assert remedy in told.value.remedy


async def test_port_zero_takes_any_free_port() -> None:
    region = LocalRegion(RegionName("eu-west"), HOST, 0)
    await region.start()
    assert region.port > 0
    assert await seen_of(region) == "HTTP 200"
    await region.close()
