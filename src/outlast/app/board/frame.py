"""Frame: what stands around every page of the board, and the one place that renders.

A page is its own template in the blocks of `base.html`, filled with values that were worked out before;
templates decide nothing. `who` is the role of whoever looks: None reads. Buttons that change something are
drawn only for a role, and are refused without one whoever draws them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from outlast.app.board import assets
from outlast.glass.words import age, count, plural, share
from outlast.model.units import Nanos, iso, utc

NAV: list[tuple[str, str]] = [
    ("/", "Overview"),
    ("/endpoints", "Endpoints"),
    ("/regions", "Regions"),
    ("/detection", "Detection"),
    ("/enactors", "Enactors"),
    ("/evacuation", "Evacuation"),
    ("/incidents", "Incidents"),
    ("/drills", "Drills"),
    ("/audit", "Audit"),
    ("/trail", "Trail"),
    ("/act", "Act"),
]
"""Every page that is reached from every page: path and title. One list; whoever adds a page adds a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a page is told beside its own values.

    Attributes:
        at_ns: when the page was made.
        path: of the page, as in `NAV`.
        mark: of the look that the page shows; empty: a page that does not change by itself.
        who: the role of whoever looks (`operator`, `approver`); None: reads, and no button is drawn.
        name: whom the role was given to, as the page greets; empty: nobody signed in.
        form: hidden fields that every form must carry, such as the token against forged requests.
    """

    at_ns: Nanos
    path: str = "/"
    mark: str = ""
    who: str | None = None
    name: str = ""
    form: Mapping[str, str] = field(default_factory=dict)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("outlast.app.board"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"iso": iso, "count": count, "share": share, "hm": _hour}
    environment.globals |= {"asset": assets.url, "nav": NAV, "plural": plural}
    return environment


def _hour(at_ns: int) -> str:
    return f"{utc(at_ns):%H:%M}"


def render(template: str, frame: Frame, **values: object) -> str:
    """Return a page.

    Args:
        template: name of the file; it extends `base.html`.
        values: what it shows.
    """
    return (
        _environment()
        .get_template(template)
        .render(
            frame=frame,
            now=iso(frame.at_ns),
            age=partial(age, frame.at_ns),
            who=frame.who,
            **values,
        )
    )
