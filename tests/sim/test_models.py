"""The written models: sound as they stand, broken by each thing left out."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

MODELS = Path(__file__).parents[2] / "models"


def check(folder: Path, *defines: str, live: bool = False) -> tuple[int, int]:
    """Run Spin on the model of the protocol; return states and errors."""
    spin, compiler = shutil.which("spin"), shutil.which("gcc")
    assert spin, "install the package `spin`"
    assert compiler, "install a C compiler"
    subprocess.run(
        [spin, "-a", *defines, MODELS / "outlast.pml"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    flags = ["-DNFAIR=6"] if live else ["-DSAFETY"]
    command = [compiler, "-O1", "-w", "-DNOREDUCE", *flags, "-o", "pan", "pan.c"]
    subprocess.run(command, cwd=folder, check=True)
    run = [str(folder / "pan"), "-m100000", *(["-a", "-f"] if live else ["-E"])]
    done = subprocess.run(run, cwd=folder, check=False, capture_output=True, text=True)
    states = re.search(r"(\d+) states, stored", done.stdout)
    errors = re.search(r"errors: (\d+)", done.stdout)
    assert states is not None
    assert errors is not None
    return int(states[1]), int(errors[1])


@pytest.mark.slow
def test_the_protocol_never_goes_back(tmp_path: Path) -> None:
    """Two enactors, two plans, two wipes and a late write: no interleaving publishes backwards."""
    assert check(tmp_path) == (50_767, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "defines",
    [("-DNO_EPOCH",), ("-DNO_SPEND",), ("-DPLAN_FIRST",), ("-DOLD_NONCE", "-DW=0", "-DZ=1")],
    ids=lambda defines: defines[0][2:].lower(),
)
def test_each_part_of_the_protocol_is_needed(tmp_path: Path, defines: tuple[str, ...]) -> None:
    """Without it the model publishes backwards."""
    assert check(tmp_path, *defines)[1] == 1


@pytest.mark.slow
def test_the_protocol_converges(tmp_path: Path) -> None:
    """Under weak fairness the newest plan stands for good once the foreign hand rests."""
    states, errors = check(tmp_path, "-DLIVE", live=True)
    assert errors == 0
    assert states > 50_000
