"""Sources in the world: files, HTTP, memory; whatever goes wrong, what was known stays."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import endpoint, provider, target

from outlast.drivers.clock import SystemClock
from outlast.drivers.facts import Event, Fact
from outlast.drivers.sources.asking import ask
from outlast.drivers.sources.listing import BYTES_MAX, SourceError, read_listing, write_listing
from outlast.drivers.sources.watch import Memory, Sources, fill
from outlast.model.names import RegionName
from outlast.model.source import TargetSource
from outlast.model.topology import HealthCheck, Region, Target, Topology

REGIONS = [RegionName("eu"), RegionName("us")]
CHECK = HealthCheck()
GOOD = {
    "outlast_targets": 1,
    "targets": {"eu-1": {"region": "eu", "ipv4": "192.0.2.1", "capacity": 5}},
}


def packed(value: object) -> bytes:
    """A listing as bytes."""
    return json.dumps(value).encode()


def with_target(**fields: object) -> bytes:
    """A listing whose second target has these fields."""
    return packed({"outlast_targets": 1, "targets": GOOD["targets"] | {"x": fields}})  # type: ignore[operator]


def test_a_listing_names_targets() -> None:
    """Region, addresses, weight and capacity; the check is the endpoint's."""
    (one,) = read_listing(packed(GOOD), REGIONS, CHECK)
    assert (one.name, one.region, one.ipv4, one.weight, one.capacity) == (
        "eu-1",
        "eu",
        "192.0.2.1",
        1,
        5,
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "truncated"),
        (packed(GOOD)[:-2], "truncated"),
        (b"<html>please sign in</html>", "malformed"),
        (packed({"targets": {}}), "outlast_targets"),
        (packed(GOOD | {"outlast_targets": 2}), "outlast_targets"),
        (packed(GOOD | {"more": 1}), "more"),
        (with_target(region="eu", ipv4="192.0.2.999"), "192.0.2.999"),
        (with_target(region="eu", ipv4="0.0.0.0"), "no client can connect"),
        (with_target(region="eu"), "has no address"),
        (with_target(region="mars", ipv4="192.0.2.2"), "regions that the topology has not"),
        (with_target(region="eu", ipv4="192.0.2.1"), "an address twice"),
        (with_target(region="eu", ipv4="192.0.2.2", weight=-1), "weight"),
    ],
)
def test_one_fault_makes_the_whole_listing_unknown(data: bytes, words: str) -> None:
    """Half of a list is not believed."""
    with pytest.raises(SourceError, match=words):
        read_listing(data, REGIONS, CHECK)


KEYS = st.sampled_from(["outlast_targets", "targets", "region", "ipv4", "a"])
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)


@given(st.binary(max_size=60) | JSON.map(packed))
def test_no_bytes_can_do_more_than_be_refused(data: bytes) -> None:
    """A source is a stranger."""
    with contextlib.suppress(SourceError):
        assert all(one.region in REGIONS for one in read_listing(data, REGIONS, CHECK))


@given(st.lists(st.sampled_from(["eu-1", "eu-2", "us-1", "us-2"]), unique=True))
def test_what_is_kept_is_read_back(names: list[str]) -> None:
    """The memory speaks the same format as the sources."""
    targets = tuple(replace(target(one, capacity=3), check=CHECK) for one in names)
    assert read_listing(write_listing(targets), REGIONS, CHECK) == targets


class Service:
    """An HTTP server whose answer a test sets."""

    def __init__(self) -> None:
        self.status, self.body = 200, packed(GOOD)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(outer.status)
                if outer.status == 302:
                    self.send_header("Location", "/elsewhere")
                    outer.status = 200
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_: object) -> None:
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.source = TargetSource(
            url=f"http://127.0.0.1:{self._server.server_port}/targets", timeout_s=1
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    """A server that answers well."""
    made = Service()
    yield made
    made.close()


def test_a_url_is_fetched_and_anything_but_200_is_unknown(service: Service, tmp_path: Path) -> None:
    """Errors, redirects and dead servers are one thing: no news."""
    assert ask(service.source, tmp_path) == packed(GOOD)
    for status in (204, 302, 404, 500):
        service.status = status
        with pytest.raises(SourceError, match=str(status)):
            ask(service.source, tmp_path)
    service.close()
    with pytest.raises(SourceError, match="cannot be asked"):
        ask(service.source, tmp_path)


class Watched:
    """Sources of one endpoint, with all that they told and handed on."""

    def __init__(self, folder: Path, source: TargetSource, *begin: Target) -> None:
        one = replace(endpoint(*begin), targets_from=source)
        self.endpoint = one
        regions = tuple(Region(name=name) for name in REGIONS)
        self.topology = Topology(regions=regions, providers=(provider(),), endpoints=(one,))
        self.facts: list[Fact] = []
        self.taken: list[Topology] = []
        memory = Memory(folder, folder / "memory")
        self.sources = Sources(
            self.topology,
            memory,
            clock=SystemClock(),
            tell=self.facts.append,
            take=self.taken.append,
        )

    async def ask(self) -> list[str]:
        """Ask once; return the names of the targets that are now believed."""
        await self.sources.ask(self.endpoint)
        return [one.name for one in self.sources.topology.endpoints[0].targets]


async def test_a_file_is_followed_and_its_failures_change_nothing(tmp_path: Path) -> None:
    """Gone, emptied or half written, what was known stays; also over a restart."""
    source = TargetSource(file="targets.json")
    file = tmp_path / "targets.json"
    file.write_bytes(packed(GOOD))
    watched = Watched(tmp_path, source)
    assert await watched.ask() == ["eu-1"]
    assert len(watched.taken) == 1
    for broken in (b"", packed({"outlast_targets": 1, "targets": {}}), packed(GOOD)[:20]):
        file.write_bytes(broken)
        assert await watched.ask() == ["eu-1"]
    file.unlink()
    assert await watched.ask() == ["eu-1"]
    assert len(watched.taken) == 1
    assert [one.event for one in watched.facts] == [Event.TARGETS, *[Event.SOURCE_LOST] * 4]
    again = Watched(tmp_path, source)
    assert [one.name for one in again.sources.topology.endpoints[0].targets] == ["eu-1"]
    file.write_bytes(with_target(region="us", ipv4="192.0.2.2"))
    assert await watched.ask() == ["eu-1", "x"]
    assert watched.facts[-2].event is Event.SOURCE_BACK


async def test_targets_of_the_file_are_those_to_begin_with(tmp_path: Path) -> None:
    """Until a source was ever heard, what stands in the topology counts."""
    watched = Watched(tmp_path, TargetSource(file="missing.json"), target("us-1"))
    assert await watched.ask() == ["us-1"]
    assert watched.taken == []


def test_an_empty_memory_is_none(tmp_path: Path) -> None:
    """A file of what was heard that names nobody was written by somebody else; it says nothing."""
    watched = Watched(tmp_path, TargetSource(file="missing.json"), target("us-1"))
    memory, one = Memory(tmp_path, tmp_path / "memory"), watched.endpoint
    memory.keep(one.name, ())
    assert memory.recall(one, watched.topology) == one.targets
    assert fill(watched.topology, {one.name: ()}) == watched.topology


def test_a_source_without_an_end_is_unknown(tmp_path: Path) -> None:
    """No more is read than a listing may take."""
    with (tmp_path / "targets.json").open("wb") as file:
        file.truncate(BYTES_MAX + 1)
    with pytest.raises(SourceError, match="more than"):
        ask(TargetSource(file="targets.json"), tmp_path)
