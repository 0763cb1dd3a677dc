"""What the shop serves through every outage of everything it needs: `pytest --outages`."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from shop.after import web
from shop.resilience import app

from outlast.pytest_plugin.outage import Outage


@pytest.fixture
def client() -> Iterator[TestClient]:
    """A client of the shop."""
    with TestClient(web) as client:
        yield client


@pytest.mark.outages
def test_orders_are_taken(outage: Outage, client: TestClient) -> None:
    """An order is taken whatever is down."""
    assert client.post("/orders/warm").status_code == 201


@pytest.mark.outages
def test_prices_are_shown(outage: Outage, client: TestClient) -> None:
    """A known article's price is shown; an unknown one's may be missing, the page is there."""
    assert client.get("/prices/warm").json()["cents"] == 4
    assert client.get("/prices/unknown").status_code == 200


def test_the_names_of_october_2025(outage: Outage, client: TestClient) -> None:
    """The home region's name is wiped: orders go on to the remembered address, and the response says so."""
    assert client.post("/orders/warm").status_code == 201
    with outage.wipe("dynamodb.us-east-1.example.org"):
        answer = client.post("/orders/warm")
        assert answer.status_code == 201
        state = client.get("/.well-known/degradation").json()
        assert [one["name"] for one in state["degradations"]] == ["dynamodb.us-east-1.example.org"]
    assert app.resolver.stale_uses > 0


def test_a_degraded_answer_says_so(outage: Outage, client: TestClient) -> None:
    """The supplier refuses: the price comes from memory, and the header names it."""
    client.get("/prices/warm")
    with outage.refuse("supplier"):
        answer = client.get("/prices/warm")
    assert answer.json()["cents"] == 4
    assert answer.headers["Degraded"].startswith("supplier;by=last-good")
