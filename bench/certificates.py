"""The certificates in `docs/providers.md`: `python -m bench.certificates` runs and writes them.

Real servers on loopback, the strict fakes of clouds, and one mock that is known to be too kind. What is
printed for a fake says that the fake is strict and our provider right, not what the real cloud does:
that says `outlast certify` with the operator's own account.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from unittest import mock

import boto3
from moto import mock_aws
from tests.support import powerdns_pg, targets
from tests.support.nameservers import KEY_NAME, SECRET_BASE64, ZONE
from tests.support.targets import AWS_ENVIRONMENT, route53_at

from outlast.drivers.certify import Candidate, Trial, certify
from outlast.drivers.certify_stories import STORIES
from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.drivers.providers.tsig import Key
from outlast.model.api import Api, ProviderKind
from outlast.model.certificate import Certificate
from outlast.model.names import ProviderName
from outlast.model.topology import Provider

PAGE = Path("docs/providers.md")
BEGIN = "<!-- certificates: written by python -m bench.certificates -->"
END = "<!-- end of certificates -->"

TITLES = {
    "bind": "BIND",
    "knot": "Knot DNS",
    "powerdns": "PowerDNS, one process, SQLite",
    "powerdns-lua": "PowerDNS with Lua records, one process, SQLite",
    "route53": "Route 53 (strict fake)",
    "gcloud": "Google Cloud DNS (strict fake)",
}


async def tried(name: str, *writers: Candidate, rounds: int = 40) -> Certificate:
    """One run."""
    trial = Trial(
        provider=ProviderName(name),
        place=name,
        zone=ZONE,
        writers=writers,
        clock=SystemClock(),
        rounds=rounds,
    )
    return await certify(trial, STORIES)


async def _at_target(kind: targets.Kind) -> Certificate:
    with kind.start(()) as target:
        async with target.connect() as provider:
            assert hasattr(provider, "version")
            return await tried(kind.name, provider)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def _pdns_writers(isolation: str) -> AsyncIterator[list[Rfc2136Provider]]:
    key = Key.from_base64(KEY_NAME, "hmac-sha256", SECRET_BASE64)
    with powerdns_pg.running(2, isolation) as (_, addresses):
        writers = [
            Rfc2136Provider(
                Provider(
                    name=ProviderName("pdns"),
                    kind=ProviderKind.RFC2136,
                    server=one,
                    zones=(ZONE,),
                    timeout_s=10.0,
                ),
                key,
                SystemClock(),
            )
            for one in addresses
        ]
        try:
            yield writers
        finally:
            for one in writers:
                await one.close()


async def _moto() -> Certificate:
    with mock.patch.dict(os.environ, AWS_ENVIRONMENT), mock_aws():
        client = boto3.client("route53", region_name="us-east-1")
        client.create_hosted_zone(Name=ZONE, CallerReference="1")
        noun = Provider(
            name=ProviderName("moto"),
            kind=ProviderKind.ROUTE53,
            zones=(ZONE,),
            api=Api(request_rate=10_000, request_burst=10_000),
            timeout_s=10.0,
        )
        async with route53_at(noun) as provider:
            return await tried("moto", provider, rounds=5)


async def collect() -> list[tuple[str, Certificate]]:
    """Run everything."""
    found = [(TITLES[one.name], await _at_target(one)) for one in targets.ALL]
    async with _pdns_writers("read committed") as writers:
        title = "PowerDNS, one process, PostgreSQL"
        found.append((title, await tried("pdns", writers[0])))
        title = "PowerDNS, two processes, PostgreSQL at its default isolation"
        found.append((title, await tried("pdns", *writers)))
    async with _pdns_writers("serializable") as writers:
        title = "PowerDNS, two processes, PostgreSQL at serializable isolation"
        found.append((title, await tried("pdns", *writers)))
    found.append(("moto, a widely used mock of Route 53", await _moto()))
    return found


def table(found: list[tuple[str, Certificate]]) -> str:
    """The page's table."""
    lines = ["| target | version told | grade | failed | race |", "|---|---|---|---|---|"]
    for title, one in found:
        failed = [
            f"`{check.name}`{' (caveat)' if check in one.caveats else ''}"
            for check in one.checks
            if not check.passed
        ]
        race = next((check.evidence for check in one.checks if check.name == "race"), "")
        cells = (title, one.version, f"**{one.grade}**", ", ".join(failed) or "nothing", race)
        lines.append(f"| {' | '.join(cells)} |")
    checks = [f"* `{one.name}`: {one.meaning}." for one in found[0][1].checks]
    return "\n".join([*lines, "", "What is tried:", "", *checks])


def main() -> int:
    """Write the table between its markers; exit code 2 where there is no page."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.stderr.write(f"{PAGE} with both markers is not here: run this in the root\n")
        return 2
    shown = table(asyncio.run(collect()))
    PAGE.write_text(f"{before}{BEGIN}\n\n{shown}\n\n{END}{after}", encoding="utf-8")
    print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
