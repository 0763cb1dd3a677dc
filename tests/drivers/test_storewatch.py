"""What a role tells of its store."""

from outlast.drivers.facts import Event, Fact
from outlast.drivers.storewatch import StoreWatch
from outlast.model.errors import StoreError


def test_each_cause_of_a_loss_is_told_once_and_so_is_the_return() -> None:
    told: list[Fact] = []
    store = StoreWatch(told.append, "planner")
    store.back()
    for what in ("one member is away", "another member is away"):
        store.lost(StoreError(what, remedy="look at the network"))
    store.lost(StoreError("it is full", remedy="make room"))
    store.lost(StoreError("it is full", remedy="make room"))
    store.back()
    store.back()
    store.lost(StoreError("it is full", remedy="make room"))
    assert [(one.event, one.detail) for one in told] == [
        (Event.STORE_LOST, "one member is away"),
        (Event.STORE_LOST, "it is full"),
        (Event.STORE_BACK, ""),
        (Event.STORE_LOST, "it is full"),
    ]
