"""Outlast's own brown-out signal: a level that the control plane publishes, over HTTP or in the DNS.

Nothing is read unless you ask: call `follow_once` from a timer of yours, or run `follow` as a task. What
cannot be read changes nothing: a lost flag must neither switch features off nor on.

The flag is one line, `level=2 why=region eu is drained`, as a response body or as a TXT record.
"""

import asyncio
import re
import urllib.request
from collections.abc import Callable

from outlast.client.application import Application
from outlast.client.direct import query, text_of

VOICE = "control plane"
SIZE_MAX = 4096
_LINE = re.compile(r"level=(\d)(?:\s+why=(.*))?\s*")

Read = Callable[[], str]


def http_flag(url: str, *, timeout_s: float = 2.0) -> Read:
    """Return a reader of a flag at an HTTP address."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no HTTP address")

    def read() -> str:
        with urllib.request.urlopen(url, timeout=timeout_s) as response:  # noqa: S310 - checked above
            return str(response.read(SIZE_MAX).decode(errors="replace"))

    return read


def dns_flag(name: str, server: str, *, port: int = 53, timeout_s: float = 1.0) -> Read:
    """Return a reader of a flag in a TXT record, such as `_brownout.example.net`."""

    def read() -> str:
        texts = [text_of(one) for one in query(name, "TXT", (server, port), timeout_s=timeout_s)]
        return next((one for one in texts if _LINE.fullmatch(one)), "")

    return read


def follow_once(application: Application, read: Read) -> bool:
    """Read the flag and obey it; False: it could not be read, and nothing was changed."""
    try:
        found = _LINE.fullmatch(read())
    except OSError:
        return False
    if found is None:
        return False
    application.set_level(int(found[1]), (found[2] or "").strip(), voice=VOICE)
    return True


async def follow(application: Application, read: Read, *, every_s: float = 5.0) -> None:
    """Obey the flag until cancelled. Each reading takes a thread for as long as it lasts."""
    while True:
        await asyncio.to_thread(follow_once, application, read)
        await asyncio.sleep(every_s)
