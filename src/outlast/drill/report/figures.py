"""Figures as files: SVG of our own making, PNG by whatever browser is installed."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from outlast.drill.outcome import Outcome
from outlast.drill.report.cascade import forest
from outlast.drill.report.curve import curve_svg
from outlast.drill.report.heat import heat_svg
from outlast.drill.report.measure import people_hit
from outlast.drill.report.rows import rows_of
from outlast.drill.report.tree import tree_svg
from outlast.drill.report.worldmap import map_svg, moments
from outlast.model.errors import OutlastError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PNG_TIMEOUT_S = 60.0
SCALE = 2
"""Pixels of a PNG for one of the SVG."""


class NoBrowser(OutlastError):
    """PNG was asked for, and nothing is there to draw it."""


def figures(outcome: Outcome) -> Mapping[str, str]:
    """Return every figure by name, as SVG."""
    hit = people_hit(outcome)
    drawn = {
        "services": heat_svg(outcome, rows_of(outcome, hit)),
        "reports": curve_svg(outcome, outcome.reports.sum(axis=1), "User reports a minute"),
        "people": curve_svg(outcome, hit.people.sum(axis=1), "People hit"),
        "cascade": tree_svg(outcome, forest(outcome)),
        "map-worst": map_svg(outcome, hit, hit.peak),
    }
    for number, minute in enumerate(moments(hit), start=1):
        drawn[f"map-{number}"] = map_svg(outcome, hit, minute)
    return drawn


def browser() -> str | None:
    """Return a browser that draws PNG, if one is installed."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def write_figures(outcome: Outcome, folder: Path, *, png: bool = False) -> tuple[Path, ...]:
    """Write every figure as SVG and, with `png`, as PNG; return the files.

    Raises:
        NoBrowser: `png`, and no Chromium or Chrome is installed.
    """
    with_browser = browser() if png else None
    if png and with_browser is None:
        raise NoBrowser(
            "PNG needs Chromium or Chrome to draw it, and neither is installed",
            remedy="install the package `chromium`, or use the SVG files",
        )
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in figures(outcome).items():
        path = folder / f"{name}.svg"
        path.write_text(text, encoding="utf-8")
        written.append(path)
        if with_browser is not None:
            written.append(_png(with_browser, path, text))
    return tuple(written)


def _png(program: str, path: Path, text: str) -> Path:
    width, height = (round(float(_attribute(text, name))) for name in ("width", "height"))
    target = path.with_suffix(".png")
    with TemporaryDirectory() as profile:
        subprocess.run(  # noqa: S603 - a browser that we looked up, on a file that we wrote
            [
                program,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--force-device-scale-factor={SCALE}",
                f"--window-size={width},{height}",
                f"--screenshot={target.resolve()}",
                path.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=PNG_TIMEOUT_S,
        )
    return target


def _attribute(text: str, name: str) -> str:
    """Return an attribute of the outermost element."""
    begin = text.index(f' {name}="') + len(name) + 3
    return text[begin : text.index('"', begin)]
