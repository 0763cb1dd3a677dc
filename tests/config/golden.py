"""Golden cases: one small change of `base.yaml` each, and the exact faults that it makes.

A case in `faults.txt` is a title, the change as a diff (`-` lines stand in the base, in one piece; `+`
lines take their place, or are added at the end; `@@` between two changes), and what is said of it, with
the value of each fault.
`python -m tests.config.golden --rewrite` writes the faults anew: commit the difference only if you
understand it.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from outlast.config import Fault, TopologyErrors, parse

HERE = Path(__file__).parent
GOLDEN = HERE / "faults.txt"
NAME = "topology.yaml"
TITLE, RULER, HUNK = "=== ", "--- says", "@@"


@dataclass(frozen=True, slots=True)
class Case:
    """A title, a change, and the expected faults."""

    title: str
    change: tuple[str, ...]
    expected: str


def read_cases() -> list[Case]:
    """Read all cases."""
    cases = []
    for block in GOLDEN.read_text(encoding="utf-8").split("\n" + TITLE)[1:]:
        title, _, rest = block.partition("\n")
        change, _, expected = rest.partition(RULER + "\n")
        cases.append(Case(title, tuple(change.splitlines()), expected.strip("\n")))
    return cases


def changed(base: str, change: tuple[str, ...]) -> str:
    """Apply a change to the base; lines `@@` part what stands in different places of it."""
    if HUNK in change:
        at = change.index(HUNK)
        return changed(changed(base, change[:at]), change[at + 1 :])
    old = "".join(line[1:] + "\n" for line in change if line.startswith("-"))
    new = "".join(line[1:] + "\n" for line in change if line.startswith("+"))
    if not old:
        return base + new
    if ("\n" + base).count("\n" + old) != 1:
        raise ValueError(f"stands {base.count(old)} times in the base:\n{old}")
    return ("\n" + base).replace("\n" + old, "\n" + new)[1:]


def base() -> str:
    """Return the clean topology that all cases change."""
    return (HERE / "base.yaml").read_text(encoding="utf-8")


def faults_of(text: str) -> tuple[Fault, ...]:
    """Return all faults of a text, errors and warnings."""
    try:
        return parse(text, NAME).warnings
    except TopologyErrors as errors:
        return errors.faults


def outcome(case: Case) -> str:
    """Return what is said of a case."""
    faults = faults_of(changed(base(), case.change))
    return "\n".join(f"{one}\n  value: {one.value}" if one.value else str(one) for one in faults)


def main() -> int:
    """Print the cases that differ; with `--rewrite`, write them."""
    cases = read_cases()
    head = GOLDEN.read_text(encoding="utf-8").partition("\n" + TITLE)[0]
    blocks = [
        f"{TITLE}{one.title}\n" + "\n".join(one.change) + f"\n{RULER}\n{outcome(one)}\n"
        for one in cases
    ]
    if "--rewrite" in sys.argv:
        GOLDEN.write_text(head + "\n" + "\n".join(blocks), encoding="utf-8")
        return 0
    differing = [one.title for one in cases if outcome(one) != one.expected]
    sys.stdout.write("\n".join([*differing, f"{len(differing)} of {len(cases)} differ"]) + "\n")
    return bool(differing)


if __name__ == "__main__":
    raise SystemExit(main())
