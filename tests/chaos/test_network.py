"""Cables to namespaces: all of them or none, and again at once."""

import os
import subprocess

import pytest
from chaos.network import Cable, cables

NAMES = ("one", "two", "three")


def addresses() -> str:
    """Return what this machine has."""
    command = ["ip", "-brief", "address"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("error", [OSError(), subprocess.CalledProcessError(2, "ip")])
def test_one_that_cannot_be_laid_leaves_none(failing: int, error: Exception) -> None:
    """The last one too: a proxy that listens at its address would find no such address."""
    tried: list[Cable] = []

    def lay(cable: Cable) -> None:
        tried.append(cable)
        if len(tried) == failing:
            raise error

    with cables(NAMES, lay) as laid:
        assert laid == {}
    assert len(tried) == failing


@pytest.mark.slow
def test_cables_can_be_laid_again_at_once() -> None:
    """One run follows another in the same process; the kernel takes a namespace down in the background."""
    laid_each_time = []
    for _ in range(6):
        with cables(NAMES) as laid:
            here = addresses()
            assert all(one.host in here for one in laid.values())
            laid_each_time.append(len(laid))
        assert not any(one.device in addresses() for one in laid.values())
    assert len(set(laid_each_time)) == 1, "always, or (no root, no namespaces) never"
    assert os.geteuid() == 0 or laid_each_time[0] == 0
