"""`python -m evaluate FOLDER`: how well detection and blame do; one setting for everything.

Writes the tables that stand in docs/detection.md. A data set that is not in the folder is left out, and
that is said. The second half of each (every second series, incident or issue, counted from the second) is
reported beside the whole.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from evaluate import downdetector, graphs, nab, petshop
from evaluate.graphs import Condition
from evaluate.tables import share, table

MARKS = ("<!-- evaluation -->\n", "<!-- end of evaluation -->")


def _downdetector(folder: Path) -> Iterator[str]:
    incidents = downdetector.read(folder / "downdetector" / "aws_2018_2020.csv")
    rows = []
    for name, some in (
        ("all", incidents),
        ("tuned half", incidents[::2]),
        ("other half", incidents[1::2]),
    ):
        found = downdetector.judge(some, incidents)
        hits = len(found.delays_minutes)
        rows.append(
            [
                name,
                f"{hits} of {found.incidents} ({share(hits, found.incidents)})",
                f"{found.median_minutes:+.0f} min",
                f"{found.median_minutes + downdetector.STEP_MINUTES:+.0f} min",
                f"{found.false} in {found.quiet_days:.1f} quiet days",
            ]
        )
    head = ["69 outages", "found", "median to declaration", "if counts begin there", "false alarms"]
    yield table(head, rows)


def _nab(folder: Path) -> Iterator[str]:
    tweets = nab.read(folder / "nab")
    rows = [[name, f"{one:.1f}", f"{two:.1f}"] for name, (one, two) in nab.PUBLISHED.items()]
    rows = [[f"{row[0]}, published", *row[1:]] for row in rows]
    gaussian = [nab.windowed_gaussian(one.counts) for one in tweets]
    for name, scores in (("windowed Gaussian, here", gaussian), ("Outlast", nab.ours(tweets))):
        best = [nab.best(nab.curve(tweets, scores, profile))[1] for profile in nab.PROFILES]
        rows.append([name, *(f"{one:.1f}" for one in best)])
        other = []
        for profile in nab.PROFILES:
            threshold, _ = nab.best(nab.curve(tweets[::2], scores[::2], profile))
            other.append(nab.at(nab.curve(tweets[1::2], scores[1::2], profile), threshold))
        words = f"{name}: other half at the tuned half's threshold"
        rows.append([words, *(f"{one:.1f}" for one in other)])
    yield table(["NAB realTweets, ten series", *nab.PROFILES], rows)


def _petshop(folder: Path) -> Iterator[str]:
    found = petshop.places(folder / "petshop" / "dataset" / "low_traffic")
    rows = [
        ["all", petshop.shares(found)],
        ["tuned half", petshop.shares(found[::2])],
        ["other half", petshop.shares(found[1::2])],
    ]
    yield table([f"PetShop low traffic, {len(found)} issues", "first / among three"], rows)


def _graphs(runs: int) -> Iterator[str]:
    rows = []
    for hit, background, missing, wrong in (
        (0.8, 0.01, 0.0, 0.0),
        (0.8, 0.01, 0.1, 0.05),
        (0.5, 0.02, 0.2, 0.1),
        (0.5, 0.02, 0.2, 0.2),
        (0.3, 0.02, 0.2, 0.1),
    ):
        line = [f"{hit:.0%} show, {background:.0%} background, {missing:.0%} / {wrong:.0%}"]
        for causes in (1, 3):
            condition = Condition(
                hit=hit, background=background, missing=missing, wrong=wrong, causes=causes
            )
            score = graphs.score(condition, runs, seed=100 + causes)
            line.append(f"{score.top1:.1%}")
            line.append(f"{score.precision:.2f} / {score.recall:.2f}")
        rows.append(line)
    head = [
        f"3,500 services, 262 causes, {runs} runs; map lacks / invents edges",
        "one cause: first",
        "precision / recall",
        "three: first is one of them",
        "precision / recall",
    ]
    yield table(head, rows)


def _no_fault(runs: int) -> Iterator[str]:
    rows = []
    for background in (0.005, 0.02, 0.05):
        condition = Condition(hit=0, background=background, missing=0.2, wrong=0.1, causes=0)
        score = graphs.score(condition, runs, seed=7)
        rows.append([f"{background:.1%}", f"{round(score.answered * runs)} of {runs}"])
    yield table(
        ["nothing shared has failed; background", "runs in which blame named a cause"], rows
    )


def _sections(folder: Path, runs: int, quiet_runs: int) -> Iterator[str]:
    parts: tuple[tuple[str, Callable[[Path], Iterator[str]]], ...] = (
        ("downdetector/aws_2018_2020.csv", _downdetector),
        ("nab/combined_windows.json", _nab),
        ("petshop/dataset/low_traffic/graph.csv", _petshop),
    )
    for needed, part in parts:
        if (folder / needed).exists():
            yield from part(folder)
        else:
            yield f"`{needed}` is not in the folder: left out."
    yield from _graphs(runs)
    yield from _no_fault(quiet_runs)


def main() -> None:
    """Print the tables; with `--into` put them between the marks of a page."""
    parser = argparse.ArgumentParser(prog="evaluate", description=__doc__)
    parser.add_argument("folder", type=Path, help="holds downdetector/, nab/ and petshop/")
    parser.add_argument("--runs", type=int, default=400, help="per synthetic condition")
    parser.add_argument("--quiet-runs", type=int, default=1_000, help="with no fault")
    parser.add_argument("--into", type=Path, help="a page with the marks of the evaluation")
    options = parser.parse_args()
    sections = []
    for section in _sections(options.folder, options.runs, options.quiet_runs):
        print(section, end="\n\n", flush=True)
        sections.append(section)
    if options.into is None:
        return
    page = options.into.read_text()
    before, _, rest = page.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    if not rest:
        sys.exit(f"{options.into} has no {MARKS[0].strip()}\n  -> put both marks where they belong")
    body = "\n" + "\n\n".join(sections) + "\n\n"
    options.into.write_text(before + MARKS[0] + body + MARKS[1] + after)


if __name__ == "__main__":
    main()
