"""Decode: bodies of requests and lines of files become columns of codes.

A report is an object with `service` and, as far as known, `country` (ISO 3166-1 alpha-2), `at` (seconds since
1970, or RFC 3339 with its offset), `reporter` (anything that is the same for the same person or device) and
`network` (an address or prefix, from sources that pass reports on). Fields that nobody knows are skipped: a
sender who adds one tomorrow shall not be refused.

Ten times as fast as going report by report: each field becomes one list, each list one array.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import msgspec
import numpy as np

from outlast.detect.cells import Grid
from outlast.detect.intake import NO_NETWORK, UNKNOWN_SERVICE, Batch
from outlast.detect.seen import Hashes
from outlast.drivers.reports.identity import Identity, network_of

NOWHERE = "ZZ"
"""The country of reports that name none, or one that the grid does not have."""

UNKNOWN_NAMES_MAX = 1_000
"""Different unknown names kept of one batch; more are garbage."""

Text = Annotated[str, msgspec.Meta(max_length=128)]
Service = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Country = Annotated[str, msgspec.Meta(max_length=2)]
Second = Annotated[int, msgspec.Meta(ge=-(1 << 40), le=1 << 40)]
"""Seconds since 1970. The bound refuses milliseconds, which would all lie in the far future."""


class Report(msgspec.Struct, gc=False):
    """One report as it is sent; `at` is a whole second once it was read."""

    service: Service
    country: Country = NOWHERE
    at: Second | float | Text | None = None
    reporter: Text = ""
    network: Text = ""


class BadReports(Exception):
    """The body is not reports; the message says where."""


@dataclass(frozen=True, slots=True)
class Group:
    """Reports that came together.

    Attributes:
        peer: the address they came from. It stands in for a reporter that is not named, and its network
            is the network of all of them. Empty for a trusted source: then each report says its own.
    """

    reports: Sequence[Report]
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A batch, and the names in it that the topology does not know with their numbers."""

    batch: Batch
    unknown: Mapping[str, int] = field(default_factory=dict)


_LIST = msgspec.json.Decoder(list[Report] | Report)
_LINE = msgspec.json.Decoder(Report)


def read_json(body: bytes | bytearray | memoryview, now_s: int) -> list[Report]:
    """Read one report or a list of them.

    Args:
        now_s: when it was noticed, where a report does not say.

    Raises:
        BadReports: it is something else.
    """
    try:
        found = _LIST.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadReports(str(error)) from error
    return _timed(found if isinstance(found, list) else [found], now_s)


def read_lines(body: bytes | bytearray | memoryview, now_s: int) -> list[Report]:
    """Read one report a line.

    Raises:
        BadReports: a line is something else.
    """
    try:
        return _timed(_LINE.decode_lines(body), now_s)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadReports(str(error)) from error


def _timed(reports: list[Report], now_s: int) -> list[Report]:
    if {*map(type, [one.at for one in reports])} - {int}:
        for one in reports:
            one.at = second_of(one.at, now_s)
    return reports


def second_of(at: float | str | None, now_s: int) -> int:
    """Return an instant in whole seconds since 1970; `now_s` for none.

    Raises:
        BadReports: it is no time, or one without an offset, which could mean 26 different instants.
    """
    if at is None:
        return now_s
    try:
        when = datetime.fromisoformat(at) if isinstance(at, str) else None
        second = int(when.timestamp()) if when is not None else int(at)
    except (ValueError, OverflowError) as error:
        raise BadReports(f"`at` is no time: {error}") from error
    if when is not None and when.tzinfo is None:
        raise BadReports(f"`at` is no instant: {at!r} names no offset; end it with Z for UTC")
    if abs(second) > 1 << 40:
        raise BadReports(f"`at` is no time: {at!r} lies beyond all calendars, seconds are meant")
    return second


class Coder:
    """Turns reports into columns for one grid."""

    def __init__(self, grid: Grid, accepted: Mapping[str, str] | None = None) -> None:
        """Make it.

        Args:
            accepted: further names, and the service that each stands for.
        """
        self.grid = grid
        own = {name: code for code, name in enumerate(grid.services)}
        others = (accepted or {}).items()
        self._services = {name.lower(): own[to] for name, to in others if to in own}
        self._services |= {name.lower(): code for name, code in own.items()}
        self._countries = {name: code for code, name in enumerate(grid.countries)}
        self._nowhere = self._countries.get(NOWHERE, len(grid.countries) - 1)

    def service(self, name: str) -> int:
        """Return the code of a service, however it is spelt in capitals."""
        return self._services.get(name.strip().lower(), UNKNOWN_SERVICE)

    def country(self, name: str) -> int:
        """Return the code of a country; that of nowhere if the grid has no such column."""
        return self._countries.get(name.upper(), self._nowhere)

    def columns(self, groups: Sequence[Group], identity: Identity) -> Decoded:
        """Return the columns of reports, all groups in one, in order."""
        reports = [one for group in groups for one in group.reports]
        known, places = self._services, self._countries
        services = [known.get(one.service, UNKNOWN_SERVICE) for one in reports]
        unknown: dict[str, int] = {}
        if UNKNOWN_SERVICE in services:
            services = [
                code if code >= 0 else self.service(one.service)
                for code, one in zip(services, reports, strict=True)
            ]
            unknown = _unknown(reports, services)
        countries = [places.get(one.country, -1) for one in reports]
        if -1 in countries:
            countries = [self.country(one.country) for one in reports]
        batch = Batch(
            np.array([one.at for one in reports], np.int64),
            np.array(services, np.int64),
            np.array(countries, np.int64),
            identity.of([one.reporter or group.peer for group in groups for one in group.reports]),
            _networks(groups, identity),
        )
        return Decoded(batch, unknown)


def _unknown(reports: Sequence[Report], services: list[int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one, code in zip(reports, services, strict=True):
        if code < 0 and (one.service in found or len(found) < UNKNOWN_NAMES_MAX):
            found[one.service] = found.get(one.service, 0) + 1
    return found


def _networks(groups: Sequence[Group], identity: Identity) -> Hashes:
    texts: list[str] = []
    for group in groups:
        if group.peer:
            texts += [network_of(group.peer)] * len(group.reports)
        else:
            texts += [one.network for one in group.reports]
    distinct = {*texts} - {""}
    if not distinct:
        return np.zeros(len(texts), np.uint64)
    names = {text: f"net {network_of(text.partition('/')[0]) or text}" for text in distinct}
    hashes = identity.of([names.get(text, "") for text in texts])
    hashes[[not text for text in texts]] = NO_NETWORK
    return hashes
