"""The shop as most shops are: the client libraries' defaults, one region, errors passed on."""

import os
import ssl
from typing import Any

import httpx
from fastapi import FastAPI

PORT = os.environ.get("SHOP_PORT", "8000")
ORDERS = f"http://dynamodb.us-east-1.example.org:{PORT}/"
PRICES = f"http://prices.supplier.example.org:{PORT}/prices/"
TLS = ssl.create_default_context()

web = FastAPI()


@web.post("/orders/{article}", status_code=201)
async def orders_endpoint(article: str) -> dict[str, Any]:
    """Place an order."""
    async with httpx.AsyncClient(verify=TLS) as http:
        price = (await http.get(PRICES + article)).raise_for_status().json()["cents"]
        order = {"article": article, "cents": price}
        body = {
            "TableName": "orders",
            "Item": {key: {"S": str(value)} for key, value in order.items()},
        }
        target = {"X-Amz-Target": "DynamoDB_20120810.PutItem"}
        (await http.post(ORDERS, json=body, headers=target)).raise_for_status()
    return order


@web.get("/prices/{article}")
async def prices_endpoint(article: str) -> dict[str, Any]:
    """Show a price."""
    async with httpx.AsyncClient(verify=TLS) as http:
        price = (await http.get(PRICES + article)).raise_for_status().json()["cents"]
    return {"article": article, "cents": price}
