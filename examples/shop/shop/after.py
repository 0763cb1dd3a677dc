"""The shop as it should be: the same two addresses, with every outgoing call guarded."""

import ssl
from typing import Any

import httpx
from fastapi import FastAPI, Response

from outlast.client.adapters.httpx import AsyncOutlastTransport
from outlast.client.middleware import asgi
from shop.resilience import app, orders, prices

LIST_PRICE = 100

TLS = ssl.create_default_context()
"""Made once: reading the trusted roots takes longer than most requests."""


def outgoing() -> AsyncOutlastTransport:
    """Return a transport that asks the shop's resolver."""
    return AsyncOutlastTransport(app.resolver, httpx.AsyncHTTPTransport(verify=TLS))


@orders.guard
async def put_order(order: dict[str, Any]) -> None:
    """Write an order to the table of the region at hand."""
    async with httpx.AsyncClient(transport=outgoing()) as http:
        body = {
            "TableName": "orders",
            "Item": {key: {"S": str(value)} for key, value in order.items()},
        }
        target = {"X-Amz-Target": "DynamoDB_20120810.PutItem"}
        answer = await http.post(f"http://{orders.host}/", json=body, headers=target, timeout=5)
        answer.raise_for_status()


@prices.guard
async def price_of(article: str) -> int | None:
    """Ask the supplier for a price in cents."""
    async with httpx.AsyncClient(transport=outgoing()) as http:
        answer = await http.get(f"http://{prices.host}/prices/{article}", timeout=5)
        answer.raise_for_status()
        return int(answer.json()["cents"])


@app.serves("place order", essential=True, needs=(orders,), wants=(prices,), deadline_s=3.0)
async def place_order(article: str) -> dict[str, Any]:
    """Take an order at the supplier's price, or at the list price where there is none."""
    cents = await price_of(article)
    order = {"article": article, "cents": LIST_PRICE if cents is None else cents}
    await put_order(order)
    return order


@app.serves("show price", wants=(prices,), deadline_s=2.0)
async def show_price(article: str) -> dict[str, Any]:
    """Show a price, or say that it is shown at the till."""
    cents = await price_of(article)
    return {"article": article, "cents": cents}


api = FastAPI()


@api.post("/orders/{article}", status_code=201)
async def orders_endpoint(article: str) -> dict[str, Any]:
    """Place an order."""
    return await place_order(article)


@api.get("/prices/{article}")
async def prices_endpoint(article: str, response: Response) -> dict[str, Any]:
    """Show a price."""
    shown = await show_price(article)
    response.headers["Cache-Control"] = "no-store"
    return shown


web = asgi(api, app)
