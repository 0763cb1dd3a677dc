"""Following: files that people change while a process runs."""

from pathlib import Path


class Followed:
    """A file, as it was at the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = _stamp(path)

    def changed(self) -> bool:
        """Whether it changed since the last question."""
        before, self._stamp = self._stamp, _stamp(self.path)
        return before != self._stamp


def _stamp(file: Path) -> tuple[int, int]:
    """Return when it was written, and which file it is: editors put a new one in its place."""
    try:
        stat = file.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_ino
