"""All benchmarks, one after the other, and the page of their tables: `python -m bench [--quick]`.

Each runs in a process of its own, so that none inherits another's memory, threads or event loop. What each
prints becomes its part of docs/benchmarks.md; a quick run prints to the terminal and leaves the page alone,
since its figures check the benchmark and not the code.
"""

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.harness import machine

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

BEGIN = "<!-- made by `python -m bench`; do not edit below -->"


@dataclass(frozen=True, slots=True)
class Bench:
    """One benchmark: its module below `bench`, and the question it answers."""

    module: str
    question: str


BENCHES = (
    Bench(
        "fence", "How many fenced writes a second, beside unfenced `nsupdate` on the same server?"
    ),
    Bench("plan", "How long does plan, compare and apply take, beside octoDNS on the same BIND?"),
    Bench("latency", "How soon after a target dies does the authoritative answer go without it?"),
    Bench("nameserver", "How many answers a second, beside BIND and servers built on dnslib?"),
    Bench("nameserver_memory", "What does a name cost the embedded name server?"),
    Bench("probes", "How many health checks a second, beside a bare protocol and HTTP clients?"),
    Bench("store", "How many compare-and-swaps a second, beside bare sqlite3?"),
    Bench("cluster", "What does a change cost on etcd as the number of endpoints grows?"),
    Bench("topology", "How long does it take to read a large topology file?"),
    Bench(
        "explore", "How many schedules and states a second, beside Hypothesis, detangle and Spin?"
    ),
    Bench("drill_events", "How many customers a second, beside SimPy?"),
    Bench("drill", "How long does a day of a large world take?"),
    Bench("trail", "How many entries a second does the audit trail take, beside bare hashing?"),
    Bench("board", "How soon is a page of the board seen, and what does it need over the wire?"),
    Bench("crowd", "How soon do a thousand open boards show a change?"),
    Bench("reports", "How many reports a second are taken in, and how fast is an event replayed?"),
    Bench("detect", "What does a minute of detection cost for 210,000 series, and blame?"),
    Bench("client", "What does a guarded call cost, beside other libraries for degradation?"),
)


def main() -> int:
    """Run what was asked for; return 0 if all of it ran."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="short runs; the page stays as it is")
    known = [one.module for one in BENCHES]
    parser.add_argument(
        "--rounds", type=int, default=0, help="rounds of each case, instead of its own"
    )
    parser.add_argument("only", nargs="*", metavar="BENCH", help=f"only these: {', '.join(known)}")
    given = parser.parse_args()
    if strangers := sorted({*given.only} - {*known}):
        parser.error(f"there is no benchmark {strangers[0]!r}; there are: {', '.join(known)}")
    chosen = [one for one in BENCHES if not given.only or one.module in given.only]
    flags = ["--quick"] if given.quick else []
    flags += ["--rounds", str(given.rounds)] if given.rounds else []
    failed = [one.module for one in chosen if not _run(one, flags)]
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return 1 if failed else 0


def _run(bench: Bench, flags: list[str]) -> bool:
    command = [sys.executable, "-m", f"bench.{bench.module}", *flags]
    print(f"\n== {' '.join(command[1:])}\n   {bench.question}", flush=True)
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    print(f"{done.stdout}\n   {time.monotonic() - began:.0f} s", flush=True)
    if done.returncode == 0 and "--quick" not in flags:
        _write(bench, done.stdout.strip())
    return done.returncode == 0


def _write(bench: Bench, printed: str) -> None:
    """Put one benchmark's part into the page, in the place of its older one."""
    page = PAGE.read_text() if PAGE.exists() else f"{BEGIN}\n"
    head, _, body = page.partition(BEGIN)
    parts = dict(_parts(body))
    date = datetime.now(tz=UTC).strftime("%Y-%m-%d")
    printed = re.sub(
        r"(?m)^([^|\n].*)\n\|", r"\1\n\n|", printed
    )  # a table begins after an empty line
    parts[bench.module] = (
        f"## {bench.question}\n\n`python -m bench {bench.module}`, {date}\n\n{printed}\n"
    )
    order = [one.module for one in BENCHES if one.module in parts]
    text = "\n".join(f"<!-- {name} -->\n{parts[name]}" for name in order)
    PAGE.write_text(f"{head}{BEGIN}\n\n{text}")


def _parts(body: str) -> list[tuple[str, str]]:
    """Split the made half of the page at its markers."""
    found: list[tuple[str, str]] = []
    for chunk in body.split("<!-- ")[1:]:
        name, _, text = chunk.partition(" -->\n")
        found.append((name, text.strip() + "\n"))
    return found


if __name__ == "__main__":
    print(machine())
    sys.exit(main())
