"""Write the results of the last runs into docs/chaos.md, between its markers.

python -m chaos.document build/chaos
"""

import argparse
import sys
from pathlib import Path

import msgspec

from chaos.catalogue import CATALOGUE
from chaos.processes import ROOT
from chaos.report import KindLine, Summary
from chaos.servers import DUAL, NAMES

DOCUMENT = ROOT / "docs" / "chaos.md"
BEGIN = "<!-- results: written by python -m chaos.document -->"
END = "<!-- end of results -->"
NAMED = {
    "bind": "BIND",
    "knot": "Knot",
    "powerdns": "PowerDNS",
    "embedded": "Outlast's own",
    "dual": "BIND and Knot at once",
}
ON_ETCD = "bind-etcd"
"""The run on BIND with the store on etcd; its column stands after the others, if there is one."""


_PROMISED = {
    "L1": "all endpoints",
    "L2": "a rescue with everything stopped",
    "L3": "each enactor alone, longest",
}


def main() -> int:
    """Write the tables."""
    parser = argparse.ArgumentParser(prog="python -m chaos.document")
    parser.add_argument("folder", type=Path, help="where `python -m chaos --out` wrote to")
    asked = parser.parse_args()
    decoder = msgspec.json.Decoder(Summary)
    found = [asked.folder / f"{name}.json" for name in (*NAMES, ON_ETCD, DUAL)]
    summaries = [decoder.decode(one.read_bytes()) for one in found if one.exists()]
    if not summaries:
        print(f"{asked.folder} holds no results; run `make chaos` first", file=sys.stderr)
        return 2
    before, rest = DOCUMENT.read_text().split(BEGIN)
    after = rest.split(END)[1]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{tables(summaries)}\n\n{END}{after}")
    return 0


def tables(summaries: list[Summary]) -> str:
    """Return both tables."""
    return "\n".join([*_runs(summaries), "", *_kinds(summaries)])


def _name(summary: Summary) -> str:
    on_etcd = ", store on etcd" if "--store etcd" in summary.command else ""
    return NAMED[summary.server] + on_etcd


def _head(first: str, summaries: list[Summary]) -> list[str]:
    names = " | ".join(_name(one) for one in summaries)
    return [f"| {first} | {names} |", f"|---|{'---:|' * len(summaries)}"]


def _runs(summaries: list[Summary]) -> list[str]:
    def row(what: str, values: list[str]) -> str:
        return f"| {what} | {' | '.join(values)} |"

    rules = [one.rule for one in summaries[0].rules]
    about = {one.rule: one.about for one in summaries[0].rules}
    lines = [
        *_head("", summaries),
        row("faults done", [f"{one.faults}" for one in summaries]),
        row("... that could not be done", [f"{one.missed}" for one in summaries]),
        row("seconds", [f"{one.seconds:.0f}" for one in summaries]),
        row("seed", [f"{one.seed}" for one in summaries]),
        row("samples of the checker", [f"{one.samples:,}" for one in summaries]),
        row("publications", [f"{one.generations:,}" for one in summaries]),
    ]
    for at, rule in enumerate(rules):
        values = [f"{one.rules[at].broken} of {one.rules[at].judged:,}" for one in summaries]
        lines.append(row(f"**{rule}** {about[rule]}: broken", values))
    if any(one.apart_s for one in summaries):
        lines.append(
            row("providers differed at most, s: during faults, afterwards", _apart(summaries))
        )
    longest = [max(line.heal_max_s for line in one.kinds) for one in summaries]
    lines.append(row("longest healing, s", [f"{one:.1f}" for one in longest]))
    lines += [
        row(
            f"{rule}, {_PROMISED[rule]}: came true after",
            [_promised(one, rule) for one in summaries],
        )
        for rule in ("L1", "L2", "L3")
    ]
    return lines


def _apart(summaries: list[Summary]) -> list[str]:
    found = [one.apart_s for one in summaries]
    return ["-" if one is None else f"{one[0]:.1f}, {one[1]:.1f}" for one in found]


def _promised(summary: Summary, rule: str) -> str:
    """The longest time that a promise took, as the report says it."""
    times = [
        float(line.split(", ")[1].split(" s")[0]) for line in summary.promises if line[:2] == rule
    ]
    return f"{max(times):.1f} s" if times else "-"


def _kinds(summaries: list[Summary]) -> list[str]:
    lines = [*_head("fault: times done (median, longest healing in s)", summaries)]
    for kind in CATALOGUE:
        cells = [
            next((_cell(line) for line in one.kinds if line.kind == kind.name), "0")
            for one in summaries
        ]
        lines.append(f"| `{kind.name}`: {kind.about} | {' | '.join(cells)} |")
    return lines


def _cell(line: KindLine) -> str:
    healed = f" ({line.heal_median_s:.2f}, {line.heal_max_s:.2f})" if line.heals else ""
    return f"{line.done}{healed}"


if __name__ == "__main__":
    sys.exit(main())
