"""The four clients against a name that was wiped on a real BIND behind a real unbound that serves stale."""

import asyncio
import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import boto3.session
import httpx
import pytest
import requests
from botocore.config import Config
from tests.client.test_adapters import Hello

from outlast.client import NamePolicy, Resolver
from outlast.client.adapters import aiohttp as our_aiohttp
from outlast.client.adapters import botocore as our_botocore
from outlast.client.adapters import httpx as our_httpx
from outlast.client.adapters import requests as our_requests

pytestmark = [pytest.mark.servers, pytest.mark.slow]

NAME = "dynamodb.us-east-1.example.org"
CALLS = 5


def _lab() -> Any:
    file = Path(__file__).parents[2] / "examples" / "shop" / "lab.py"
    spec = importlib.util.spec_from_file_location("outlast_shop_lab", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def wiped(tmp_path: Path) -> Iterator[tuple[Any, int]]:
    """A lab whose name is looked up once, wiped, and past its TTL; and the server's port."""
    lab_module = _lab()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with (
        lab_module.running(tmp_path, {"dynamodb.us-east-1": "127.0.0.1"}) as lab,
        lab_module.resolving(lab),
    ):
        yield lab, server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def wait_until_empty(lab: Any) -> None:
    """Wait for the resolver's cache to have noticed: its TTL, and one refresh behind it."""
    until_s = time.monotonic() + 15
    while lab.ask(NAME, 2) or lab.ask(NAME, 2):
        assert time.monotonic() < until_s
        time.sleep(0.1)


def dynamodb(url: str, names: Resolver | None) -> Any:
    client = boto3.session.Session().client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="id",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5),
    )
    if names is not None:
        our_botocore.attach(client, names)
    return client


def by_httpx(url: str, names: Resolver | None) -> None:
    transport = our_httpx.OutlastTransport(names) if names else None
    with httpx.Client(transport=transport) as client:
        client.get(url).raise_for_status()


def by_requests(url: str, names: Resolver | None) -> None:
    with requests.Session() as session:
        if names:
            our_requests.mount(session, names)
        session.get(url, timeout=5).raise_for_status()


def by_aiohttp(url: str, names: Resolver | None) -> None:
    async def main() -> None:
        connector = our_aiohttp.connector(names) if names else None
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(url) as response,
        ):
            response.raise_for_status()

    asyncio.run(main())


def by_boto(url: str, names: Resolver | None) -> None:
    dynamodb(url, names).list_tables()


CLIENTS: list[Callable[[str, Resolver | None], None]] = [by_httpx, by_requests, by_aiohttp, by_boto]


def test_every_client_is_served_after_the_wipe_and_none_without_us(wiped: tuple[Any, int]) -> None:
    """unbound's serve-expired gives nothing; each adapter serves each call; healing is seen at once."""
    lab, port = wiped
    url = f"http://{NAME}:{port}/"
    names = Resolver(policy=NamePolicy(without_tls=True, fresh_s=0.2, negative_s=0.1))
    for client in CLIENTS:
        client(url, names)
    lab.publish("dynamodb.us-east-1")
    wait_until_empty(lab)
    names.expire()
    for client in CLIENTS:
        for _ in range(CALLS):
            client(url, names)
        with pytest.raises(Exception, match=r"(?i)address|connect|resolve|endpoint"):
            client(url, None)
    assert names.is_stale(NAME)
    lab.publish()
    until_s = time.monotonic() + 15
    while names.is_stale(NAME):
        assert time.monotonic() < until_s
        time.sleep(0.1)
        names.lookup(NAME)
