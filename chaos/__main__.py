"""`python -m chaos`: one run, or one on each server; a report, and an exit code.

    python -m chaos --server bind --faults 500 --seed 7
    python -m chaos --server bind --store etcd --faults 100
    python -m chaos --server dual --faults 100
    python -m chaos --server all --faults 500 --out build/chaos

Exit codes: 0 nothing broken, 1 a rule broken, 2 wrong use or not startable here.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from tests.support.nameservers import ServerFault

from chaos import history as histories
from chaos.checks import judge
from chaos.director import PER_S, Settings, direct
from chaos.page import page
from chaos.report import Summary, summarize, text
from chaos.servers import DUAL, NAMES

SERVER_HELP = "one server; dual: the same names at BIND and Knot at once; all: each alone [bind]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as asked; without arguments, as the command line says."""
    asked = _arguments(arguments)
    names = NAMES if asked.server == "all" else (asked.server,)
    passed = True
    for name in names:
        try:
            summary = _run(asked, name)
        except (ServerFault, SystemError) as fault:
            print(f"chaos on {name} could not start: {fault}", file=sys.stderr)
            return 2
        passed &= summary.passed
    return 0 if passed else 1


def _run(asked: argparse.Namespace, name: str) -> Summary:
    settings = Settings(
        server=name, store=asked.store, seed=asked.seed, faults=asked.faults, per_s=asked.per_s
    )
    name = f"{name}-etcd" if asked.store == "etcd" else name
    start_s = time.monotonic()

    def progress(line: str) -> None:
        print(f"  {name} {time.monotonic() - start_s:5.0f} s  {line}", file=sys.stderr)

    history = asyncio.run(direct(settings, progress))
    verdict = judge(history)
    summary = summarize(history, verdict)
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / f"{name}.json").write_bytes(msgspec.json.encode(summary))
        (asked.out / f"{name}.html").write_text(page(history, verdict, summary))
        histories.save(history, asked.out / f"{name}.history.json")
    print(msgspec.json.encode(summary).decode() if asked.json else text(summary) + "\n")
    return summary


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m chaos", description="Real processes on a real name server, under faults."
    )
    parser.add_argument("--server", choices=(*NAMES, DUAL, "all"), default="bind", help=SERVER_HELP)
    parser.add_argument("--store", choices=("file", "etcd"), default="file", help="[file]")
    parser.add_argument("--faults", type=int, default=500, help="how many are done [500]")
    parser.add_argument("--seed", type=int, default=1, help="what the faults are drawn from [1]")
    parser.add_argument("--per-s", type=float, default=PER_S, help=f"begun a second [{PER_S}]")
    parser.add_argument("--out", type=Path, help="folder for the page, the numbers, the history")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
