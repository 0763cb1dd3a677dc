"""What a name costs the embedded name server: memory, and the time of one update, by the zone's size.

    python -m bench.nameserver_memory [--quick] [--rounds N]

A name here is an endpoint: two addresses, and its fence beside it. Memory is what the process grows by
while the zone is filled (resident size, so the allocator's waste is in it). The update is the judging
and applying of one fenced swap in memory, without network and disk; it must not depend on the size.
"""

import gc
import statistics
import time
from pathlib import Path

import dns.update
from bench.harness import figure, machine, options
from bench.nameserver_peers import addresses_of, filled_zone
from tests.support.nameservers import HOST, ZONE, seed_fence

from outlast.drivers.nameserver.apex import apex_changes
from outlast.drivers.nameserver.settings import NameServerSettings
from outlast.drivers.nameserver.update import decode, evaluate
from outlast.drivers.nameserver.wire import name_from_text, parse
from outlast.drivers.nameserver.zone import Zone
from outlast.model.topology import Address

UPDATES = 300


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


def _swap(number: int, generation: int) -> bytes:
    update = dns.update.UpdateMessage(f"{ZONE}.")
    fence = seed_fence(number).replace("g=1 ", f"g={generation} ")
    update.present(f"_outlast.ep{number}", "TXT", f'"{fence}"')
    update.delete(f"ep{number}", "A")
    for address in addresses_of(number + generation):
        update.add(f"ep{number}", 60, "A", address)
    update.replace(f"_outlast.ep{number}", 0, "TXT", f'"{fence.replace("g=", "g=1")}"')
    return update.to_wire()


def _update_us(zone: Zone, names: int) -> float:
    taken: list[float] = []
    for turn in range(UPDATES):
        data = _swap(turn * 7919 % names, 1)
        began_ns = time.perf_counter_ns()
        changes = evaluate(decode(parse(data), data, zone.apex), zone)
        zone.apply(changes)
        taken.append((time.perf_counter_ns() - began_ns) / 1000)
        assert changes
    return statistics.median(taken)


def main() -> None:
    """Fill zones of growing size, and print a table."""
    given = options(__doc__ or "")
    print(machine())
    print("| names | records | memory, MiB | bytes a name | one fenced swap, us |")
    print("|---:|---:|---:|---:|---:|")
    apex = name_from_text(ZONE)
    base = apex_changes(ZONE, {}, (Address(host=HOST, port=53),), NameServerSettings(), now_s=1)
    for names in (1_000, 10_000) if given.quick else (1_000, 10_000, 100_000):
        gc.collect()
        before = _resident_bytes()
        zone = Zone(apex, base)
        zone.apply(filled_zone(names))
        gc.collect()
        grown = _resident_bytes() - before
        swap_us = _update_us(zone, names)
        mib = figure(grown / 2**20)
        print(f"| {names:,} | {3 * names:,} | {mib} | {grown / names:,.0f} | {figure(swap_us)} |")
        del zone


if __name__ == "__main__":
    main()
