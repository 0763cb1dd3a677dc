"""Cold starts: waves, circles, and spare roads out of them."""

from outlast.audit.boot import boot, circles
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Topology

HARD, STARTUP, CACHED, SOFT = (
    DependencyKind.HARD,
    DependencyKind.STARTUP,
    DependencyKind.CACHED,
    DependencyKind.SOFT,
)


def service(
    name: str, *needs: tuple[str, DependencyKind], group: str = "", at: str = ""
) -> Service:
    regions = (RegionName(at),) if at else ()
    made = tuple(
        Dependency(service=ServiceName(one), kind=kind, group=group) for one, kind in needs
    )
    return Service(name=ServiceName(name), needs=made, regions=regions)


def test_what_needs_nothing_comes_first() -> None:
    """Then what needs only that, and so on."""
    topology = Topology(
        services=(
            service("shop", ("store", HARD), ("login", HARD)),
            service("login", ("store", STARTUP)),
            service("store"),
            service("news", ("shop", SOFT)),
        )
    )
    found = boot(topology)
    assert found.waves == (("news", "store"), ("login",), ("shop",))
    assert found.stuck == ()


def test_a_circle_keeps_down_what_stands_above_it() -> None:
    """From cold, a cached need counts: nothing is remembered."""
    topology = Topology(
        services=(
            service("a", ("b", STARTUP)),
            service("b", ("a", CACHED)),
            service("above", ("a", HARD)),
            service("apart"),
        )
    )
    found = boot(topology)
    assert found.waves == (("apart",),)
    assert found.stuck == ("a", "above", "b")
    assert [str(one) for one in found.circles] == ["a -(startup)-> b -(cached)-> a"]


def test_a_circle_with_a_spare_road_boots() -> None:
    """One of a group is enough."""
    topology = Topology(
        services=(
            service("a", ("b", HARD), ("c", HARD), group="either"),
            service("b", ("a", HARD)),
            service("c"),
        )
    )
    assert boot(topology).waves == (("c",), ("a",), ("b",))


def test_a_region_boots_with_what_runs_elsewhere() -> None:
    """Only what runs there alone has to start."""
    topology = Topology(
        services=(
            service("a", ("b", HARD), at="eu"),
            service("b", ("a", HARD), at="us"),
        )
    )
    assert boot(topology).stuck == ("a", "b")
    assert boot(topology, "eu").waves == (("a",),)


def test_the_shortest_circle_of_each_knot_is_told() -> None:
    """A knot of many services is named by its smallest circle."""
    services = [
        service("a", ("b", HARD), ("c", HARD)),
        service("b", ("c", HARD)),
        service("c", ("a", HARD)),
        service("x", ("y", HARD)),
        service("y", ("x", SOFT)),
    ]
    assert [one.members for one in circles(services, frozenset({HARD}))] == [("a", "c")]
