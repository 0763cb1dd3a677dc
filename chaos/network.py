"""A network namespace for each enactor, where root may make one: partitions below TCP.

The proxy loses messages; here packets are lost, so that the kernel's own retransmission, time-outs and
half-open connections take part. A namespace has one cable to the host. The cable can be pulled, and
either direction alone can be led into a black hole. Where the kernel has `netem`, packets can be delayed
and lost as well; many containers' kernels do not have it, and then the proxy alone does that.
"""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COMMAND_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cable:
    """One enactor's namespace and cable.

    Attributes:
        host: the address of the host's end, where the proxy listens; inside: the enactor's.
    """

    space: str
    device: str
    inner: str
    host: str
    inside: str

    @property
    def prefix(self) -> list[str]:
        """What is put before a command so that it runs inside."""
        return ["ip", "netns", "exec", self.space]

    def lay(self) -> None:
        """Make namespace and cable.

        Raises:
            CalledProcessError: not here.
        """
        _run("ip", "netns", "add", self.space)
        _run(
            *("ip", "link", "add", self.device, "type", "veth"),
            *("peer", "name", self.inner, "netns", self.space),
        )
        _run("ip", "addr", "add", f"{self.host}/30", "dev", self.device)
        _run("ip", "link", "set", self.device, "up")
        _run("ip", "-n", self.space, "addr", "add", f"{self.inside}/30", "dev", self.inner)
        _run("ip", "-n", self.space, "link", "set", self.inner, "up")
        _run("ip", "-n", self.space, "link", "set", "lo", "up")

    def remove(self) -> None:
        """Take everything away: the cable first.

        It would go with the namespace, but a moment later: the kernel takes a namespace down in the
        background, and whoever lays the same cable anew meanwhile is told that it exists.
        """
        self.mend()
        for command in (["ip", "link", "del", self.device], ["ip", "netns", "del", self.space]):
            subprocess.run(command, check=False, capture_output=True, timeout=COMMAND_S)

    def pull(self) -> None:
        """Pull the cable."""
        _run("ip", "link", "set", self.device, "down")

    def swallow_up(self) -> None:
        """Lose every packet from the enactor."""
        _run("ip", "-n", self.space, "route", "add", "blackhole", f"{self.host}/32")

    def swallow_down(self) -> None:
        """Lose every packet to the enactor."""
        _run("ip", "route", "add", "blackhole", f"{self.inside}/32")

    def netem(self, *words: str) -> None:
        """Delay or lose packets, both ways.

        Raises:
            CalledProcessError: this kernel has no netem.
        """
        _run("tc", "qdisc", "replace", "dev", self.device, "root", "netem", *words)
        _run(
            *("tc", "-n", self.space, "qdisc", "replace", "dev", self.inner),
            *("root", "netem", *words),
        )

    def mend(self) -> None:
        """Undo all of it."""
        for command in (
            ["ip", "link", "set", self.device, "up"],
            ["ip", "-n", self.space, "route", "del", "blackhole", f"{self.host}/32"],
            ["ip", "route", "del", "blackhole", f"{self.inside}/32"],
            ["tc", "qdisc", "del", "dev", self.device, "root"],
            ["tc", "-n", self.space, "qdisc", "del", "dev", self.inner, "root"],
        ):
            subprocess.run(command, check=False, capture_output=True, timeout=COMMAND_S)

    def has_netem(self) -> bool:
        """Whether this kernel can delay and lose packets."""
        try:
            self.netem("delay", "1ms")
        except subprocess.CalledProcessError:
            return False
        self.mend()
        return True


@contextlib.contextmanager
def cables(
    names: tuple[str, ...], lay: Callable[[Cable], None] = Cable.lay
) -> Iterator[dict[str, Cable]]:
    """Lay a cable for each name, where that can be done; else none for anybody."""
    with contextlib.ExitStack() as stack:
        laid: dict[str, Cable] = {}
        try:
            for index, name in enumerate(names):
                cable = _cable(index)
                stack.callback(cable.remove)
                lay(cable)
                laid[name] = cable
        except (OSError, subprocess.SubprocessError):
            laid.clear()
        yield laid


def _cable(index: int) -> Cable:
    """Names and addresses of our own: 198.18.0.0/15 is set aside for tests (RFC 2544)."""
    mark = os.getpid() % 0xFFFF
    high, low = 1 + (mark >> 8) % 254, mark & 0xFF
    base = 4 * index
    return Cable(
        space=f"chaos-{mark:x}-{index}",
        device=f"oc{mark:x}h{index}",
        inner=f"oc{mark:x}n{index}",
        host=f"198.{18 + high % 2}.{low}.{base + 1}",
        inside=f"198.{18 + high % 2}.{low}.{base + 2}",
    )


def _run(*command: str) -> None:
    subprocess.run(list(command), check=True, capture_output=True, timeout=COMMAND_S)
