"""Wanted: what is made of a run, and whether it can be written: that is asked before the run, not after."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from outlast.model.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is made of a run.

    Attributes:
        html: a file; its folder must be there.
        parquet, figures: folders; they are made.
    """

    as_json: bool
    html: Path | None
    parquet: Path | None
    figures: Path | None
    helped: bool

    def check(self) -> None:
        """Try whether all of it can be written.

        Raises:
            ConfigError: some of it cannot.
        """
        for option, folder in (("--parquet", self.parquet), ("--figures", self.figures)):
            if folder is not None:
                _try(option, folder, folder)
        if self.html is not None:
            _try("--html", self.html, self.html.parent)


def _try(option: str, path: Path, folder: Path) -> None:
    try:
        if path == folder:
            folder.mkdir(parents=True, exist_ok=True)
        elif path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(0, "it may not be changed")
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}",
            remedy=f"name another place with {option}",
        ) from error
