"""Roles on several machines that share an etcd: each is a process with a state folder of its own."""

import asyncio
import base64
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.etcd import Cluster, running
from tests.support.system import AP, EU, US, Process, System, until

from outlast.app.options import open_world
from outlast.ports import Change

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.servers]


@pytest.fixture
def etcd() -> Iterator[Cluster]:
    """Three members."""
    with running(3) as cluster:
        yield cluster


@pytest.fixture
def machines(still: System, etcd: Cluster) -> System:
    """A topology for several machines: the store in etcd, the key of the DNS in a file."""
    (still.folder / "tsig.key").write_bytes(base64.b64encode(b"k" * 32))
    (still.folder / "tsig.key").chmod(0o600)
    still.edit(
        "negative_ttl_s: 1}",
        "negative_ttl_s: 1, key: {name: outlast, secret: 'file:tsig.key'}}\n"
        f"store: {{etcd: [{', '.join(str(one) for one in etcd.endpoints)}]}}",
    )
    still.up("--role", "nameserver", "--state", str(still.folder / "dns"), ready="started")
    return still


def machine(world: System, name: str, *roles: str) -> Process:
    """Start roles on a machine of their own."""
    asked = [part for role in roles for part in ("--role", role)]
    folder = str(world.folder / name)
    own = ("--name", name) if "prober" not in roles else ()
    return world.up(
        *asked, *own, "--state", folder, ready="started" if "enactor" in roles else "leads"
    )


def leading(world: System) -> str:
    """The planner that leads, as the status tells it."""
    roles = world.outlast("status", "--json").json()["roles"]
    names = [
        one["name"] for one in roles if one["kind"] == "planner" and "stands by" not in one["doing"]
    ]
    return names[0] if len(names) == 1 else ""


def test_planner_enactor_and_prober_of_each_machine_stand_in_for_each_other(
    machines: System,
) -> None:
    planners = {name: machine(machines, name, "planner") for name in ("p1", "p2")}
    enactors = [machine(machines, name, "enactor") for name in ("e1", "e2")]
    probers = [machine(machines, name, "prober") for name in ("q1", "q2")]
    machines.wait_for(EU, US, AP)
    until(lambda: leading(machines) in planners, "one planner leads")
    planners[leading(machines)].kill()
    enactors[0].kill()
    probers[0].kill()
    machines.regions.fail(US)
    machines.wait_for(EU, AP)
    before = machines.generation()
    machines.regions.recover(US)
    machines.wait_for(EU, US, AP)
    assert machines.generation() > before


def test_a_leader_that_stood_still_comes_back_as_one_who_stands_by(machines: System) -> None:
    planners = {name: machine(machines, name, "planner") for name in ("p1", "p2")}
    machine(machines, "e1", "enactor")
    machine(machines, "q1", "prober")
    machines.wait_for(EU, US, AP)
    until(lambda: leading(machines) in planners, "one planner leads")
    first = leading(machines)
    planners[first].signal(signal.SIGSTOP)
    until(lambda: leading(machines) not in ("", first), "the other one takes over")
    planners[first].signal(signal.SIGCONT)
    until(lambda: "stands by" in planners[first].said(), "the first one notices")
    machines.regions.fail(US)
    machines.wait_for(EU, AP)


def test_a_plan_is_not_taken_once_its_planner_s_term_is_over(machines: System) -> None:
    """It worked the plan out before it could notice; it asks for its seat again, and plans anew."""
    planner = machine(machines, "p1", "planner")
    machine(machines, "e1", "enactor")
    machine(machines, "q1", "prober")
    machines.wait_for(EU, US, AP)

    async def take_over() -> None:
        store = await open_world(machines.file, machines.folder / "elsewhere").store()
        try:
            assert await store.commit(Change(puts=(("term/planner", b"another"),)))
        finally:
            await store.close()

    asyncio.run(take_over())
    machines.regions.fail(US)
    machines.wait_for(EU, AP)
    assert "another planner leads" in planner.said()


def test_without_etcd_what_is_published_stays_and_the_status_says_so(
    machines: System, etcd: Cluster
) -> None:
    planner = machine(machines, "p1", "planner")
    machine(machines, "e1", "enactor")
    machine(machines, "q1", "prober")
    machines.wait_for(EU, US, AP)
    fence = machines.fence()
    for member in etcd.members:
        member.signal(signal.SIGSTOP)
    machines.regions.fail(US)
    until(lambda: "store-lost" in planner.said(), "the planner tells that the store is lost")
    done = machines.outlast("status", "--json")
    assert done.code == 3
    status = done.json()
    assert not status["store_reachable"]
    assert "nothing is removed" in status["meanwhile"]
    assert "what is published stays" in machines.outlast("status").out
    assert machines.answer() == {EU, US, AP}
    assert machines.fence() == fence
    for member in etcd.members:
        member.signal(signal.SIGCONT)
    # Members that stood still elect a leader anew, and clients come back to them one after the other.
    until(lambda: machines.answer() == {EU, AP}, "automation goes on", deadline_s=90)


def test_an_etcd_restored_from_an_old_snapshot_takes_the_dns_nowhere_back(
    machines: System, etcd: Cluster, tmp_path: Path
) -> None:
    for name, role in (("p1", "planner"), ("e1", "enactor"), ("e2", "enactor"), ("q1", "prober")):
        machine(machines, name, role)
    machines.wait_for(EU, US, AP)
    etcd.snapshot(tmp_path / "yesterday.db")
    machines.regions.fail(US)
    machines.wait_for(EU, AP)
    before = machines.generation()
    etcd.restore(tmp_path / "yesterday.db")
    assert machines.generation() >= before
    assert US not in machines.answer()
    machines.regions.recover(US)
    machines.wait_for(EU, US, AP)
    assert machines.generation() > before


def test_the_readme_s_three_machines_work_as_written_and_any_of_them_may_die(
    machines: System, etcd: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = (ROOT / "README.md").read_text().partition("## Three machines")[2]
    lines = re.findall(r"^(?:export|outlast) .*", section.partition("## Prove")[0], re.MULTILINE)
    export, *ups = [re.sub(r"\s+#.*$", "", one) for one in lines]
    for port, member in zip((2379, 22379, 32379), etcd.endpoints, strict=True):
        assert f"127.0.0.1:{port}" in export
        export = re.sub(rf"127\.0\.0\.1:{port}\b", str(member), export)
    name, value = export.removeprefix("export ").split("=")
    monkeypatch.setenv(name, value)
    machines.edit("store:", "vantages: {local: {}}\n#")  # the store is the one of the command
    assert len(ups) == 3
    started = []
    for one in ups:
        monkeypatch.chdir(machines.folder)
        arguments = one.removeprefix("outlast up world.yaml").split()
        started.append(machines.up(*arguments, ready="leads"))
    machines.wait_for(EU, US, AP)
    etcd.leader().kill()
    started[0].kill()
    machines.regions.fail(AP)
    machines.wait_for(EU, US)
    assert os.path.exists("b/last-good")  # noqa: PTH110 - relative, as the command says it
