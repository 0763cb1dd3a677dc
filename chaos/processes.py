"""The roles as processes of their own, started through the real command line, and ended by their number."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

END_S = 10.0
ROOT = Path(__file__).parents[1]


def outlast(*arguments: str) -> list[str]:
    """Return the command line of an `outlast` command in this environment."""
    return [sys.executable, "-m", "outlast", *arguments]


@dataclass(slots=True)
class Role:
    """One process that can be paused, killed and started again.

    Attributes:
        prefix: put before the command, for instance to run it in a network of its own.
    """

    name: str
    command: list[str]
    log: Path
    prefix: list[str] = field(default_factory=list)
    starts: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.prefix, *self.command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1

    @property
    def pid(self) -> int:
        """Its number while it runs."""
        assert self._process is not None, f"{self.name} does not run"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs, be it stopped or not."""
        return self._process is not None and self._process.poll() is None

    def pause(self) -> None:
        """Stop it where it stands (SIGSTOP)."""
        if self.running:
            os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        if self.running:
            os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it with SIGKILL, and reap it."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(timeout=END_S)
        self._process = None

    def ask_to_end(self) -> None:
        """Ask it to end in order."""
        if self.running:
            self.resume()
            os.kill(self.pid, signal.SIGTERM)

    def close(self) -> None:
        """End it in order, or else by force."""
        if self._process is None:
            return
        self.ask_to_end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=END_S / 2)
        self.kill()

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


@contextlib.contextmanager
def closing_all(roles: list[Role]) -> Iterator[None]:
    """End every role at the end, whatever happened."""
    try:
        yield
    finally:
        for role in roles:
            role.ask_to_end()
        for role in roles:
            role.close()
