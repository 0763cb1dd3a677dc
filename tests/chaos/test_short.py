"""The short form of `make chaos`: a few dozen faults on real servers, and a checker that was seen red.

Each run has everything in processes of its own; see docs/chaos.md.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from chaos.broken import PROGRAMS
from chaos.catalogue import CATALOGUE
from chaos.checks import Verdict, judge
from chaos.director import Settings, direct
from chaos.history import History
from chaos.page import page
from chaos.report import summarize, text
from chaos.servers import DUAL
from chaos.world import SIDES

SILENT_SHARE_MAX = 0.5


def run(settings: Settings) -> tuple[History, Verdict]:
    history = asyncio.run(direct(settings, lambda _: None))
    return history, judge(history)


def broken(
    settings: Settings, enough: Callable[[set[tuple[str, str]]], bool]
) -> set[tuple[str, str]]:
    """Return rules and subjects that were violated; on a busy machine little is written in five seconds."""
    found: set[tuple[str, str]] = set()
    for seconds in (5, 20):
        _, verdict = run(replace(settings, seconds=seconds))
        found |= {(one.rule, one.subject) for one in verdict.violations}
        if enough(found):
            break
    return found


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "faults", "seed"),
    [("bind", 36, 5), ("knot", 8, 6), ("powerdns", 8, 7), ("embedded", 8, 8)],
)
def test_nothing_breaks_under_faults(server: str, faults: int, seed: int) -> None:
    """Not empty, not backwards, nothing lost; and all of it was really looked at."""
    alone = server == "bind"
    history, verdict = run(
        Settings(server=server, seed=seed, faults=faults, per_s=5, alone=alone, warm_up_s=0.5)
    )
    summary = summarize(history, verdict)
    assert verdict.passed, text(summary)
    assert summary.faults >= faults, text(summary)
    unproved = {one.rule for one in summary.rules if not one.judged}
    assert unproved <= ({"L2"} if alone else {"L2", "L3"}), text(summary)
    assert summary.unanswered < SILENT_SHARE_MAX * summary.samples, text(summary)
    assert page(history, verdict, summary).rstrip().endswith("</html>")


@pytest.mark.servers
@pytest.mark.slow
def test_nothing_breaks_while_etcd_does() -> None:
    """Its leader dies, members are cut off and stopped, it is full, an old snapshot comes back."""
    kinds = tuple(one for one in CATALOGUE if one.needs == "etcd" or one.name == "store-old")
    settings = Settings(
        server="bind", store="etcd", seed=2, faults=8, kinds=kinds, alone=False, warm_up_s=5
    )
    history, verdict = run(settings)
    summary = summarize(history, verdict)
    assert verdict.passed, text(summary)
    assert {one.kind for one in summary.kinds if one.done} == {one.name for one in kinds}


@pytest.mark.servers
@pytest.mark.slow
def test_nothing_breaks_at_two_providers_at_once() -> None:
    """One of them unreachable, slow, stopped or wiped; both hold every rule, and agree in the end."""
    settings = Settings(server=DUAL, seed=9, faults=24, per_s=4, warm_up_s=0.5)
    history, verdict = run(settings)
    summary = summarize(history, verdict)
    assert verdict.passed, text(summary)
    assert {one.rule for one in summary.rules if not one.judged} <= {"L2"}, text(summary)
    assert {"provider-unreachable", "provider-slow"} <= {
        one.kind for one in summary.kinds if one.done
    }
    seen = {run.subject for run in history.runs if not run.answer.fault}
    assert {f"{one}@{side}" for one in ("shop", "api", "books") for side in SIDES} <= seen
    assert all(one.endpoint in page(history, verdict, summary) for one in history.endpoints)


@pytest.mark.servers
@pytest.mark.slow
def test_a_second_write_without_its_fence_is_found_at_the_second_provider() -> None:
    """Unconditional writes, and a fence moved without data, at one of two: named, and the other not."""
    programs = ("--provider", "knot", "unfenced", "half")
    companion = (sys.executable, "-m", "chaos.broken", "--file", "{file}", "--state", "{state}")
    settings = Settings(
        server=DUAL, seed=3, faults=0, companion=(*companion, *programs), promises=False
    )
    wanted = {("S2", "shop@knot"), ("S3", "api@knot")}
    found = broken(settings, lambda found: wanted <= found)
    assert wanted <= found
    assert not {subject for _, subject in found if "bind" in subject}


@pytest.mark.servers
@pytest.mark.slow
def test_broken_programs_beside_the_system_are_found() -> None:
    """Each of the six breaks one rule of safety on a real server, and the checker says which."""
    companion = (sys.executable, "-m", "chaos.broken", "--file", "{file}", "--state", "{state}")
    settings = Settings(
        server="bind",
        seed=3,
        faults=0,
        companion=(*companion, *PROGRAMS),
        promises=False,
    )
    wanted = {"S1", "S2", "S3", "S4", "S5", "S6"}
    found = broken(settings, lambda found: wanted <= {rule for rule, _ in found})
    assert wanted <= {rule for rule, _ in found}, found
