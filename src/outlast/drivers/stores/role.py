"""One process a role: what a second `outlast up`, started by mistake, runs into.

Two planners or two enactors of one name do no harm to the DNS, whose fence knows neither; but they waste
each other's work and confuse whoever reads the logs. The lock is the kernel's, so it ends with its
process, however that dies; the number in the file is for people.
"""

import contextlib
import fcntl
import os
import re
from pathlib import Path

from outlast.model.errors import StoreError

_PID_BYTES_MAX = 20


class RoleLock:
    """Holds one role at one store, as long as it is open. Made by `take`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, store: Path, role: str) -> "RoleLock":
        """Take a role, such as `planner` or `enactor-1`, at the store with this path.

        Raises:
            StoreError: another process has it, named by its number; or the file cannot be made.
        """
        path = store.with_name(f"{store.name}.{re.sub('[^a-z0-9._-]', '_', role)}.lock")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{path}: the lock cannot be made: {error.strerror}",
                remedy="let the user that runs outlast write there",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, _PID_BYTES_MAX).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise StoreError(
                f"process {holder or 'unknown'} is the {role} of {store} already",
                remedy=f"look at it with `ps -p {holder}`; stop it first, or name another store"
                if holder
                else "stop it first, or name another store",
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        return cls(descriptor)

    def close(self) -> None:
        """Give the role back. The file stays: to delete it would let two hold two files of one name."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
        self._descriptor = -1
