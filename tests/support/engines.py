"""The engines of `ports.Store`: what their one contract suite runs on.

An engine is one function that makes an `Open`: called again and again, it opens stores on the same data,
as several processes would. A new engine is one more line in `ENGINES`.
"""

import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.support import etcd
from tests.support.etcd_secured import PASSWORD, PREFIX, USER, running_secured

from outlast.drivers.stores.etcd.link import Access
from outlast.drivers.stores.etcd.store import EtcdStore
from outlast.drivers.stores.memory import MemoryData, MemoryStore
from outlast.drivers.stores.sqlite import SqliteStore
from outlast.ports import Store

Open = Callable[[], Awaitable[Store]]


class Etcds:
    """The etcds of one test process: each started when first asked for, ended together."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._running: dict[str, etcd.Cluster] = {}
        self._numbers = itertools.count()

    def get(self, kind: str) -> etcd.Cluster:
        """Return the etcd of a kind: `one`, `three` or `secured`."""
        if kind not in self._running:
            starts = {
                "one": lambda: etcd.running(1),
                "three": lambda: etcd.running(3),
                "secured": running_secured,
            }
            self._running[kind] = self._stack.enter_context(starts[kind]())
        return self._running[kind]

    def prefix(self, below: str = "") -> str:
        """Return a prefix that nobody has used."""
        return f"{below}test-{next(self._numbers)}/"

    def close(self) -> None:
        """End all of them."""
        self._stack.close()


Engine = Callable[[Path, Etcds], Open]


def memory(_: Path, __: Etcds) -> Open:
    """In memory."""
    data = MemoryData()

    async def open_store() -> Store:
        return MemoryStore(data)

    return open_store


def sqlite(folder: Path, _: Etcds) -> Open:
    """An SQLite file."""

    async def open_store() -> Store:
        return await SqliteStore.open(folder / "store.db")

    return open_store


def etcd_one(_: Path, etcds: Etcds) -> Open:
    """An etcd of one member."""
    return on(Access(endpoints=etcds.get("one").endpoints), etcds.prefix())


def etcd_three(_: Path, etcds: Etcds) -> Open:
    """An etcd of three members."""
    return on(Access(endpoints=etcds.get("three").endpoints), etcds.prefix())


def etcd_secured(_: Path, etcds: Etcds) -> Open:
    """An etcd with TLS, client certificates and authentication."""
    return on(secured_access(etcds.get("secured")), etcds.prefix(PREFIX))


def secured_access(cluster: etcd.Cluster, *, user: str = USER, password: str = PASSWORD) -> Access:
    """Return how one gets into the secured etcd."""
    tls = cluster.tls
    assert tls is not None
    return Access(
        endpoints=cluster.endpoints,
        tls=True,
        ca=tls.ca.read_bytes(),
        certificate=tls.client_certificate.read_bytes(),
        key=tls.client_key.read_bytes(),
        user=user,
        password=password,
    )


def on(access: Access, prefix: str) -> Open:
    """Return what opens stores there."""

    async def open_store() -> Store:
        return await EtcdStore.open(access, prefix)

    return open_store


_REAL = (pytest.mark.servers, pytest.mark.slow)

ENGINES = [
    pytest.param(memory, id="memory"),
    pytest.param(sqlite, id="sqlite"),
    pytest.param(etcd_one, id="etcd-one", marks=_REAL),
    pytest.param(etcd_three, id="etcd-three", marks=_REAL),
    pytest.param(etcd_secured, id="etcd-secured", marks=_REAL),
]


def all_etcds() -> Iterator[Etcds]:
    """Yield the etcds of one test process; body of a session's fixture."""
    etcds = Etcds()
    try:
        yield etcds
    finally:
        etcds.close()
