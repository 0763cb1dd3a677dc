"""The warning of `docs/providers.md`, seen on a real Knot: which journal settings keep updates."""

import pytest
from tests.support import nameservers
from tests.support.publishing import fence, layout_at, publish, writing_to

from outlast.model.plan import OutcomeKind

pytestmark = [pytest.mark.servers, pytest.mark.slow]

LOSING = {
    "zonefile-load: whole": "zonefile-load: difference-no-serial",
    "journal-content: changes": "journal-content: all",
}


async def fence_after_a_crash(replacements: dict[str, str]) -> tuple[str, ...]:
    """Publish one endpoint, kill the server with -9, start it again, and read the fence."""
    with nameservers.running(nameservers.KNOT, replacements=replacements) as server:
        layout = layout_at(server, "api")
        async with writing_to(server) as provider:
            outcome = await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
            assert outcome.kind is OutcomeKind.APPLIED
        server.kill()
        server.restart()
        async with writing_to(server) as provider:
            return (await provider.read(layout)).fence


async def test_the_documented_settings_keep_what_was_acknowledged() -> None:
    """`whole`, `changes`, -1: the journal is played back over the zone file."""
    assert await fence_after_a_crash({}) == (fence(1),)


async def test_the_settings_of_the_warning_lose_what_was_acknowledged() -> None:
    """`difference-no-serial`, `all`, -1: the zone file wins over the journal at each start."""
    assert await fence_after_a_crash(LOSING) == ()
