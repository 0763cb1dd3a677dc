"""What SQLite says when something is wrong, turned into errors for people."""

import sqlite3
from pathlib import Path

from outlast.model.errors import StoreCorrupt, StoreError, StoreReplaced

UNTOUCHED = "The DNS is untouched, and `outlast rescue` works without the store"

_REMEDIES = {
    sqlite3.SQLITE_FULL: (
        "the disk is full, or the store has reached its greatest size",
        "make room; it goes on by itself",
    ),
    sqlite3.SQLITE_READONLY: (
        "it may only be read",
        "let the user that runs outlast write the file and its directory",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened",
        "let the user that runs outlast read and write the file and its directory",
    ),
    sqlite3.SQLITE_PERM: ("access is refused", "let the user that runs outlast write the file"),
    sqlite3.SQLITE_BUSY: (
        "another process holds it",
        "find who does, with `fuser FILE`; it goes on by itself once they let go",
    ),
    sqlite3.SQLITE_LOCKED: ("another process holds it", "find who does, with `fuser FILE`"),
    sqlite3.SQLITE_IOERR: ("reading or writing the disk failed", "look at the disk and its mount"),
}


def store_error(path: Path, error: sqlite3.Error) -> StoreError:
    """Return the error for what SQLite raised."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return corrupt(path, str(error))
    reason, remedy = _REMEDIES.get(
        code & 0xFF, ("SQLite refuses to go on", "look at what SQLite says")
    )
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return StoreError(f"{path}: {reason} ({name}: {error})", remedy=f"{remedy}. {UNTOUCHED}")


def corrupt(path: Path, found: str) -> StoreCorrupt:
    """Return the error for a damaged file, with what was found."""
    return StoreCorrupt(
        f"{path}: the store is damaged: {found}",
        remedy=(
            f"move {path.name}, {path.name}-wal and {path.name}-shm away together and start outlast "
            f"again: it begins a new store and adopts what the DNS holds. {UNTOUCHED}"
        ),
    )


def os_error(path: Path, error: OSError) -> StoreError:
    """Return the error for what the operating system raised."""
    return StoreError(
        f"{path}: the store cannot be used: {error.strerror or error}",
        remedy=f"let the user that runs outlast write there, and make room. {UNTOUCHED}",
    )


def replaced(path: Path, what: str) -> StoreReplaced:
    """Return the error for a file that was taken away while the store was open."""
    return StoreReplaced(
        f"{path}: {what} while outlast was running; nothing more is written to it",
        remedy=f"restart outlast: it opens what is there now, or begins a new store. {UNTOUCHED}",
    )
