"""Evidence: probes and suppliers' notices in a file, for a replay.

One JSON object a line, in any order:

    {"at": "2025-10-20T07:11:00Z", "text": "first notice"}                          shown in the timeline
    {"at": ..., "service": "dynamodb", "degraded": true}                            a status page
    {"at": ..., "probe": "dynamodb", "good": false, "road": "resolved", "country": "US"}
    {"at": ..., "page": {"components": [...]}}                                      a Statuspage v2 document
"""

from datetime import datetime
from pathlib import Path

import msgspec

from outlast.app.reports.watching import Dated
from outlast.detect.cells import Notice, ProbeSeen, Road
from outlast.drivers.reports.statuspage import read_page
from outlast.model.errors import ConfigError


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    at: datetime
    text: str = ""
    service: str = ""
    degraded: bool = True
    probe: str = ""
    good: bool = True
    road: Road = Road.RESOLVED
    country: str = ""
    page: msgspec.Raw = msgspec.Raw()


def read_evidence(path: Path) -> tuple[Dated, ...]:
    """Read it.

    Raises:
        ConfigError: the file cannot be read; the message says where.
    """
    try:
        lines = msgspec.json.Decoder(_Line).decode_lines(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read as evidence: {error}",
            remedy='one object a line, such as {"at": "2025-10-20T07:11:00Z", "text": "first notice"}',
        ) from error
    if any(one.at.tzinfo is None for one in lines):
        raise ConfigError(f"{path}: a time without an offset", remedy="end it with Z for UTC")
    return tuple(map(_dated, lines)) + tuple(two for one in lines for two in _paged(one))


def _paged(line: _Line) -> list[Dated]:
    """Return what a Statuspage v2 document says; its components are named as the services are."""
    if not bytes(line.page):
        return []
    minute = int(line.at.timestamp()) // 60
    return [Dated(minute, notice=one) for one in read_page(bytes(line.page))]


def _dated(line: _Line) -> Dated:
    probe = (
        ProbeSeen(subject=line.probe, good=line.good, road=line.road, country=line.country)
        if line.probe
        else None
    )
    notice = Notice(service=line.service, degraded=line.degraded) if line.service else None
    return Dated(int(line.at.timestamp()) // 60, line.text, probe, notice)
