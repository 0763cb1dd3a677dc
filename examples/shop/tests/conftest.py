"""Where the shop's dependencies really are in tests, and one good use of it before each outage."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
from shop import after
from shop.local import Supplier, Table, serving


@pytest.fixture(scope="session")
def services() -> Iterator[Mapping[str, tuple[str, int]]]:
    """Start two tables, one for each region, and the supplier."""
    with serving(Table) as east, serving(Table) as west, serving(Supplier) as supplier:
        yield {
            "dynamodb.us-east-1.example.org": east.server_address[:2],
            "dynamodb.us-west-2.example.org": west.server_address[:2],
            "prices.supplier.example.org": supplier.server_address[:2],
        }


@pytest.fixture
def outlast_routes(services: Mapping[str, tuple[str, int]]) -> Mapping[str, tuple[str, int]]:
    """Route the declared names to them."""
    return services


@pytest.fixture
def outlast_warm() -> Callable[[], None]:
    """Use the shop once, so that it has addresses and prices to remember."""

    def warm() -> None:
        after.app.resolver.warm("dynamodb.us-west-2.example.org")
        asyncio.run(after.place_order("warm"))

    return warm
