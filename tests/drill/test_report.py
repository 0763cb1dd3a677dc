"""Reports: one file, nothing asked for, the same facts in pictures and in words."""

import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from tests.drill.made import MINUTES, event, made_outcome
from tests.support.browser import Page, opened_browser

from outlast.drill.outcome import Event, EventKind
from outlast.drill.report import figures as figure_files
from outlast.drill.report import measured, write_figures, write_html, write_parquet
from outlast.drill.report.cascade import forest
from outlast.drill.report.clock import clock, count, length, ticks
from outlast.drill.report.colours import LEVELS_DARK, LEVELS_LIGHT
from outlast.drill.report.curve import nice
from outlast.drill.report.heat import runs
from outlast.drill.report.measure import ABSENT, DEGRADED, people_hit, spans, trouble_levels
from outlast.drill.report.page import page
from outlast.drill.report.rows import ROWS_MAX, rows_of
from outlast.drill.report.worldmap import country_names, world


def test_people_hit_are_those_online_whose_region_fails() -> None:
    """A million in one country, half online, four tenths served: 300,000; nobody served elsewhere."""
    hit = people_hit(made_outcome())
    assert hit.people[60].tolist() == [300_000, 0, 3_000]
    assert hit.share_ratio[60, 0] == pytest.approx(0.6)
    assert hit.lost == pytest.approx(303_000 * 64)


def test_levels_rise_with_what_is_not_served() -> None:
    """Ends of the scale, degraded service, and what does not run."""
    served = np.array([[1.0, 0.9, 0.0, np.nan, 1.0]], dtype=np.float32)
    degraded = np.array([[0.0, 0.0, 0.0, 0.0, 0.5]], dtype=np.float32)
    assert trouble_levels(served, degraded)[0].tolist() == [0, 2, 6, ABSENT, DEGRADED]


def test_spans_have_begin_end_and_depth_and_short_pauses_do_not_part_them() -> None:
    """Two falls with five minutes between are one; the last one that never ends has no end."""
    served = np.ones(100, dtype=np.float32)
    served[10:20] = 0.5
    served[25:30] = 0.2
    served[90:] = 0.0
    first, last = spans(served)
    assert (first.from_min, first.until_min) == (10, 30)
    assert first.worst_ratio == pytest.approx(0.2)
    assert (last.from_min, last.until_min) == (90, None)


def test_every_service_is_in_some_row() -> None:
    """Nobody is left out, however many there are, and rows stay few enough to be read."""
    for crowd in (0, 40, 400):
        outcome = made_outcome(crowd=crowd)
        rows = rows_of(outcome, people_hit(outcome))
        assert sorted(name for row in rows for name in row.services) == sorted(outcome.services)
        assert len(rows) <= ROWS_MAX + 1


def test_runs_cover_the_row() -> None:
    """Runs of equal level add up to the row they come from."""
    levels = np.array([0, 0, 6, 6, 6, 2], dtype=np.uint8)
    assert [*runs(levels)] == [(0, 2, 0), (2, 3, 6), (5, 1, 2)]


def test_the_cascade_follows_what_was_decisive() -> None:
    """Fault, store, shop; those that fell together stand together."""
    (root,) = forest(made_outcome(crowd=5))
    assert (root.names, root.fault) == (["store.example"], True)
    (store,) = root.below
    (shop,) = store.below
    assert [len(one.names) for one in shop.below] == [5]


def test_a_second_wave_is_no_echo_of_the_first() -> None:
    """A service that falls again hours later stands there twice, under its new cause."""
    outcome = made_outcome()
    late = (
        event(150, EventKind.DOWN, "log", "health checks"),
        event(151, EventKind.DOWN, "shop", "log"),
    )
    roots = forest(replace(outcome, events=outcome.events + late))
    assert [root.names for root in roots] == [["store.example"], ["health checks"]]
    assert roots[1].below[0].below[0].names == ["shop"]


def test_a_circle_of_causes_ends() -> None:
    """Two services that name each other are drawn once each."""
    outcome = made_outcome()
    events = (
        Event(at_s=60, kind=EventKind.DOWN, subject="shop", because="log"),
        Event(at_s=60, kind=EventKind.DOWN, subject="log", because="shop"),
    )
    (root,) = forest(replace(outcome, events=events))
    assert root.size() == 3


def test_figures_of_a_run() -> None:
    """Reports, lost user-minutes, most people at once, and when the last one came back."""
    found = measured(made_outcome(), name="as it was")
    assert found.reports == 64 * 800
    assert found.people_peak == 303_000
    assert found.last_min == 95
    assert found.service_minutes == 60 + 64


def test_times_and_numbers_are_for_people() -> None:
    """Hours of the day, durations, three figures of a big number, round ends of an axis."""
    outcome = made_outcome()
    assert clock(outcome, 8) == "06:48"
    assert [label for _, label in ticks(outcome, 5)] == ["07:00", "08:00", "09:00", "10:00"]
    assert (length(172), length(42)) == ("2 h 52 min", "42 min")
    assert [count(one) for one in (17_000_000, 25_400, 900)] == ["17 m", "25.4 k", "900"]
    assert [nice(one) for one in (0, 7.2, 1_201)] == [1, 8, 1_500]


