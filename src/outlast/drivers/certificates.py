"""Certificates on disk: the last one of each provider, in the state folder.

A file, not the store: an enactor reads it before it writes, and must not need the store for that. It is no
secret and no proof to others; it may be deleted, and is made again by the next run.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from outlast.model.certificate import Certificate
from outlast.model.errors import ConfigError
from outlast.model.names import ProviderName


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """The certificates of one state folder."""

    path: Path

    def read(self) -> dict[ProviderName, Certificate]:
        """Return the last certificate of each provider.

        Raises:
            ConfigError: the file is damaged.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error}") from None
        try:
            found = msgspec.json.decode(text, type=list[Certificate])
        except msgspec.MsgspecError as error:
            raise ConfigError(
                f"{self.path} is no file of certificates: {error}",
                remedy="delete it and run `outlast certify` again",
            ) from None
        return {one.provider: one for one in found}

    def keep(self, certificate: Certificate) -> None:
        """Put a certificate in the place of the provider's last one.

        Raises:
            ConfigError: the file is damaged, or cannot be written.
        """
        known = {**self.read(), certificate.provider: certificate}
        fresh = self.path.with_name(f"{self.path.name}.new")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.format(msgspec.json.encode(list(known.values()))))
            fresh.replace(self.path)
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error}") from None
