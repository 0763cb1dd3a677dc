"""Make the tables of docs/proof.md: `python -m bench.proofpage [PART...]`.

Each part stands between two markers, `<!-- made by: python -m bench.proofpage PART -->` and `<!-- end -->`;
what is between them is replaced, the rest of the page is left alone. Without arguments all parts are made.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from outlast.sim import tables
from outlast.sim.design import Spec
from outlast.sim.designs import catalogue
from outlast.sim.exhaust import explore
from outlast.sim.story import evidence, tell

PAGE = Path(__file__).parents[1] / "docs" / "proof.md"
MODELS = Path(__file__).parents[1] / "models"
LEFT_OUT = {
    "as it stands": ("-DW=2",),
    "as it stands, zone wiped too": ("-DW=2", "-DZ=1"),
    "without the epoch in the condition": ("-DNO_EPOCH",),
    "healing without moving the epoch": ("-DNO_SPEND",),
    "plan chosen before the fence is read": ("-DPLAN_FIRST",),
    "epochs without a nonce": ("-DOLD_NONCE", "-DW=0", "-DZ=1"),
}


def models() -> str:
    """Check `models/outlast.pml` with Spin, as it stands and with each part left out."""
    lines = ["| model | states | never backwards |", "|---|---:|---|"]
    for name, defines in LEFT_OUT.items():
        states, errors = spin(*defines)
        lines.append(f"| {name} | {states:,} | {'**broken**' if errors else 'holds'} |")
    states, errors = spin("-DLIVE", live=True)
    lines.append(
        f"| as it stands: the newest plan stands at last (weak fairness) | {states:,} "
        f"| {'**broken**' if errors else 'holds'} |"
    )
    return "\n".join(lines)


def spin(*defines: str, live: bool = False) -> tuple[int, int]:
    """Run Spin; return states and errors."""
    found, compiler = shutil.which("spin"), shutil.which("gcc")
    assert found, "install the package `spin`"
    assert compiler, "install gcc"
    with tempfile.TemporaryDirectory() as folder:
        model = str(MODELS / "outlast.pml")
        subprocess.run([found, "-a", *defines, model], cwd=folder, check=True, capture_output=True)
        flag = "-DNFAIR=6" if live else "-DSAFETY"
        command = [compiler, "-O2", "-w", "-DNOREDUCE", flag, "-o", "pan", "pan.c"]
        subprocess.run(command, cwd=folder, check=True)
        run = [f"{folder}/pan", "-m1000000", *(["-a", "-f"] if live else ["-E"])]
        text = subprocess.run(run, cwd=folder, check=False, capture_output=True, text=True).stdout
    states = re.search(r"(\d+) states, stored", text)
    errors = re.search(r"errors: (\d+)", text)
    assert states is not None
    assert errors is not None
    return int(states[1]), int(errors[1])


def story() -> str:
    """The October 2025 story as the explorer tells it."""
    entry = catalogue.entry_of("aws-2025")
    spec = Spec(design="aws-2025", size=entry.small)
    traces = explore(catalogue.build(spec)).traces
    others = tuple(sorted(set(traces) - {tables.EMPTY_AT}))
    alone = Spec(design="aws-2025", size=entry.small, tolerate=others)
    found = evidence(catalogue.build(alone), traces[tables.EMPTY_AT][1])
    return "```text\n" + "\n".join(tell(found)) + "\n```"


def mutants() -> str:
    """The tables of mutants and faults; survivors end the program."""
    table, survivors = tables.mutants()
    if survivors:
        sys.exit(f"survived: {', '.join(survivors)}")
    return table


PARTS: dict[str, Callable[[], str]] = {
    "story": story,
    "guardrails": tables.guardrails,
    "explored": tables.explored,
    "searched": tables.searched,
    "beyond": tables.beyond,
    "starving": tables.starving,
    "mutants": mutants,
    "models": models,
}


def main() -> None:
    """Make the parts that were asked for."""
    page = PAGE.read_text(encoding="utf-8")
    for part in sys.argv[1:] or list(PARTS):
        begin = f"<!-- made by: python -m bench.proofpage {part} -->\n"
        head, found, rest = page.partition(begin)
        if part not in PARTS or not found:
            sys.exit(f"no part {part!r}; these are: {', '.join(PARTS)}")
        tail = rest.partition("<!-- end -->")[2]
        page = f"{head}{begin}\n{PARTS[part]()}\n\n<!-- end -->{tail}"
        PAGE.write_text(page, encoding="utf-8")
        print(f"made {part}", flush=True)


if __name__ == "__main__":
    main()