def test_lightness_falls_steadily_in_both_schemes() -> None:
    """Colours must read in grey: whoever sees no hue sees the order."""

    def luminance(colour: str) -> float:
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light = [luminance(one) for one in LEVELS_LIGHT[:7]]
    dark = [luminance(one) for one in LEVELS_DARK[:7]]
    assert light == sorted(light, reverse=True)
    assert dark == sorted(dark)


def test_the_world_has_every_country_once() -> None:
    """Small ones are dots; none is left out for its size."""
    names = country_names()
    assert {"US", "SG", "MT", "RU", "HK", "XK"} <= set(names)
    assert len(names) > 230
    assert world().count("var(--SG,") == 1


def test_the_page_asks_for_nothing() -> None:
    """No address in it but the names of XML vocabularies."""
    text = page(made_outcome(crowd=3))
    found = set(re.findall(r"(?:https?:)?//[a-z][^\s\"'<>)]*", text))
    assert {one for one in found if "www.w3.org" not in one} == set()
    assert not re.search(r"url\((?!#)|@import|<link|<img|<iframe", text)


def test_names_from_a_file_cannot_become_markup() -> None:
    """A title is text, wherever it stands."""
    text = page(made_outcome(title="<script>alert(1)</script>"))
    assert "<script>alert" not in text


def test_what_the_pictures_show_stands_in_words_as_well() -> None:
    """Recovery, countries, hours, cascade and expectations are tables and lists."""
    text = page(made_outcome(), helped=[measured(made_outcome(), name="a", label="As it was")])
    for words in ("United States", "store.example", "0.40 &lt; 0.99", "As it was", "1 h 04 min"):
        assert words in text


def test_figures_are_pictures_that_stand_alone(tmp_path: Path) -> None:
    """Each SVG is well-formed, has a size and knows both schemes."""
    for path in write_figures(made_outcome(crowd=5), tmp_path / "figures"):
        root = ET.fromstring(path.read_text())  # our own file
        assert float(root.attrib["width"]) > 0
        assert "prefers-color-scheme:dark" in path.read_text()


def test_png_without_a_browser_is_an_error_for_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to install, and that SVG needs nothing."""
    monkeypatch.setattr(figure_files, "BROWSERS", ("no-such-browser",))
    with pytest.raises(figure_files.NoBrowser, match="chromium"):
        write_figures(made_outcome(), tmp_path, png=True)


def test_the_raw_series_can_be_read_back(tmp_path: Path) -> None:
    """One row a sample of what runs; people and events beside them; no meters where a run keeps none."""
    outcome = made_outcome(crowd=250)
    series, people, events = write_parquet(outcome, tmp_path)
    table = pyarrow.parquet.read_table(series)
    assert table.num_rows == MINUTES * (len(outcome.services) * 2 - 1)
    assert {"minute", "service", "region", "served", "degraded", "queue"} == set(table.column_names)
    queues = dict(zip(table["service"].to_pylist(), table["queue"].to_numpy(), strict=True))
    assert [queues["shop"], queues["log"], np.isnan(queues["company-249"])] == [1.0, 1.0, True]
    assert pyarrow.parquet.read_table(people).num_rows == MINUTES * 3
    first = pyarrow.parquet.read_table(events).to_pylist()[0]
    assert (first["kind"], first["at"].isoformat()) == ("fault", "2025-10-20T07:10:00+00:00")


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Page]:
    async with opened_browser(tmp_path / "profile") as opened:
        yield opened


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    outcome = made_outcome(crowd=40, title="The name of the store, emptied, " * 4)
    write_html(outcome, path, helped=[measured(outcome, name="as it was")])
    return path


OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1200])
async def test_nothing_overflows_and_no_request_leaves(
    browser: Page, report: Path, width: int
) -> None:
    """At the width of a telephone and of a desk; wide tables scroll within themselves."""
    await browser.open(report, width=width)
    assert await browser.value(OVERFLOW) <= 0
    assert browser.requests == [report.as_uri()]
    assert browser.complaints == []


@pytest.mark.slow
async def test_the_slider_moves_the_map(browser: Page, report: Path) -> None:
    """Moved to the beginning, nobody is hit and the country has the colour of land."""
    await browser.open(report, width=1200)
    colour = "document.querySelector('.world').style.getPropertyValue('--US')"
    assert await browser.value(colour) == "var(--l6)"
    await browser.value("when.value = 0; when.dispatchEvent(new Event('input'))")
    assert await browser.value("moment.textContent") == "06:40 UTC: 0 people hit"
    assert await browser.value(colour) == "var(--land)"


@pytest.mark.slow
async def test_without_script_the_page_loses_nothing_but_the_slider(
    browser: Page, report: Path
) -> None:
    """The worst minute is drawn, and the slider that could not move is hidden."""
    await browser.open(report, width=390, script=False)
    assert await browser.value("document.getElementById('control').hidden") is True
    assert await browser.value("document.querySelectorAll('.moments svg').length") == 6
    shown = "getComputedStyle(document.querySelector('[data-country=US]')).fill"
    assert await browser.value(shown) == "rgb(100, 17, 47)"
