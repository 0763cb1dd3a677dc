"""How soon a page of the board is seen, and what it needs over the wire, in a real browser.

    .venv/bin/python -m bench.board [--quick] [--rounds N]

`outlast up` runs as a process of its own with two endpoints, five services and a belief of an outage; each
page is opened in a window with no memory
(no cache, no connection kept), pages in turn, round after round. First paint is what the browser itself
notes as `first-contentful-paint`, counted from the beginning of the navigation; bytes are counted by the
browser with headers, for the page and everything that it asks for. Promised are 200 ms and 150 KB. The board
looks at the store and asks the DNS before it answers: that is in the figure. So is the browser's own part:
one line of JSON from the same process shows how much that is on this machine at this time.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from bench.harness import machine, options
from tests.support.boardworld import belief, believe, board_world
from tests.support.system import System
from tests.support.windows import Windows, chromium

BARE = "one line of JSON"
PAGES = {
    "overview, with a map": "/",
    "endpoints": "/endpoints",
    "one endpoint": "/endpoint/shop",
    "regions": "/regions",
    "detection, with charts": "/detection",
    "enactors": "/enactors",
    "evacuation": "/evacuation?region=us-east",
    "drills": "/drills",
    "audit": "/audit",
    "audit trail": "/trail",
    BARE: "/healthz",
}
PAINT = """new Promise((done) => new PerformanceObserver((list) => {
  const [found] = list.getEntriesByName("first-contentful-paint");
  if (found) done(found.startTime);
}).observe({ type: "paint", buffered: true }))"""
PAINT_MS, WIRE_KB = 200.0, 150.0
BYTES_PER_KB = 1000


def measure(world: System, windows: Windows, path: str) -> tuple[float, float]:
    """Open one page once; return its first paint in ms, and its KB."""
    visit = windows.open(f"http://127.0.0.1:{world.http_port}{path}")
    found = float(visit.page.evaluate(PAINT)), visit.wire_bytes / BYTES_PER_KB
    visit.page.context.close()
    return found


def main() -> int:
    """Measure, and print a table."""
    asked = options("First paint and bytes of the board's pages.")
    rounds = asked.rounds
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in PAGES}
    with tempfile.TemporaryDirectory() as folder, board_world(Path(folder)) as world:
        believe(world, belief())
        with chromium() as browser:
            windows = Windows(browser)
            measure(world, windows, "/")
            for _ in range(rounds):
                for name, path in PAGES.items():
                    found[name].append(measure(world, windows, path))
            version = browser.version
    print(f"{machine()}; Chromium {version}; medians of {rounds} rounds\n")
    print("| page | first paint, ms | worst, ms | over the wire, KB |\n|---|---:|---:|---:|")
    kept = True
    for name, figures in found.items():
        paints, sizes = [one for one, _ in figures], [one for _, one in figures]
        paint, size = statistics.median(paints), statistics.median(sizes)
        print(f"| {name} | {paint:.0f} | {max(paints):.0f} | {size:.1f} |")
        kept = kept and paint < PAINT_MS and size < WIRE_KB
    print(f"\nPromised: {PAINT_MS:.0f} ms and {WIRE_KB:.0f} KB: {'kept' if kept else 'BROKEN'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
