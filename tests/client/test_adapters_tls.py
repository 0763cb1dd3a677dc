"""Over TLS the certificate is checked against the name, whatever address was remembered."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import aiohttp
import httpx
import pytest
import requests
from tests.client.test_adapters import NAME, Hello, Wiped

from outlast.client import Resolver
from outlast.client.adapters import aiohttp as our_aiohttp
from outlast.client.adapters import httpx as our_httpx
from outlast.client.adapters import requests as our_requests
from outlast.pytest_plugin.certificates import Authority


@pytest.fixture(params=[NAME, "stranger.example"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, str, bool]]:
    """A server with a certificate for the name, and one with a stranger's: port, roots, whether it fits."""
    authority = Authority(tmp_path)
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    listening.daemon_threads = True
    context = authority.context(request.param, expired=False)
    listening.socket = context.wrap_socket(
        listening.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield listening.server_address[1], str(authority.file), request.param == NAME
    listening.shutdown()
    listening.server_close()
    thread.join()


def by_httpx(url: str, names: Resolver, roots: str) -> str:
    inner = httpx.HTTPTransport(verify=ssl.create_default_context(cafile=roots))
    with httpx.Client(transport=our_httpx.OutlastTransport(names, inner)) as client:
        return client.get(url).text


def by_requests(url: str, names: Resolver, roots: str) -> str:
    with requests.Session() as session:
        return our_requests.mount(session, names).get(url, timeout=5, verify=roots).text


def by_aiohttp(url: str, names: Resolver, roots: str) -> str:
    async def main() -> str:
        connector = our_aiohttp.connector(names, ssl=ssl.create_default_context(cafile=roots))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(url) as answer,
        ):
            return await answer.text()

    return asyncio.run(main())


@pytest.mark.parametrize("ask", [by_httpx, by_requests, by_aiohttp])
def test_a_remembered_address_must_show_the_names_certificate(
    ask: Callable[[str, Resolver, str], str], server: tuple[int, str, bool]
) -> None:
    """Served where the certificate is the name's, refused where it is a stranger's; no policy is needed."""
    port, roots, fits = server
    lookup = Wiped()
    names = Resolver(lookup=lookup)
    names.warm(NAME)
    lookup.wiped = True
    names.expire()
    if fits:
        assert ask(f"https://{NAME}:{port}/", names, roots) == f"{NAME}:{port}"
        assert names.is_stale(NAME)
    else:
        with pytest.raises(Exception, match=r"(?i)certificate|hostname"):
            ask(f"https://{NAME}:{port}/", names, roots)
