"""Telling: the narration, and the claims in it. A claim that is not true ends the demonstration."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from outlast.app.demo.asking import Watcher
from outlast.model.errors import OutlastError

POLL_S = 0.01
DEADLINE_S = 60.0
"""How long something may take that a quiet machine does in a moment: a busy disk makes all of it slow."""

CHART_WIDTH = 72

Look = Callable[[], Awaitable[str]]


class BrokenClaim(OutlastError):
    """Something that the narration says is not so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something that was said and checked.

    Attributes:
        took_s: from the deed to the moment when it was first seen to be true.
    """

    act: str
    text: str
    expected: str
    got: str
    took_s: float
    held: bool


@dataclass(slots=True)
class Teller:
    """Speaks, and keeps the record of claims."""

    out: Console
    pause_s: float
    claims: list[Claim] = field(default_factory=list)
    acts: list[tuple[float, str]] = field(default_factory=list)

    def act(self, title: str) -> None:
        """Begin an act."""
        self.acts.append((time.monotonic(), title))
        self.out.print(f"\n[bold cyan]{len(self.acts)}[/]  [bold]{escape(title)}[/]")

    def say(self, text: str) -> None:
        """Tell what is being done."""
        self.out.print(f"   [dim]{escape(text)}[/]")

    async def breathe(self) -> None:
        """Give people time to read."""
        await asyncio.sleep(self.pause_s)

    async def becomes(
        self,
        text: str,
        expected: str,
        look: Look,
        *,
        since_s: float | None = None,
        within_s: float = DEADLINE_S,
    ) -> float:
        """Claim that something becomes so; return how long it took since `since_s`."""
        began_s = time.monotonic() if since_s is None else since_s
        deadline_s = time.monotonic() + within_s
        got = await look()
        while got != expected and time.monotonic() < deadline_s:
            await asyncio.sleep(POLL_S)
            got = await look()
        took_s = time.monotonic() - began_s
        self._judge(text, expected, got, took_s, timed=since_s is not None)
        return took_s

    async def stays(self, text: str, expected: str, look: Look, *, for_s: float) -> None:
        """Claim that something is so, and stays so for a while."""
        began_s = time.monotonic()
        got = await look()
        while got == expected and time.monotonic() - began_s < for_s:
            await asyncio.sleep(POLL_S)
            got = await look()
        self._judge(text, expected, got, time.monotonic() - began_s, timed=False)

    def is_so(self, text: str, expected: str, got: str) -> None:
        """Claim that two things that were looked at are the same."""
        self._judge(text, expected, got, 0.0, timed=False)

    def _judge(self, text: str, expected: str, got: str, took_s: float, *, timed: bool) -> None:
        act = self.acts[-1][1] if self.acts else ""
        held = got == expected
        claim = Claim(
            act=act, text=text, expected=expected, got=got, took_s=round(took_s, 4), held=held
        )
        self.claims.append(claim)
        if not held:
            self.out.print(f"   [bold red]✗[/] {escape(text)}")
            raise BrokenClaim(
                f"this claim is not true: {text}\n  expected: {expected}\n  got:      {got}",
                remedy="the logs of every process are in the folder named above",
            )
        after = f"  [yellow]after {_length(took_s)}[/]" if timed else ""
        self.out.print(f"   [green]✓[/] {escape(text)}{after}")


def _length(span_s: float) -> str:
    if span_s < 0.0095:
        return f"{span_s * 1000:.1f} ms"
    return f"{span_s * 1000:.0f} ms" if span_s < 1 else f"{span_s:.2f} s"


def chart(out: Console, watcher: Watcher, acts: list[tuple[float, str]]) -> None:
    """Draw what a client was answered, region by region, over time."""
    width = min(CHART_WIDTH, out.width - 14)
    columns = list(watcher.columns(width))
    out.print("\n[bold]What a client was answered[/]")
    for region in watcher.client.regions.values():
        line = Text(f"   {region:<9} ")
        for column in columns:
            share = sum(region in one.regions for one in column) / len(column) if column else 0
            line.append("█" if share == 1 else "▌" if share else "·", "green" if share else "dim")
        out.print(line)
    marks = [" "] * width
    end_s = watcher.record[-1].at_s
    for number, (at_s, _) in enumerate(acts, 1):
        if at_s < watcher.began_s:
            continue
        place = int((at_s - watcher.began_s) / max(1e-6, end_s - watcher.began_s) * width)
        marks[min(width - 1, max(0, place))] = str(number)
    out.print(Text(f"   {'act':<9} {''.join(marks)}", "cyan"))
