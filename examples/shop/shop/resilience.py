"""Everything that the shop declares about its dependencies, in one place."""

import os

from outlast.client import (
    Application,
    LastGood,
    Later,
    NamePolicy,
    OtherRegion,
    Outbox,
    Resolver,
    Value,
)

# The shop talks plain HTTP on loopback; over TLS no policy is needed, the certificate says who is there.
RESOLVER = Resolver(
    memory=os.environ.get("SHOP_NAMES"),
    policy=NamePolicy(without_tls=True, fresh_s=1.0, negative_s=0.5),
)

PORT = os.environ.get("SHOP_PORT", "8000")

app = Application("shop", resolver=RESOLVER)

orders = app.dependency(
    "orders-db",
    essential=True,
    hosts=(f"dynamodb.us-east-1.example.org:{PORT}", f"dynamodb.us-west-2.example.org:{PORT}"),
    regions=("us-east-1", "us-west-2"),
    provider="cloud",
    protocol="http",
    timeout_s=0.5,
    retry_budget=0.1,
    fallbacks=(OtherRegion(), Later(Outbox(os.environ.get("SHOP_OUTBOX", "shop-outbox.sqlite")))),
)

prices = app.dependency(
    "supplier",
    essential=False,
    hosts=(f"prices.supplier.example.org:{PORT}",),
    regions=("us-east-1",),
    protocol="http",
    timeout_s=0.4,
    fallbacks=(LastGood(max_age_s=3600), Value(None)),
)
