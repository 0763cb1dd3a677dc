"""Draw the documentation's pictures of the board: `python ops/board_pictures.py docs/pictures [PAGE...]`.

A system of three regions is started, one of them fails, and what detection would hold of that is left in
its store. Then the system's Chromium looks at each page, at a desk by day and on a phone by night. Regenerate
them when pages change, and look at them: a test finds what is too wide or too pale, but not what is ugly.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support.boardworld import belief, believe, board_world
from tests.support.system import EU, US
from tests.support.windows import Windows, chromium

PAGES = {
    "board": ("/", False),
    "board-phone": ("/", True),
    "board-endpoint": ("/endpoint/shop", False),
    "board-detection": ("/detection", False),
    "board-evacuation": ("/evacuation?region=us-east&steps=3", False),
    "board-evacuation-phone": ("/evacuation?region=us-east&steps=3", True),
}
BYTES_MAX = 150_000
SIZE = {False: (1120, 800), True: (390, 844)}
FORECAST_MS = 60_000


def main(folder: Path, wanted: list[str]) -> int:
    """Write the pictures; 1 if one is too large for a repository."""
    large = 0
    with tempfile.TemporaryDirectory() as scratch, board_world(Path(scratch)) as world:
        world.regions.fail(US)
        world.wait_for(EU, "ap-south")
        believe(world, belief())
        with chromium() as browser:
            windows = Windows(browser)
            for name, (path, phone) in PAGES.items():
                if wanted and name not in wanted:
                    continue
                visit = windows.open(
                    f"http://127.0.0.1:{world.http_port}{path}", phone=phone, dark=phone
                )
                page = visit.page
                width, height = SIZE[phone]
                page.set_viewport_size({"width": width, "height": height})
                page.get_by_text("live", exact=True).wait_for()
                if "evacuation" in path:
                    page.get_by_text("if nothing is done").wait_for(timeout=FORECAST_MS)
                raw = page.screenshot(path=folder / f"{name}.png")
                page.context.close()
                large += len(raw) > BYTES_MAX
                sys.stdout.write(f"{name}.png {len(raw) / 1000:.0f} KB\n")
    return int(large > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
