"""Every command in a fenced `sh` block of the documents is run, in the order of the document.

Each document gets a running system of its own, whose topology is `world.yaml`, as the documents call it. What
is not run stands in `NOT_RUN`, with its reason.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.test_documents import DOCUMENTS, ROOT
from tests.support.system import EU, TOPOLOGY, US, System, system, until

from outlast.drivers.lastgood import merge_last_good
from outlast.model.names import ProviderName

BLOCK = re.compile(
    r"(?P<mark><!-- file: [^\n]*-->\n)?^```sh\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE
)

THREE_MACHINES = (
    "export OUTLAST_STORE=etcd://127.0.0.1:2379,127.0.0.1:22379,127.0.0.1:32379",
    *(
        f"outlast up world.yaml --state {name} --name {name}"
        " --role planner --role enactor --role prober"
        for name in "abc"
    ),
)
NOT_RUN = {
    "make up": "run below, with a topology of its own ports",
    "make demo": "tests/app/test_demo.py runs the demonstration",
    **dict.fromkeys(THREE_MACHINES, "tests/app/test_cluster.py runs the section as it is written"),
    "make test": "it runs this very test",
    "make check": "it runs this very test",
    "python3 -m venv /opt/outlast": "it changes the machine; make's environment is made the same way",
    "/opt/outlast/bin/pip install '.[fast]'": "the same",
}
OLD_SHOP = """\
  old-shop:
    names: [old.shop.test]
    targets:
      eu-1: {region: eu-west, ipv4: @EU@}
"""
UP = "outlast up world.yaml"


def commands(document: Path) -> list[str]:
    """The commands of a document, without comments, continued lines joined."""
    found: list[str] = []
    for block in BLOCK.finditer(document.read_text()):
        if block["mark"]:  # a file or script that tests/support/nameservers.py runs
            continue
        text = block["text"].replace("\\\n", " ")
        found += [re.sub(r"\s+#.*$", "", one).strip() for one in text.splitlines()]
    return [one for one in found if one and not one.startswith("#")]


def with_commands() -> list[Path]:
    """The documents that have commands to run."""
    return [one for one in DOCUMENTS if set(commands(one)) - NOT_RUN.keys()]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[System]:
    """A system with an orphan; its files are where the documents say."""
    with system(tmp_path, TOPOLOGY + OLD_SHOP) as made:
        (tmp_path / "backup").mkdir()
        yield made


def start(world: System) -> None:
    """Start everything, wait, and let `old-shop` leave the topology."""
    process = world.up_and_published()
    world.wait_for(EU, name="old.shop.test")
    text = world.file.read_text()
    world.file.write_text(text[: text.index("  old-shop:")])
    until(lambda: "digest" in process.said(), "the topology is read again")
    file = world.state_folder.root / "last-good" / "enactor-1.log"
    keys = {ProviderName("local"): world.state_folder.embedded_secret()}
    until(
        lambda: {"shop", "api"} <= merge_last_good([file], keys).entries.keys(),
        "one enactor's file alone has everything",
    )
    shutil.copy(file, world.folder / "backup")


def run(command: str, world: System) -> subprocess.CompletedProcess[str]:
    """Run one command of a document in the system's folder."""
    text = command.replace("-p 5300", f"-p {world.dns_port}").replace("FILE", "world.yaml")
    binaries = Path(sys.executable).parent
    return subprocess.run(
        ["sh", "-c", text],
        cwd=world.folder,
        env=os.environ | {"PATH": f"{binaries}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("document", with_commands(), ids=lambda one: str(one.relative_to(ROOT)))
def test_every_command_of_the_document_works(document: Path, world: System) -> None:
    told = [one for one in commands(document) if one not in NOT_RUN]
    if UP not in told:
        start(world)
    for command in told:
        if command == UP:
            start(world)
            continue
        done = run(command, world)
        # 1 says that something was found or refused, which a runbook's commands may well do.
        assert done.returncode in (0, 1), (command, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, (command, done.stderr)
        if not command.startswith("outlast"):
            assert done.returncode == 0, (command, done.stderr)


@pytest.mark.slow
def test_make_up_starts_a_world_and_prints_how_to_ask_it(tmp_path: Path) -> None:
    with system(tmp_path, served=False) as world:
        log = tmp_path / "make.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["make", "up", f"FILE={world.file}"],
                cwd=ROOT,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            until(lambda: len(world.answer()) == 3, f"the name answers\n{log.read_text()}")
            assert f"dig @127.0.0.1 -p {world.dns_port} www.shop.test" in log.read_text()
            asked = subprocess.run(
                [
                    *(sys.executable, "ops/ask.py"),
                    *(f"127.0.0.1:{world.dns_port}", "www.shop.test"),
                ],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            )
            assert world.places[US] in asked.stdout
        finally:
            os.killpg(process.pid, 2)
            process.wait(20)
        until(lambda: world.answer() == set(), "the end of it")


def test_what_is_not_run_stands_in_some_document() -> None:
    told = {one for path in DOCUMENTS for one in commands(path)}
    assert NOT_RUN.keys() <= told
