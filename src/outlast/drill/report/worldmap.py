"""The world: which share of each country's use fails, through time.

There is one drawing of the world on the page. Each country takes its colour from a custom property of
its own (`--US`), and copies by `<use>` take theirs from where they stand: the small maps of single
moments, the one with the slider, and any other page that wants the same map, cost a line each.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from importlib.resources import files

import numpy as np

from outlast.drill.outcome import Outcome
from outlast.drill.report.clock import clock, count
from outlast.drill.report.colours import FIGURE
from outlast.drill.report.measure import USE_TEXTS, Hit, Levels, use_levels

BIN_MIN = 5
"""Minutes between two positions of the slider."""
MOMENTS = 6
VIEW = "0 0 1000 394"
_SHAPE = re.compile(r'<(path|circle) data-country="([A-Z]{2})"')
_TITLE = re.compile(r'data-country="(..)"[^>]*><title>([^<]*)</title>')


@cache
def world() -> str:
    """Return the shapes of the world, each coloured by its own property."""
    text = files("outlast.drill.report").joinpath("world.svg").read_text()
    inner = text[text.index("-->") + 3 : text.index("</svg>")]
    nameless = inner.replace('data-country="-', 'fill="var(--land)" data-country="-')
    return _SHAPE.sub(r'<\1 data-country="\2" fill="var(--\2,var(--land))"', nameless)


@cache
def country_names() -> dict[str, str]:
    """Return the names of the countries by code."""
    text = files("outlast.drill.report").joinpath("world.svg").read_text()
    return {code: name.replace("&amp;", "&") for code, name in _TITLE.findall(text)}


def map_html(outcome: Outcome, hit: Hit) -> Iterator[str]:
    """Yield the map with its slider, the maps of single moments, and the table of countries."""
    levels = use_levels(hit.share_ratio)
    peak = hit.peak
    yield (
        f'<figure id="map"><svg class="world" viewBox="{VIEW}" role="img" '
        f'style="{_colours(outcome, levels, peak)}" '
        f'aria-label="Map of the world at the worst minute; the table below says the same">'
        f'<g id="world">{world()}</g></svg>'
        f'<figcaption><output id="moment">{clock(outcome, peak)} UTC: '
        f"{count(hit.people[peak].sum())} people hit</output></figcaption>"
    )
    yield (
        f'<p id="control" hidden><button type="button" id="play" aria-label="Play">&#9654;</button>'
        f'<input type="range" id="when" min="0" max="{(outcome.minutes - 1) // BIN_MIN}" '
        f'value="{peak // BIN_MIN}" aria-label="Time of the day"></p>'
    )
    keys = "".join(
        f'<span><i style="background:var(--l{level})"></i>{text}</span>'
        for level, text in enumerate(USE_TEXTS)
    )
    yield f'<p class="legend">Share of a country\'s use that fails: {keys}</p></figure>'
    yield from _moments(outcome, hit, levels)
    yield from _table(outcome, hit)


def map_data(outcome: Outcome, hit: Hit) -> dict[str, object]:
    """Return what the slider needs: a digit a country and position, and people in all."""
    levels = use_levels(hit.share_ratio)[::BIN_MIN]
    return {
        "times": [clock(outcome, minute) for minute in range(0, outcome.minutes, BIN_MIN)],
        "people": [count(one) for one in hit.people[::BIN_MIN].sum(axis=1).tolist()],
        "levels": {
            country: "".join(map(str, levels[:, index].tolist()))
            for index, country in enumerate(outcome.countries)
        },
    }


def map_svg(outcome: Outcome, hit: Hit, minute: int) -> str:
    """Return the map of one moment as a picture that stands alone."""
    levels = use_levels(hit.share_ratio)
    keys = "".join(
        f'<rect x="{20 + 135 * level}" y="404" width="16" height="12" fill="var(--l{level})"/>'
        f'<text x="{42 + 135 * level}" y="414">{escape(text)}</text>'
        for level, text in enumerate(USE_TEXTS)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -26 1000 446" width="1000" height="446">'
        f"<title>{escape(outcome.title)}</title>"
        f"<style>{FIGURE}svg{{--land:var(--l0)}}path,circle{{stroke:var(--paper);stroke-width:.5}}</style>"
        '<rect class="ground" x="0" y="-26" width="1000" height="446"/>'
        f'<text x="20" y="-8">{clock(outcome, minute)} UTC: {count(hit.people[minute].sum())} people '
        "hit; share of each country's use that fails</text>"
        f'<g style="{_colours(outcome, levels, minute)}">{world()}</g>{keys}</svg>'
    )


def moments(hit: Hit) -> Sequence[int]:
    """Return minutes worth a small map: evenly through the time in which anybody is hit."""
    total = hit.people.sum(axis=1)
    if not total.any():
        return []
    hurt = np.flatnonzero(total >= 0.02 * total.max())
    evenly = np.linspace(hurt[0], hurt[-1], MOMENTS + 2)[1:-1].round().astype(int).tolist()
    return sorted(set(evenly))


def _colours(outcome: Outcome, levels: Levels, minute: int) -> str:
    return ";".join(
        f"--{country}:var(--l{levels[minute, index]})"
        for index, country in enumerate(outcome.countries)
        if levels[minute, index]
    )


def _moments(outcome: Outcome, hit: Hit, levels: Levels) -> Iterator[str]:
    yield '<div class="moments">'
    for minute in moments(hit):
        words = f"{clock(outcome, minute)}: {count(hit.people[minute].sum())} people"
        yield (
            f'<figure><svg viewBox="{VIEW}" role="img" aria-label="{words}" '
            f'style="{_colours(outcome, levels, minute)}"><use href="#world"/></svg>'
            f"<figcaption>{words}</figcaption></figure>"
        )
    yield "</div>"


def _table(outcome: Outcome, hit: Hit) -> Iterator[str]:
    reports = outcome.reports.sum(axis=0)
    order = np.argsort(-hit.people.sum(axis=0))
    names = country_names()
    yield "<details><summary>The same as a table: countries</summary>"
    yield '<div class="scroll"><table><thead><tr><th>Country<th class="num">Most people hit'
    yield '<th>At<th class="num">Share of use then<th class="num">Reports</tr></thead><tbody>'
    for index in order.tolist():
        people = hit.people[:, index]
        if not people.any():
            continue
        worst = int(people.argmax())
        country = outcome.countries[index]
        yield (
            f"<tr><td>{escape(names.get(country, country))}"
            f'<td class="num">{count(people[worst])}<td>{clock(outcome, worst)}'
            f'<td class="num">{hit.share_ratio[worst, index]:.1%}'
            f'<td class="num">{count(reports[index])}</tr>'
        )
    yield "</tbody></table></div></details>"
