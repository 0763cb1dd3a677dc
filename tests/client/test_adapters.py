"""Each adapter serves a name that was wiped, by the means its library documents."""

import asyncio
import http.server
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import botocore.session
import httpx
import pytest
import requests
from botocore.config import Config

from outlast.client import NamePolicy, Overdue, Resolver, deadline
from outlast.client.adapters import aiohttp as our_aiohttp
from outlast.client.adapters import botocore as our_botocore
from outlast.client.adapters import httpx as our_httpx
from outlast.client.adapters import loop as our_loop
from outlast.client.adapters import psycopg as our_psycopg
from outlast.client.adapters import requests as our_requests
from outlast.client.adapters import urllib3 as our_urllib3
from outlast.client.adapters.process import install
from outlast.client.answers import Miss
from outlast.client.lookup import error_of

NAME = "supplier.example"


class Hello(http.server.BaseHTTPRequestHandler):
    """Says whom it was asked for."""

    def do_GET(self) -> None:
        body = self.headers["Host"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"TableNames": ["orders"]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


class Wiped:
    """A name that answered once, a dead address first, and was then wiped."""

    def __init__(self) -> None:
        self.wiped = False

    def __call__(self, name: str, family: int) -> list[str]:
        if self.wiped or name != NAME or family != socket.AF_INET:
            raise error_of(name, Miss.EMPTY)
        return ["127.0.0.99", "127.0.0.1"]


@pytest.fixture
def names() -> Resolver:
    lookup = Wiped()
    resolver = Resolver(
        lookup=lookup, policy=NamePolicy(without_tls=True), families=(int(socket.AF_INET),)
    )
    resolver.warm(NAME)
    lookup.wiped = True
    resolver.expire()
    return resolver


def by_httpx(url: str, names: Resolver) -> str:
    with httpx.Client(transport=our_httpx.OutlastTransport(names)) as client:
        return client.get(url).text


def by_requests(url: str, names: Resolver) -> str:
    with requests.Session() as session:
        return our_requests.mount(session, names).get(url, timeout=5).text


def by_urllib3(url: str, names: Resolver) -> str:
    pools = our_urllib3.pool_manager(names)
    text = pools.request("GET", url, retries=False).data.decode()
    pools.clear()
    return text


def by_install(url: str, names: Resolver) -> str:
    with install(names), httpx.Client(trust_env=False) as client:
        return client.get(url).text


@pytest.mark.parametrize("ask", [by_httpx, by_requests, by_urllib3, by_install])
def test_a_wiped_name_is_served(
    ask: Callable[[str, Resolver], str], names: Resolver, port: int
) -> None:
    """The second address answers, under the name's own Host header; the dead one is known as such."""
    before = socket.getaddrinfo
    assert ask(f"http://{NAME}:{port}/", names) == f"{NAME}:{port}"
    assert names.stale_uses >= 1
    assert socket.getaddrinfo is before


async def by_async_httpx(url: str, names: Resolver) -> str:
    async with httpx.AsyncClient(transport=our_httpx.AsyncOutlastTransport(names)) as client:
        return (await client.get(url)).text


async def by_aiohttp(url: str, names: Resolver) -> str:
    async with (
        aiohttp.ClientSession(connector=our_aiohttp.connector(names)) as session,
        session.get(url) as response,
    ):
        return await response.text()


@pytest.mark.parametrize("ask", [by_async_httpx, by_aiohttp])
async def test_a_wiped_name_is_served_in_asyncio(
    ask: Callable[[str, Resolver], Awaitable[str]], names: Resolver, port: int
) -> None:
    """The same for asynchronous clients."""
    assert await ask(f"http://{NAME}:{port}/", names) == f"{NAME}:{port}"


def test_a_loop_of_ours_serves_clients_without_an_adapter(names: Resolver, port: int) -> None:
    """asyncio's own connections resolve by the loop factory."""

    async def main() -> bytes:
        reader, writer = await asyncio.open_connection(NAME, port)
        writer.write(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer

    with asyncio.Runner(loop_factory=our_loop.loop_factory(names)) as runner:
        assert runner.run(main()).endswith(b"x")


def test_botocore_is_served_without_private_parts(names: Resolver, port: int) -> None:
    """DynamoDB's client reaches its endpoint through the event that botocore offers."""
    client: Any = botocore.session.get_session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=f"http://{NAME}:{port}",
        aws_access_key_id="id",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5),
    )
    our_botocore.attach(client, names)
    assert client.list_tables()["TableNames"] == ["orders"]


def test_psycopg_gets_addresses_beside_the_name(names: Resolver) -> None:
    """`hostaddr` carries the addresses, `host` stays for TLS; a stale one needs verify-full or a policy."""
    given = our_psycopg.parameters(f"host={NAME} dbname=shop", names)
    assert given["host"] == f"{NAME},{NAME}"
    assert given["hostaddr"] == "127.0.0.99,127.0.0.1"
    strict = Resolver(lookup=Wiped())
    strict.warm(NAME)
    strict._lookups = [lambda name, _: (_ for _ in ()).throw(error_of(name, Miss.GONE))]
    strict.expire()
    with pytest.raises(socket.gaierror, match="verify-full"):
        our_psycopg.parameters(f"host={NAME} dbname=shop", strict)


def test_stale_plain_connections_are_refused_by_default(port: int) -> None:
    """Without TLS and without a policy a remembered address is not used."""
    lookup = Wiped()
    strict = Resolver(lookup=lookup)
    strict.warm(NAME)
    lookup.wiped = True
    strict.expire()
    with pytest.raises(httpx.ConnectError, match="without TLS"):
        by_httpx(f"http://{NAME}:{port}/", strict)
    strict.expire()
    with pytest.raises(requests.ConnectionError, match="without TLS"):
        by_requests(f"http://{NAME}:{port}/", strict)


def test_socket_time_outs_obey_the_deadline(names: Resolver) -> None:
    """A server that accepts and never answers costs what is left, not the client's own time-out."""
    with socket.create_server(("127.0.0.1", 0)) as silent, deadline(0.1):
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with (
            pytest.raises(httpx.TimeoutException),
            httpx.Client(transport=our_httpx.OutlastTransport(names), timeout=30) as client,
        ):
            client.get(url)
        with pytest.raises((requests.Timeout, requests.ConnectionError)):
            by_requests(url, names)
    assert issubclass(Overdue, TimeoutError)


async def test_names_as_bytes_are_names_too(names: Resolver, port: int) -> None:
    """anyio hands names over as bytes; the process-wide way understands them."""
    with install(names):
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"http://{NAME}:{port}/")).text == f"{NAME}:{port}"
