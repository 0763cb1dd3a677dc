"""Assets: style, scripts and the map, served from this package and from nowhere else.

Each is asked for under a name with its digest (`board.css?v=1a2b3c4d`), so a browser may keep it for ever
and never shows yesterday's style with today's page. What others wrote (htmx, uPlot) lies here as it was
published, with its licence; `vendor.json` says where it came from and what it must hash to.
"""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from outlast.glass.worldmap import sheet

MEDIA = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
WORLD = "world.svg"
SMALL = 512
"""Bytes below which packing costs more than it saves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file as it is served.

    Attributes:
        digest: the beginning of its SHA-256, in hexadecimal.
        packed: the same with gzip.
    """

    media: str
    raw: bytes
    packed: bytes
    digest: str


def find(name: str) -> Asset | None:
    """Return an asset by its name; None: there is none of that name."""
    return _all().get(name)


def url(name: str) -> str:
    """Return where an asset is asked for."""
    return f"/assets/{name}?v={_all()[name].digest}"


def names() -> list[str]:
    """Return every asset's name."""
    return sorted(_all())


@cache
def _all() -> dict[str, Asset]:
    """Read once: they lie in an installed package, which does not change under a running process."""
    found = {
        one.name: _asset(one.name, one.read_bytes())
        for one in files("outlast.app.board").joinpath("static").iterdir()
        if _media(one.name)
    }
    found[WORLD] = _asset(WORLD, sheet().encode())
    return found


def _media(name: str) -> str:
    return MEDIA.get(name[name.rfind(".") :], "")


def _asset(name: str, raw: bytes) -> Asset:
    return Asset(
        media=_media(name),
        raw=raw,
        packed=packed(raw),
        digest=sha256(raw).hexdigest()[:12],
    )


def packed(raw: bytes, level: int = 9) -> bytes:
    """Return bytes with gzip, always the same for the same."""
    return gzip.compress(raw, level, mtime=0)
