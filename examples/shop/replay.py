"""The outage of October 2025, replayed against both shops: `python replay.py [--quick] [--svg FILE]`.

The home region's name of the orders table is emptied on a real BIND; a real unbound with `serve-expired`
stands between. Both shops get ten orders a second, throughout. What each answers, second by second, is drawn.
"""

# ruff: noqa: E501 - lines of SVG

import argparse
import asyncio
import os
import socket
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import Any

import httpx

EVERY_S = 0.1
NAMES = {
    "dynamodb.us-east-1": "127.0.0.2",
    "dynamodb.us-west-2": "127.0.0.3",
    "prices.supplier": "127.0.0.4",
}
HOME = "dynamodb.us-east-1"

Seconds = dict[int, Counter[str]]


def main() -> None:
    """Run the replay and print what was served."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a third of the time")
    parser.add_argument("--svg", type=Path, help="where the picture goes")
    given = parser.parse_args()
    healthy_s, wiped_s, healed_s = (3, 7, 5) if given.quick else (8, 24, 12)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        os.environ["SHOP_PORT"] = str(_common_port(list(NAMES.values())))
        os.environ["SHOP_OUTBOX"] = f"{folder}/outbox.sqlite"
        served, gone_s, back_s = _replay(stack, Path(folder), healthy_s, wiped_s, healed_s)
    for shop, seconds in served.items():
        total = sum(seconds.values(), Counter())
        outage = sum((one for at, one in seconds.items() if gone_s <= at < back_s), Counter())
        after = sum((one for at, one in seconds.items() if at >= back_s), Counter())
        print(f"{shop:7}: {_share(total)} in all; {_share(outage)} while the name was empty; "
              f"{_share(after)} once it was healed")  # fmt: skip
    if given.svg:
        given.svg.write_text(picture(served, gone_s, back_s))


def _replay(
    stack: ExitStack, folder: Path, healthy_s: int, wiped_s: int, healed_s: int
) -> tuple[dict[str, Seconds], int, int]:
    import lab
    from shop import after, before
    from shop.local import Supplier, Table, serving

    port = int(os.environ["SHOP_PORT"])
    for name, address in NAMES.items():
        stack.enter_context(serving(Supplier if "supplier" in name else Table, (address, port)))
    servers = stack.enter_context(lab.running(folder, NAMES))
    stack.enter_context(lab.resolving(servers))
    shops = {"before": before.web, "after": after.web}
    served: dict[str, Seconds] = {name: {} for name in shops}

    async def play() -> None:
        began_s = time.monotonic()
        whole_s = healthy_s + wiped_s + healed_s
        async with asyncio.TaskGroup() as group:
            for name, web in shops.items():
                group.create_task(_customers(web, served[name], began_s, whole_s))
            await asyncio.sleep(healthy_s)
            await asyncio.to_thread(servers.publish, HOME)
            await asyncio.sleep(began_s + healthy_s + wiped_s - time.monotonic())
            await asyncio.to_thread(servers.publish)

    asyncio.run(play())
    return served, healthy_s, healthy_s + wiped_s


async def _customers(web: Any, seconds: Seconds, began_s: float, whole_s: float) -> None:
    transport = httpx.ASGITransport(web, raise_app_exceptions=False)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
        asyncio.TaskGroup() as group,
    ):
        for number in range(int(whole_s / EVERY_S)):
            await asyncio.sleep(max(0.0, began_s + number * EVERY_S - time.monotonic()))
            second = int(number * EVERY_S)
            group.create_task(_order(client, seconds.setdefault(second, Counter())))


async def _order(client: httpx.AsyncClient, counts: Counter[str]) -> None:
    answer = await client.post("/orders/teapot")
    if answer.status_code != 201:
        counts["failed"] += 1
    else:
        counts["degraded" if "Degraded" in answer.headers else "served"] += 1


def _share(counts: Counter[str]) -> str:
    whole = sum(counts.values())
    good = counts["served"] + counts["degraded"]
    return f"{good} of {whole} orders taken" + (
        f" ({counts['degraded']} degraded)" if counts["degraded"] else ""
    )


def picture(served: dict[str, Seconds], gone_s: int, back_s: int) -> str:
    """Draw orders through time, a row for each shop."""
    width, height, left, top, gap = 760, 120, 70, 46, 60
    last = max(max(seconds) for seconds in served.values()) + 1
    step = (width - left - 20) / last
    colours = {"served": "#2f9e63", "degraded": "#e0a100", "failed": "#c8372d"}
    parts = []
    for row, (shop, seconds) in enumerate(served.items()):
        base = top + row * (height + gap) + height
        x, x_end = left + gone_s * step, left + back_s * step
        parts.append(
            f'<rect x="{x:.1f}" y="{base - height}" width="{x_end - x:.1f}" height="{height}" fill="#8a94a622"/>'
        )
        parts.append(f'<text x="{left}" y="{base - height - 8}" class="t">{escape(shop)}</text>')
        for at, counts in seconds.items():
            y = float(base)
            for word, colour in colours.items():
                size = counts[word] * EVERY_S * height
                y -= size
                parts.append(
                    f'<rect x="{left + at * step:.1f}" y="{y:.1f}" width="{step - 1:.1f}" '
                    f'height="{size:.1f}" fill="{colour}"/>'
                )
        parts.append(
            f'<line x1="{left}" y1="{base}" x2="{width - 20}" y2="{base}" stroke="#8a94a6"/>'
        )
        parts.extend(
            f'<text x="{left + at * step:.1f}" y="{base + 16}" class="a">{at} s</text>'
            for at in range(0, last, 4)
        )
    legend = "".join(
        f'<rect x="{left + 130 * at}" y="{top + 2 * (height + gap) - 6}" width="12" height="12" fill="{one}"/>'
        f'<text x="{left + 18 + 130 * at}" y="{top + 2 * (height + gap) + 5}" class="a">{word}</text>'
        for at, (word, one) in enumerate(colours.items())
    )
    bottom = top + 2 * (height + gap) + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom}" role="img" '
        f'aria-label="Orders taken through the outage, before and after">'
        "<style>text{font:13px system-ui,sans-serif;fill:#5d6876}.t{font-weight:600}.a{font-size:11px}</style>"
        f'<text x="{left}" y="16" class="a">orders through time; grey: the home region\'s name is empty</text>'
        f"{''.join(parts)}{legend}</svg>\n"
    )


def _common_port(addresses: list[str]) -> int:
    for port in range(21000 + os.getpid() % 4000, 32000):
        sockets = [socket.socket() for _ in addresses]
        try:
            for sock, address in zip(sockets, addresses, strict=True):
                sock.bind((address, port))
        except OSError:
            continue
        finally:
            for sock in sockets:
                sock.close()
        return port
    raise OSError("no free port")


if __name__ == "__main__":
    main()
