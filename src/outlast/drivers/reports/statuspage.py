"""Statuspage: what suppliers say of themselves, from the JSON that most status pages serve (v2).

`components.json` or `summary.json`: each component has a name and a status. The third class of evidence,
and the slowest: on 20 October 2025 the first notice came 23 minutes after the fault. So "operational" is no
sign of health here; only trouble counts, and a page that cannot be read says nothing at all.
"""

from collections.abc import Mapping

import msgspec

from outlast.detect.cells import Notice
from outlast.model.errors import StoreError

TROUBLED = frozenset({"degraded_performance", "partial_outage", "major_outage"})


class _Component(msgspec.Struct):
    name: str
    status: str


class _Page(msgspec.Struct):
    components: list[_Component] = msgspec.field(default_factory=list)


def read_page(body: bytes, services: Mapping[str, str] | None = None) -> tuple[Notice, ...]:
    """Return what a page says of our services.

    Args:
        services: the service that each component stands for, by its name; None: they are called alike.

    Raises:
        StoreError: it is no status page.
    """
    try:
        page = msgspec.json.decode(body, type=_Page)
    except msgspec.DecodeError as error:
        raise StoreError(f"this is no status page: {error}") from error
    return tuple(
        Notice(
            service=one.name if services is None else services[one.name],
            degraded=one.status in TROUBLED,
        )
        for one in page.components
        if services is None or one.name in services
    )
