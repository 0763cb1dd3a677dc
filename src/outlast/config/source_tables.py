"""The tables of what is asked of elsewhere, targets and status pages, and what a source becomes."""

from collections.abc import Callable

from outlast.config.api_tables import URL
from outlast.config.decode import Values
from outlast.config.faults import Path
from outlast.config.fields import Field, Real, Table
from outlast.config.finding import Finding
from outlast.config.texts import LINE
from outlast.model.source import StatusPage, TargetSource

HOUR_S = 3600.0

TARGETS_FROM = Table(
    name="source",
    meaning="Where targets come from, if not from this file: a file or a URL, one of the two. What it does "
    "not say is unknown, never none: an empty or failed answer changes nothing.",
    model=TargetSource,
    fields=(
        Field(
            key="file",
            kind=LINE,
            meaning="A file in the format of docs/topology.md; relative to this one's folder.",
        ),
        Field(key="url", kind=URL, meaning="An HTTP(S) URL that answers in that format."),
        Field(
            key="interval_s",
            unit="s",
            kind=Real(low=0.05, high=HOUR_S),
            meaning="From the start of one question to the start of the next.",
            too_small="Load on the source.",
            too_large="New targets are noticed late.",
        ),
        Field(
            key="timeout_s",
            unit="s",
            kind=Real(low=0.05, high=60),
            meaning="How long an answer may take.",
            too_small="A slow answer counts as none.",
            too_large="Commands wait for a dead source for as long.",
        ),
    ),
)

OFFICIAL = Table(
    name="status page",
    meaning="Where its supplier says how it is, in the v2 format of Statuspage; the third class of evidence. "
    "Only trouble counts: what it does not say, or cannot be read, is unknown, never health.",
    model=StatusPage,
    fields=(
        Field(
            key="url",
            kind=URL,
            required=True,
            meaning="Of its `components.json` or `summary.json`.",
        ),
        Field(
            key="component",
            kind=LINE,
            default="its name here",
            meaning="What the page calls it.",
        ),
        Field(
            key="interval_s",
            unit="s",
            kind=Real(low=0.05, high=HOUR_S),
            meaning="From the start of one question to the start of the next.",
            too_small="Load on the supplier's page, which is busy enough on such a day.",
            too_large="A notice is noticed late.",
        ),
        Field(
            key="timeout_s",
            unit="s",
            kind=Real(low=0.05, high=60),
            meaning="How long an answer may take.",
            too_small="A slow answer counts as none.",
            too_large="Nothing waits for it but the next question.",
        ),
    ),
)


def source_of(values: Values, path: Path, tell: Callable[[Finding], None]) -> TargetSource | None:
    """Return the source that an endpoint names, if it names one and only one."""
    own = values.get("targets_from")
    if own is None:
        return None
    if ("file" in own) == ("url" in own):
        tell(
            Finding(
                rule="source",
                path=(*path, "targets_from"),
                message="a source is a file or a URL, one of the two",
                remedy="write `targets_from: {file: targets.json}` or `{url: https://...}`",
                value="",
            )
        )
        return None
    return TargetSource(**own)
