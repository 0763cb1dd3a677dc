"""Asking a source: a file is read, a URL fetched; whatever goes wrong is one kind of error.

Redirects are not followed: a portal that redirects everybody to its sign-in page answers 200 there.
Proxies of the environment are not used either: each is one more thing that can go dark.
"""

import urllib.error
import urllib.request
from pathlib import Path

from outlast.drivers.sources.listing import BYTES_MAX, SourceError
from outlast.model.source import TargetSource

OK = 200


def ask(source: TargetSource, folder: Path) -> bytes:
    """Return what a source says, as bytes. Blocks for `timeout_s` at the most between two bytes.

    Raises:
        SourceError: nothing came, or not in order.
    """
    data = fetch(source.url, source.timeout_s) if source.url else _read(folder / source.file)
    if len(data) > BYTES_MAX:
        raise SourceError(f"{source} says more than {BYTES_MAX} bytes")
    return data


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def fetch(url: str, timeout_s: float) -> bytes:
    """Return what a URL answers, one byte more than the limit at the most.

    Raises:
        SourceError: nothing came, or not in order.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - the topology admits http and https only
    try:
        with opener.open(request, timeout=timeout_s) as reply:
            if reply.status != OK:
                raise SourceError(f"{url} answers {reply.status}")
            data: bytes = reply.read(BYTES_MAX + 1)
            return data
    except urllib.error.HTTPError as error:
        with error:
            raise SourceError(f"{url} answers {error.code}") from error
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise SourceError(f"{url} cannot be asked: {error}") from error
