"""requests: a transport adapter.

session = requests.Session()
mount(session, application.resolver)
"""

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from outlast.client.adapters.urllib3 import pool_classes
from outlast.client.deadline import socket_s
from outlast.client.resolver import Resolver


class OutlastAdapter(HTTPAdapter):
    """An adapter whose connections ask our resolver, and whose time-out obeys the caller's deadline."""

    def __init__(self, resolver: Resolver, **options: Any) -> None:
        self._resolver = resolver
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool manager, with our pools."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = pool_classes(self._resolver)

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send a request within what is left of the caller's deadline."""
        limit = kwargs.get("timeout")
        kwargs["timeout"] = (
            tuple(map(socket_s, limit)) if isinstance(limit, tuple) else socket_s(limit)
        )
        return super().send(request, *args, **kwargs)


def mount(session: requests.Session, resolver: Resolver) -> requests.Session:
    """Give a session the adapter for both schemes."""
    session.mount("https://", OutlastAdapter(resolver))
    session.mount("http://", OutlastAdapter(resolver))
    return session
