"""Cases: for each rule a small change of `base.yaml` that makes it fire, and a near miss that does not.

`rules.txt` holds them: a title `CODE fires` or `CODE silent`, and the change as a diff, in the format of
`tests/config/golden.py`. Of a case that fires it says what is found; of a near miss only that the rule is
not among it. `python -m tests.audit.cases --rewrite` writes what is found anew: commit the difference only
if you understand it.
"""

import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tests.config.golden import changed

from outlast.audit.finding import Finding
from outlast.audit.run import Choice, audit, case_of
from outlast.config import parse

HERE = Path(__file__).parent
GOLDEN = HERE / "rules.txt"
TODAY = date(2026, 3, 31)
TITLE, RULER = "=== ", "--- says"


@dataclass(frozen=True, slots=True)
class Case:
    """A rule, whether it should fire, a change, and what is found."""

    code: str
    fires: bool
    change: tuple[str, ...]
    expected: str

    @property
    def title(self) -> str:
        """As in the file."""
        return f"{self.code} {'fires' if self.fires else 'silent'}"


def base() -> str:
    """Return the topology in which nothing is found."""
    return (HERE / "base.yaml").read_text(encoding="utf-8")


def read_cases() -> list[Case]:
    """Read all cases."""
    cases = []
    for block in GOLDEN.read_text(encoding="utf-8").split("\n" + TITLE)[1:]:
        title, _, rest = block.partition("\n")
        code, _, word = title.partition(" ")
        change, _, expected = rest.rstrip("\n").partition(RULER)
        cases.append(
            Case(
                code, word == "fires", tuple(change.strip("\n").splitlines()), expected.strip("\n")
            )
        )
    return cases


def found(case: Case) -> list[Finding]:
    """Return what the rule finds in the changed base."""
    topology = parse(changed(base(), case.change), "base.yaml").topology
    return audit(case_of(topology, TODAY), Choice(select=(case.code,)))


def said(case: Case) -> str:
    """Return what the rule says of a case."""
    lines = []
    for one in found(case):
        lines.append(f"{'.'.join(str(step) for step in one.hit.path)}: {one.hit.message}")
        lines += [f"  road: {road}" for road in one.hit.roads]
        if one.hit.change is not None:
            lines.append(f"  fix: {one.hit.change.value}")
    return "\n".join(lines)


def main() -> int:
    """Print the cases that differ; with `--rewrite`, write them."""
    head = GOLDEN.read_text(encoding="utf-8").partition("\n" + TITLE)[0]
    blocks = []
    for one in read_cases():
        block = f"{TITLE}{one.title}\n" + "\n".join(one.change) + "\n"
        blocks.append(block + (f"{RULER}\n{said(one)}\n" if one.fires else ""))
    if "--rewrite" in sys.argv:
        GOLDEN.write_text(head + "\n" + "\n".join(blocks), encoding="utf-8")
        return 0
    differing = [one.title for one in read_cases() if one.fires and said(one) != one.expected]
    sys.stdout.write("\n".join([*differing, f"{len(differing)} differ"]) + "\n")
    return bool(differing)


if __name__ == "__main__":
    raise SystemExit(main())
