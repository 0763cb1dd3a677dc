"""Exactly: one service of a drill request by request, beside what the fluid engine made of it."""

import json

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from outlast.drill.boundary import cut_out
from outlast.drill.exact import Comparison, compare
from outlast.drill.vary import Case

ROWS = 16
TOLERANCE = 0.02
"""Mean distance of both engines beyond which they count as not agreeing."""


def exactly(out: Console, case: Case, what: str, *, as_json: bool) -> int:
    """Play a service (`NAME` or `NAME@REGION`) through; 1 where both engines do not agree."""
    service, _, region = what.partition("@")
    boundary = cut_out(case.topology, case.scenario, service, region)
    found = compare(boundary, seed=case.scenario.seed)
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2))
    else:
        _print(out, found)
    return int(found.difference > TOLERANCE)


def _as_json(found: Comparison) -> dict[str, object]:
    return {
        "service": found.boundary.service,
        "region": found.boundary.region,
        "scale": found.scale,
        "tries": found.tally.tries,
        "difference": found.difference,
        "worst": found.worst,
        "minutes": [
            {"minute": one.minute, "asked_s": one.asked, "fluid": one.fluid, "exact": one.exact}
            for one in found.minutes
        ],
    }


def _print(out: Console, found: Comparison) -> None:
    whole = found.boundary
    out.print(
        f"{escape(whole.service)} in {escape(whole.region)}: {found.tally.tries:,} tries played through, "
        f"each for {found.scale:.3g}"
    )
    table = Table(box=None, pad_edge=False)
    for title in ("minutes", "asked a second", "served: fluid", "exact", "greatest difference"):
        table.add_column(title, justify="right")
    length = max(1, -(-len(found.minutes) // ROWS))
    for begin in range(0, len(found.minutes), length):
        part = found.minutes[begin : begin + length]
        asked = sum(one.asked for one in part)
        means = [
            sum(share * one.asked for share, one in zip(shares, part, strict=True)) / asked
            if asked
            else 1.0
            for shares in ([one.fluid for one in part], [one.exact for one in part])
        ]
        table.add_row(
            f"{begin}-{begin + len(part) - 1}",
            f"{asked / len(part):,.1f}",
            *(f"{one:.1%}" for one in means),
            f"{max(abs(one.fluid - one.exact) for one in part):.1%}",
        )
    out.print(table)
    agree = "agree" if found.difference <= TOLERANCE else "[red]do not agree[/]"
    out.print(
        f"both {agree}: {found.difference:.2%} of the demand apart in the mean, "
        f"{found.worst:.1%} in the worst minute"
    )
