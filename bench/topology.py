"""How long a big topology takes to load, and how much memory, as JSON and as YAML.

    python -m bench.topology            # 100,000 endpoints of two targets each
    python -m bench.topology --quick    # 5,000

Beside them stand the plain readers, which check nothing and know no lines: `json` of the standard library
and PyYAML's C loader. Memory is the peak of a fresh process that loads the file once (Linux).
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from bench.harness import Case, compare, machine, markdown, options

from outlast.config import load

# Not `ru_maxrss`: a child inherits the peak of the process that started it.
MEASURE = """
import sys
from outlast.config import load
def peak():
    with open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) / 1024
before = peak()
loaded = load(sys.argv[1])
print(peak(), peak() - before)
"""


def write_files(folder: Path, count: int) -> tuple[Path, Path]:
    """Write the same topology as JSON and as YAML."""
    endpoints = {
        f"e{number}": {
            "names": [f"e{number}.shop.test"],
            "provider": "local",
            "targets": {
                "eu-1": {"region": "eu-west", "ipv4": address(10, number), "weight": 2},
                "us-1": {"region": "us-east", "ipv4": address(11, number)},
            },
        }
        for number in range(count)
    }
    local = {"kind": "embedded", "server": "127.0.0.1:5300", "zones": ["shop.test"]}
    topology = {
        "outlast": 1,
        "regions": {"eu-west": {}, "us-east": {}},
        "providers": {"local": local},
        "vantages": {"one": {}, "two": {}},
        "endpoints": endpoints,
    }
    quick, plain = folder / "topology.json", folder / "topology.yaml"
    quick.write_text(json.dumps(topology), encoding="utf-8")
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    plain.write_text(yaml.dump(topology, Dumper=dumper, sort_keys=False), encoding="utf-8")
    return quick, plain


def address(first: int, number: int) -> str:
    """Return a distinct address for each number."""
    return f"{first}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def seconds(work: Callable[[], object]) -> Callable[[], float]:
    """Return what measures a piece of work in seconds."""

    def run() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return run


def memory(path: Path) -> str:
    """Return the peak of a fresh process, and what loading added to it."""
    found = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], check=True, capture_output=True, text=True
    )
    peak, added = (float(one) for one in found.stdout.split())
    return f"{path.suffix[1:]}: peak {peak:.0f} MiB, {added:.0f} MiB of it by loading"


def main() -> None:
    """Measure and print."""
    given = options("Load a big topology as JSON and as YAML.")
    count = 5_000 if given.quick else 100_000
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with tempfile.TemporaryDirectory() as folder:
        quick, plain = write_files(Path(folder), count)

        def read_yaml() -> object:
            with plain.open(encoding="utf-8") as file:
                return yaml.load(file, Loader=loader)

        pairs = [
            ("json.loads, checks nothing", lambda: json.loads(quick.read_bytes()), ""),
            ("outlast, JSON", lambda: load(quick), "json.loads, checks nothing"),
            ("PyYAML in C, checks nothing", read_yaml, ""),
            ("outlast, YAML", lambda: load(plain), "PyYAML in C, checks nothing"),
        ]
        cases = [
            Case(name, run=seconds(work), unit="s", beside=beside, more_is_better=False)
            for name, work, beside in pairs
        ]
        lines = [f"{count} endpoints of two targets; {machine()}", ""]
        lines += [markdown(compare(cases, given.rounds, warm_up=False)), ""]
        lines += [memory(quick), memory(plain)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
