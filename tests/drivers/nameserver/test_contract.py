"""The contract of providers, kept by the very same provider against the embedded server.

What stands in `tests/contract/` for BIND, Knot and PowerDNS runs here once more. One test is left out:
it reads below a delegation, and this server takes none.
"""

import base64
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
import dns.zone
import pytest
from tests.contract import test_provider, test_provider_keys, test_provider_races
from tests.support import nameservers
from tests.support.nameservers import HOST, NameServer, Software
from tests.support.targets import Target, target_of

LEFT_OUT = {"test_a_delegated_name", "test_a_wildcard_looks_like_a_fence_and_matches_no_condition"}
EMBEDDED = Software("embedded", sys.executable, "", "", ())
SECRET = base64.b64decode(nameservers.SECRET_BASE64)

SCRIPT = """
import asyncio, base64, sys
from outlast.drivers.nameserver import Key, NameServer, NameServerSettings
from outlast.model.topology import Address
from tests.support import nameservers as ns
async def main():
    key = Key(ns.KEY_NAME, "hmac-sha256", base64.b64decode(ns.SECRET_BASE64))
    listen = (Address(host=ns.HOST, port=int(sys.argv[1])),)
    await NameServer((ns.ZONE,), listen, (key,), None, NameServerSettings()).start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


@dataclass(slots=True, kw_only=True)
class Embedded(NameServer):
    """Our server, in a process of its own, in the shape of the real ones."""

    def start(self) -> None:
        self._prepare()
        self._process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(self.port)])
        self._wait_ready()

    def _prepare(self) -> None:
        self.port = nameservers.free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="outlast-dns-"))
        self._write_secret()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + nameservers.READY_DEADLINE_S
        while time.monotonic() < deadline:
            try:
                self._fill()
            except (OSError, dns.exception.DNSException):
                time.sleep(0.01)
                continue
            return
        raise AssertionError("the embedded server did not answer in time")

    def _fill(self) -> None:
        """Write what the other servers have in their zone file, as far as it can be written."""
        key = dns.tsig.Key(nameservers.KEY_NAME, SECRET, "hmac-sha256")
        update = dns.update.UpdateMessage(f"{self.zone}.", keyring=key)
        lines = [one for one in self.lines if " NS " not in one and not one.startswith("*")]
        text = nameservers.zone_text(lines, zone=self.zone)
        zone = dns.zone.from_text(text, f"{self.zone}.", relativize=False)
        for name, rdataset in zone.iterate_rdatasets():
            if rdataset.rdtype not in {dns.rdatatype.SOA, dns.rdatatype.NS}:
                update.add(name, rdataset)
        assert dns.query.tcp(update, HOST, port=self.port, timeout=1).rcode() == dns.rcode.NOERROR


@pytest.fixture(scope="module")
def server() -> Iterator[NameServer]:
    one = Embedded(software=EMBEDDED, lines=test_provider.FOREIGN_LINES)
    try:
        one.start()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="module")
def target(server: NameServer) -> Target:
    return target_of(server)


provider, layout = test_provider.provider, test_provider.layout
pytestmark = [pytest.mark.servers, pytest.mark.slow]
for _suite in (test_provider, test_provider_keys, test_provider_races):
    globals().update(
        {
            name: check
            for name, check in vars(_suite).items()
            if name.startswith("test_") and name not in LEFT_OUT
        }
    )
