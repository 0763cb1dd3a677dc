"""PetShop, low traffic: 26 faults put into a shop of 41 components (dataset CC-BY-4.0).

Each issue has the call graph, five minutes-values of each component's latency and availability around an
alarm at the shop's door, and the component that was really at fault. Each component is a candidate; what
leans on it is whatever calls it, near or far. How far a component's worst value lies beyond the worst that
its quiet weeks show over as long a time is its weight of evidence, bounded; a candidate that was measured
speaks for itself as well. The ranking is blame's own gain.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluate.tables import share
from outlast.detect import noisyor
from outlast.detect.cells import Reals
from outlast.detect.evidence import Rows

_WEIGHTS = (-1.0, 4.0)
_OWN_MOST = 3.0
_UNMEASURED = -3.0
_QUIET_LEAST = 20
_FLOOR = {"latency": 1e-3, "availability": 1.0}
_RELATIVE = {"latency": 0.05, "availability": 0.0}
"""What counts as no change at all: seconds and per cent, and a share of the usual value."""

Series = dict[tuple[str, str], Reals]


@dataclass(frozen=True, slots=True)
class Shop:
    """The call graph: for each component those that need it, itself included; and its quiet weeks."""

    nodes: tuple[str, ...]
    dependents: tuple[tuple[int, ...], ...]
    quiet: Series


def _series(path: Path) -> Series:
    with path.open() as lines:
        rows = [*csv.reader(lines)]
    found: Series = {}
    for column in range(1, len(rows[0])):
        name, metric, statistic = (rows[line][column] for line in range(3))
        if statistic == "Average" and metric in _FLOOR:
            values = [float(row[column]) for row in rows[4:] if row[column]]
            sign = -1.0 if metric == "availability" else 1.0
            found[name, metric] = sign * np.array(values)
    return found


def read(folder: Path) -> Shop:
    """Read graph and quiet weeks."""
    with (folder / "graph.csv").open() as lines:
        rows = [*csv.reader(lines)]
    nodes = rows[0][1:]
    needs = {
        row[0]: [nodes[at] for at, value in enumerate(row[1:]) if float(value)] for row in rows[1:]
    }
    number = {name: code for code, name in enumerate(nodes)}
    dependents: list[list[int]] = [[] for _ in nodes]
    for name in nodes:
        reached, pending = {name}, [name]
        while pending:
            for one in needs.get(pending.pop(), ()):
                if one not in reached:
                    reached.add(one)
                    pending.append(one)
        for one in reached:
            dependents[number[one]].append(number[name])
    return Shop(
        tuple(nodes),
        tuple(tuple(one) for one in dependents),
        _series(folder / "noissue" / "metrics.csv"),
    )


def _beyond(issue: Reals, quiet: Reals, metric: str) -> float:
    """How far the issue's worst value lies beyond the quiet weeks', in their own spread."""
    middle = float(np.median(quiet))
    spread = 1.48 * float(np.median(np.abs(quiet - middle)))
    spread += _RELATIVE[metric] * abs(middle) + _FLOOR[metric]
    span = len(issue)
    worst = [float(quiet[at : at + span].max()) for at in range(0, len(quiet) - span, span)]
    high = float(np.quantile(worst, 0.95))
    return (float(issue.max()) - high) / max(spread, (high - middle) / 1.65)


def place(shop: Shop, folder: Path) -> int:
    """Return the place of the true cause in the ranking for one issue; 0 is the first."""
    truth = json.loads((folder / "target.json").read_text())["root_cause"]["node"]
    beyond: dict[str, float] = {}
    for (name, metric), values in _series(folder / "metrics.csv").items():
        quiet = shop.quiet.get((name, metric), np.zeros(0))
        if len(quiet) >= _QUIET_LEAST and len(values):
            beyond[name] = max(beyond.get(name, -np.inf), _beyond(values, quiet, metric))
    weight = np.array(
        [float(np.clip(beyond[one], *_WEIGHTS)) if one in beyond else 0.0 for one in shop.nodes]
    )
    edges = [(row, cause) for cause, rows in enumerate(shop.dependents) for row in rows]
    row_of, cause_of = np.array(edges, np.int64).T
    rows = Rows(shop.nodes, len(shop.nodes), weight, row_of, cause_of)
    gain, _ = noisyor.gains(noisyor.begin(rows, len(shop.nodes)))
    gain += np.minimum(weight, _OWN_MOST)
    gain[[one not in beyond for one in shop.nodes]] += _UNMEASURED
    order: list[int] = np.argsort(-gain, kind="stable").tolist()
    return order.index(shop.nodes.index(truth))


def places(folder: Path) -> list[int]:
    """Return the places of the true causes of all issues."""
    shop = read(folder)
    issues = sorted(path.parent for path in folder.glob("*/issue_*/target.json"))
    return [place(shop, one) for one in issues]


def shares(found: Sequence[int]) -> str:
    """Write the shares found first and among three."""
    return f"{share(sum(one == 0 for one in found), len(found))} / " + share(
        sum(one < 3 for one in found), len(found)
    )
