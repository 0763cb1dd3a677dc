"""Rendering: the public page as files that any host can serve, without a request to any other.

HTML comes out of templates that escape whatever is put into them; there is no inline script or style, so
that the strictest content security policy holds. The page says how old it is: if its writer dies, a small
script of its own (or, without it, the printed time and the promised interval) tells readers so.
"""

from functools import cache
from importlib.resources import files
from xml.etree import ElementTree as ET

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from outlast.glass.page import WORDS, PublicPage, api, identity, public
from outlast.model.units import iso, utc

ATOM = "http://www.w3.org/2005/Atom"
ASSETS = ("status.css", "age.js")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("outlast.glass"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"iso": iso, "day": lambda at_ns: f"{utc(at_ns):%d %B %Y}"}
    return environment


def render(page: PublicPage) -> dict[str, bytes]:
    """Return every file of the page, by its path."""
    template = _environment().get_template("status.html")
    html = template.render(page=page, words=WORDS, public=public)
    found = {"index.html": html.encode(), "history.atom": _atom(page)}
    for path, answer in api(page).items():
        found[f"api/v2/{path}"] = msgspec.json.format(msgspec.json.encode(answer))
    for name in ASSETS:
        found[name] = files("outlast.glass").joinpath("templates", name).read_bytes()
    if page.checkpoint:
        found["checkpoint"] = page.checkpoint.encode()
    return found


def _atom(page: PublicPage) -> bytes:
    """Return the history as an Atom feed (RFC 4287): one entry an update, newest first."""
    feed = ET.Element("feed", xmlns=ATOM)
    _text(feed, "title", page.name)
    _text(feed, "id", f"urn:outlast:{identity(page.name)}")
    _text(feed, "updated", iso(page.at_ns))
    ET.SubElement(feed, "link", href=page.url)
    told = [
        (update.at_ns, incident, number, update)
        for incident in page.incidents
        for number, update in public(incident.updates)
    ]
    for at_ns, incident, number, update in sorted(told, key=lambda one: one[0], reverse=True):
        entry = ET.SubElement(feed, "entry")
        kind = "Exercise: " if incident.exercise else ""
        _text(entry, "title", f"{kind}{incident.title}: {update.phase}")
        key = identity(page.name, incident.number, number)
        _text(entry, "id", f"urn:outlast:{key}")
        _text(entry, "updated", iso(at_ns))
        _text(entry, "content", f"[{update.certainty}] {update.text}")
        author = ET.SubElement(entry, "author")
        _text(author, "name", page.name)
    ET.indent(feed)
    return bytes(ET.tostring(feed, encoding="utf-8", xml_declaration=True))


def _text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text
