"""What clouds share: a reading that takes several requests is of one publication, or is begun anew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from tests.support.builders import provider
from tests.support.nameservers import ZONE
from tests.support.publishing import layout_at

from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.cloud import READS_MAX, Accepted, Cloud, Turn
from outlast.drivers.providers.gcloud import GcloudDialect
from outlast.drivers.providers.swap import Batch, Key, Native
from outlast.drivers.providers.throttle import Throttle
from outlast.model.errors import ProviderError
from outlast.model.fence import epoch_name
from outlast.model.names import DnsName
from outlast.model.plan import Outcome
from outlast.model.records import RecordType
from outlast.model.topology import Provider


@dataclass
class Place:
    """Where the endpoint lies."""

    zone: DnsName = ZONE

    def provider(self) -> Provider:
        """Return its provider."""
        return provider()


LAYOUT = layout_at(Place(), "api")
NAME = LAYOUT.names[0]


@dataclass
class Moving:
    """A service where others publish, and wipe, between any two names of a reading.

    Attributes:
        after: what happens once a name was read so many times.
        limit: names that are answered at one moment.
    """

    lists: bool = False
    limit: int = 1
    after: dict[tuple[DnsName, int], Callable[[], None]] = field(default_factory=dict)
    zone: dict[DnsName, tuple[RecordType, str]] = field(default_factory=dict)
    asked: list[DnsName] = field(default_factory=list)

    def publish(self, generation: int, epoch: str = "e1") -> None:
        """Publish a whole plan at once."""
        self.zone[NAME] = RecordType.A, f"192.0.2.{generation}"
        self.zone[LAYOUT.fence_at] = RecordType.TXT, f'"fence {generation}"'
        self.zone[epoch_name(ZONE)] = RecordType.TXT, f'"{epoch}"'

    def wipe(self) -> None:
        """Take the fence away."""
        del self.zone[LAYOUT.fence_at]

    async def standing(
        self, zone_id: str, names: Sequence[DnsName], turn: Turn
    ) -> tuple[dict[Key, list[Native]], bool]:
        """Answer name by name."""
        del zone_id
        await turn()
        found: dict[Key, list[Native]] = {}
        for name in reversed(names):  # they promise no order, and this is the worst
            if name in self.zone:
                rtype, value = self.zone[name]
                found[name, rtype] = [{"name": f"{name}.", "ttl": 60, "rrdatas": [value]}]
            self.asked.append(name)
            self.after.get((name, self.asked.count(name)), lambda: None)()
        return found, len(names) <= self.limit

    async def find_zone(self, zone: DnsName) -> list[str]:
        """There is one."""
        return [str(zone)]

    async def change(self, zone_id: str, batch: Batch) -> Accepted | Outcome:
        """Nobody writes here."""
        raise AssertionError(zone_id, batch)

    async def is_in_sync(self, zone_id: str, change_id: str) -> bool:
        """Nobody writes here."""
        raise AssertionError(zone_id, change_id)

    def excess(self, batch: Batch) -> str:
        """Nobody writes here."""
        raise AssertionError(batch)


def cloud(service: Moving) -> Cloud:
    """Return the reader of a service."""
    clock = SystemClock()
    return Cloud(
        provider(), service, GcloudDialect(), clock=clock, throttle=Throttle(1e6, 1_000_000)
    )


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("moment", [1, 2])
@pytest.mark.parametrize("name", [NAME, LAYOUT.fence_at, epoch_name(ZONE)])
async def test_a_publication_in_the_middle_never_mixes(
    name: DnsName, moment: int, *, lists: bool
) -> None:
    """Wherever it comes: addresses of the plan before must not stand under the fence of this one."""
    service = Moving(lists=lists)
    service.publish(6)
    service.after[name, moment] = lambda: service.publish(7)
    seen = await cloud(service).read(LAYOUT)
    assert seen.fence in {("fence 6",), ("fence 7",)}
    (records,) = seen.record_sets
    assert records.values == (seen.fence[0].replace("fence ", "192.0.2."),)


async def test_an_absence_is_of_the_epoch_that_stands_with_it() -> None:
    """Healed and wiped again while the rest was read: the fence is as it was, the epoch is not."""
    service = Moving()
    service.publish(6)
    service.wipe()

    def heal_and_wipe() -> None:
        service.publish(7, epoch="e2")
        service.wipe()

    service.after[NAME, 1] = heal_and_wipe
    seen = await cloud(service).read(LAYOUT)
    assert (seen.fence, seen.epoch) == ((), ("e2",))
    assert [one.values for one in seen.record_sets] == [("192.0.2.7",)]


async def test_what_one_request_answers_is_not_read_again() -> None:
    service = Moving(lists=True, limit=10)
    service.publish(6)
    assert (await cloud(service).read(LAYOUT)).fence == ("fence 6",)
    assert len(service.asked) == len(set(service.asked))


async def test_a_fence_that_never_rests_is_given_up() -> None:
    service = Moving()
    generations = iter(range(6, 6 + 3 * READS_MAX))
    service.publish(next(generations))
    for moment in range(1, 2 * READS_MAX):
        service.after[NAME, moment] = lambda: service.publish(next(generations))
    with pytest.raises(ProviderError, match="moves faster than it can be read"):
        await cloud(service).read(LAYOUT)
