"""Hosts in settings: an environment variable that holds another service's address is a dependency.

`REDIS_ADDR=redis-cart:6379`, `DATABASE_URL=postgres://user@db:5432/shop`, `API=http://api.shop.svc`: what
stands where a host stands, and is the name of a service, counts. A value that merely equals a name does
not, unless the variable's name speaks of a host, since `MODE=cart` is no address.
"""

import re
from collections.abc import Iterable

_HOST = re.compile(
    r"(?:(?<=://)|(?<=@)|(?<=,)|^)(?:[^/@\s,]*@)?(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)"
    r"(?P<more>:[0-9]+|/|\Z|,)?",
    re.IGNORECASE,
)
_SPEAKS_OF_HOST = re.compile(r"HOST|ADDR|SERVER|URL|URI|ENDPOINT|BROKER|UPSTREAM", re.IGNORECASE)


def hosts_in(key: str, value: object, names: Iterable[str]) -> list[str]:
    """Return the services whose names stand as hosts in the value of a setting."""
    if not isinstance(value, str):
        return []
    known = set(names)
    found = []
    for match in _HOST.finditer(value):
        host = match["host"].lower()
        name = host if host in known else host.partition(".")[0]
        sure = (bool(match["more"]) and match["more"] != ",") or "://" in value
        if name in known and ((sure and match["more"]) or _SPEAKS_OF_HOST.search(key)):
            found.append(name)
    return found
