"""The name servers that `bench.nameserver` compares, each as a process of its own.

python -m bench.nameserver_peers outlast|outlast-uvloop|dnslib PORT NAMES
"""

import asyncio
import sys
from typing import Any, cast

import dnslib
import uvloop
from dnslib.server import DNSLogger, DNSServer
from tests.support.nameservers import HOST, ZONE

from outlast.drivers.nameserver import NameServer
from outlast.drivers.nameserver.zone import RRset
from outlast.model.topology import Address


def addresses_of(number: int) -> tuple[str, str]:
    """Return the two addresses of endpoint `ep{number}`, as `endpoint_lines` has them."""
    high, low = divmod(number, 250)
    return f"198.18.{high % 250}.{low + 1}", f"198.19.{high % 250}.{low + 1}"


def filled_zone(names: int) -> dict[bytes, tuple[RRset, ...]]:
    """Return nodes for so many endpoints, with two addresses and a fence each."""
    apex = b"".join(bytes((len(one),)) + one.encode() for one in ZONE.split(".")) + b"\0"
    nodes: dict[bytes, tuple[RRset, ...]] = {}
    for number in range(names):
        label = f"ep{number}".encode()
        name = bytes((len(label),)) + label + apex
        rdatas = [bytes(map(int, one.split("."))) for one in addresses_of(number)]
        nodes[name] = (RRset(1, 60, tuple(sorted(rdatas))),)
        text = f"outlast1 g=1 d={number:032x} n={number:016x} w=seed".encode()
        nodes[b"\x08_outlast" + name] = (RRset(16, 0, (bytes((len(text),)) + text,)),)
    return nodes


async def _serve_outlast(port: int, names: int) -> None:
    server = NameServer((ZONE,), (Address(host=HOST, port=port),), (), None)
    await server.start()
    # Filled behind its back: how quickly it takes updates is another bench's question.
    for zone in server._parts.zones.values():  # noqa: SLF001
        zone.apply(filled_zone(names))
    await asyncio.Event().wait()


class _Resolver:
    """Answers as one writes them with dnslib in an afternoon."""

    def __init__(self, names: int) -> None:
        self._records = {f"ep{n}.{ZONE}": addresses_of(n) for n in range(names)}

    def resolve(self, request: dnslib.DNSRecord, handler: object) -> dnslib.DNSRecord:
        """Answer a question; the shape is that of dnslib's resolvers."""
        del handler
        reply = request.reply(ra=0, aa=1)
        name = str(request.q.qname).rstrip(".").lower()
        for address in self._records.get(name, ()):
            rdata = dnslib.A(address)
            reply.add_answer(dnslib.RR(request.q.qname, dnslib.QTYPE.A, rdata=rdata, ttl=60))
        return reply


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, names: int) -> None:
        self._resolver = _Resolver(names)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        assert self._transport is not None
        reply = self._resolver.resolve(dnslib.DNSRecord.parse(data), None)
        self._transport.sendto(reply.pack(), addr)


async def _serve_dnslib_asyncio(port: int, names: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: _Protocol(names), local_addr=(HOST, port))
    await asyncio.Event().wait()


def _serve_dnslib(port: int, names: int) -> None:
    # No "log hooks" at all: writing a line for each answer would cost more than the answer.
    silent = DNSLogger("-request,-reply,-truncated,-error,-recv,-send")
    DNSServer(_Resolver(names), address=HOST, port=port, logger=silent).start()


def main() -> None:
    """Serve until ended."""
    kind, port, names = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    match kind:
        case "outlast":
            asyncio.run(_serve_outlast(port, names))
        case "outlast-uvloop":
            uvloop.run(_serve_outlast(port, names))
        case "dnslib":
            _serve_dnslib(port, names)
        case "dnslib-asyncio":
            asyncio.run(_serve_dnslib_asyncio(port, names))
        case _:
            raise SystemExit(f"no such server: {kind}")


if __name__ == "__main__":
    main()
