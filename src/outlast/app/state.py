"""State: where Outlast keeps what it writes on this machine.

Each topology file has a folder of its own, so that two worlds never share a store by accident:
`.outlast/<name of the file>/` beside it, unless `--state` or OUTLAST_STATE names another. Nothing in it
is needed for safety. All of it may be deleted: the next start adopts what is live in the DNS.
"""

import base64
import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from outlast.model.errors import ConfigError
from outlast.model.names import EnactorName

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The folder of one topology."""

    root: Path

    @classmethod
    def of(cls, topology: Path, chosen: Path | None) -> "StateFolder":
        """Return the folder chosen, or else the one beside the topology file."""
        if chosen is not None:
            return cls(chosen)
        return cls(topology.resolve().parent / ".outlast" / topology.stem)

    @property
    def store(self) -> Path:
        """The embedded store."""
        return self.root / "store.db"

    def has_store(self) -> bool:
        """Whether a store, or a piece of one, is there."""
        log = self.store.with_name(f"{self.store.name}-wal")
        return self.store.exists() or log.exists()

    def keep_topology(self, file: Path) -> None:
        """Keep a copy of a topology that was valid, for the night on which the file is not.

        Raises:
            OSError: it cannot be read or written.
        """
        self.make()
        fresh = self.root / f"{file.name}.new"
        fresh.write_bytes(file.read_bytes())
        fresh.replace(self.root / file.name)

    def kept_topology(self, file: Path) -> Path:
        """Where the copy of the last valid topology lies, if there is one."""
        return self.root / file.name

    @property
    def zones(self) -> Path:
        """The embedded name server's zones."""
        return self.root / "zones"

    def last_good(self, enactor: EnactorName) -> Path:
        """One enactor's last-known-good file."""
        return self.root / "last-good" / f"{enactor}.log"

    def last_good_files(self) -> list[Path]:
        """Every enactor's last-known-good file that is there."""
        return sorted((self.root / "last-good").glob("*.log"))

    def make(self) -> None:
        """Make the folder, readable by its owner alone.

        Raises:
            ConfigError: it cannot be made.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"the state folder {self.root} cannot be made: {error.strerror}",
                remedy="choose another one with --state",
            ) from error

    @property
    def trail(self) -> Path:
        """The published audit trail."""
        return self.root / "trail"

    @property
    def accounts(self) -> Path:
        """Who may log in to the board."""
        return self.root / "accounts.json"

    def embedded_secret(self) -> bytes:
        """Return the secret of the embedded name server's own key; made at the first call.

        Raises:
            ConfigError: the file cannot be read or written.
        """
        return self._secret("embedded.key", "the embedded name server's key")

    def trail_secret(self) -> bytes:
        """Return the key that the audit trail's checkpoints are signed with; made at the first call.

        Raises:
            ConfigError: the file cannot be read or written.
        """
        return self._secret("trail.key", "the audit trail's key")

    def people_secret(self) -> bytes:
        """Return the key by which people have pseudonyms in the audit trail; made at the first call.

        Raises:
            ConfigError: the file cannot be read or written.
        """
        return self._secret("people.key", "the key of people's pseudonyms")

    def _secret(self, name: str, title: str) -> bytes:
        path = self.root / name
        try:
            self.make()
            with contextlib.suppress(FileExistsError):
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(base64.b64encode(secrets.token_bytes(SECRET_BYTES)) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
            found = base64.b64decode(path.read_bytes().strip(), validate=True)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{title} {path} cannot be used: {error}",
                remedy="delete the file, then start again: a new key is made",
            ) from error
        if len(found) != SECRET_BYTES:
            raise ConfigError(
                f"{title} {path} cannot be used: {len(found)} bytes, not {SECRET_BYTES}",
                remedy="delete the file, then start again: a new key is made",
            )
        return found
