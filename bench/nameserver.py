"""Answers per second of the embedded name server, beside BIND and beside one written with dnslib.

    python -m bench.nameserver [--quick] [--rounds N]

dnsperf asks for 1,000 names with two addresses each, over UDP on loopback, from 16 sockets with 200
questions outstanding. Client and server share the machine, so the rates are no promise for a network;
the ratios are taken round by round between servers that saw the same neighbours.

Goals: at least 10 times dnslib, at least half of BIND. With and without uvloop, which is optional.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import dns.exception
import dns.message
import dns.query
from bench.harness import Case, compare, figure, machine, markdown, options
from tests.support.nameservers import BIND, HOST, ZONE, endpoint_lines, free_port, running

NAMES = 1000
SOCKETS = 16
OUTSTANDING = 200
READY_S = 20.0


def main() -> None:
    """Run the comparison and print it."""
    given = options(__doc__ or "")
    seconds = 1 if given.quick else 3
    print(machine())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        questions = folder / "questions"
        questions.write_text("".join(f"ep{n}.{ZONE} A\n" for n in range(NAMES)))
        bind = stack.enter_context(running(BIND, lines=endpoint_lines(NAMES)))
        ports = {"BIND": bind.port}
        for kind in ("outlast", "outlast-uvloop", "dnslib", "dnslib-asyncio"):
            ports[kind] = _start(stack, kind)
        lost: dict[str, int] = {}

        def asker(name: str) -> Callable[[], float]:
            def ask() -> float:
                rate, missing = _dnsperf(ports[name], questions, seconds)
                lost[name] = lost.get(name, 0) + missing
                return rate

            return ask

        cases = [
            Case("BIND", run=asker("BIND"), unit="answers/s"),
            Case("dnslib, its server", run=asker("dnslib"), unit="answers/s"),
            Case("dnslib, asyncio", run=asker("dnslib-asyncio"), unit="answers/s"),
            Case("outlast", run=asker("outlast"), unit="answers/s", beside="BIND"),
            Case("outlast, uvloop", run=asker("outlast-uvloop"), unit="answers/s", beside="BIND"),
        ]
        rows = compare(cases, given.rounds)
        print(markdown(rows))
        medians = {row.name: row.median for row in rows}
        for name in ("outlast", "outlast, uvloop"):
            for peer in ("dnslib, its server", "dnslib, asyncio"):
                print(f"{name}: {figure(medians[name] / medians[peer])} x {peer} (of the medians)")
        print("questions lost: " + ", ".join(f"{name} {count}" for name, count in lost.items()))


def _start(stack: ExitStack, kind: str) -> int:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.nameserver_peers", kind, str(port), str(NAMES)]
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    question = dns.message.make_query(f"ep{NAMES - 1}.{ZONE}.", "A")
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if dns.query.udp(question, HOST, timeout=0.2, port=port).answer:
                return port
        except (OSError, dns.exception.DNSException):
            time.sleep(0.02)
    raise SystemExit(f"{kind} did not answer within {READY_S} s")


def _dnsperf(port: int, questions: Path, seconds: int) -> tuple[float, int]:
    """Return answers per second, and how many questions got none."""
    command = ["dnsperf", "-s", HOST, "-p", str(port), "-d", str(questions), "-l", str(seconds)]
    # A lost question is waited for at the end: five seconds by default, for nothing.
    command += ["-c", str(SOCKETS), "-q", str(OUTSTANDING), "-t", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rate = re.search(r"Queries per second:\s+([0-9.]+)", done.stdout)
    lost = re.search(r"Queries lost:\s+([0-9]+)", done.stdout)
    codes = re.search(r"Response codes:\s+NOERROR [0-9]+ \(100\.00%\)", done.stdout)
    if rate is None or lost is None or codes is None:
        raise SystemExit(f"dnsperf did not get proper answers:\n{done.stdout}{done.stderr}")
    return float(rate[1]), int(lost[1])


if __name__ == "__main__":
    main()
