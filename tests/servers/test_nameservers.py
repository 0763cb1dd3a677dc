"""The helper that starts real name servers keeps its promises."""

import re
from pathlib import Path

import pytest
from tests.support import nameservers

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_ports_lie_below_the_ephemeral_range() -> None:
    """A port that clients could be given as a source port would sometimes be taken."""
    low = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]
    assert nameservers.free_port() < int(low)


def test_a_missing_program_names_the_package_to_install() -> None:
    """A missing package is a failure with the remedy, never a skipped test."""
    missing = nameservers.Software("none", "no-such-binary", "bind9", "named.conf", ())
    with (
        pytest.raises(nameservers.ServerFault, match=re.escape("apt-get install bind9")),
        nameservers.running(missing),
    ):
        pass


@pytest.mark.parametrize("software", nameservers.ALL, ids=lambda one: one.name)
def test_a_server_that_cannot_start_says_why(software: nameservers.Software) -> None:
    """A broken configuration shows the server's own words instead of a time-out."""
    wrong = {
        "bind": {"options {": "no-such-setting {"},
        "knot": {"rundir": "no-such-setting"},
        "powerdns": {"launch=gsqlite3": "launch=no-such-backend"},
    }[software.name]
    with (
        pytest.raises(AssertionError, match="no-such"),
        nameservers.running(software, replacements=wrong),
    ):
        pass
