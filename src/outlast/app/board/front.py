"""Front: where pages are served, with what TLS, and what must be true before they are.

On loopback a board needs nothing. At any other address passwords and tokens would cross a network, so it
takes TLS, and accounts, or nobody could ever look. Metrics and health alone may be served anywhere, with
`--no-board`.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

from outlast.app.board.access import Entrance, is_loopback
from outlast.drivers.accounts import AccountFile
from outlast.model.errors import ConfigError
from outlast.model.topology import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Where pages are served.

    Attributes:
        cert: the certificate chain, PEM; None: no TLS.
        key: its private key, PEM; None: in the same file.
        board: whether the board is served there, beside metrics and health.
    """

    address: Address
    cert: Path | None = None
    key: Path | None = None
    board: bool = True

    @property
    def entrance(self) -> Entrance:
        """How the board is reached there."""
        return Entrance(
            is_open=is_loopback(self.address.host),
            secure=self.cert is not None,
            port=self.address.port,
        )

    @property
    def url(self) -> str:
        """Where people find it."""
        return f"{'https' if self.cert is not None else 'http'}://{self.address}/"

    def check(self, accounts: AccountFile, file: Path) -> None:
        """Refuse what would let others in unseen, and what cannot work.

        Args:
            file: the topology, for what to do next.

        Raises:
            ConfigError: no board may be served there like that.
        """
        if self.cert is None and self.key is not None:
            raise ConfigError("--tls-key without --tls-cert", remedy="give both, PEM files")
        if self.cert is not None:
            self._check_tls(self.cert)
        if not self.board or is_loopback(self.address.host):
            return
        alone = "or serve metrics and health alone there: --no-board"
        if self.cert is None:
            raise ConfigError(
                f"the board is not served at {self.address} without TLS: passwords would cross a network",
                remedy=f"serve it on loopback, or give --tls-cert and --tls-key, {alone}",
            )
        if not accounts.read().accounts:
            raise ConfigError(
                f"the board is not served at {self.address} without accounts: nobody could log in",
                remedy=f"outlast account add {file} NAME --role operator, {alone}",
            )

    def _check_tls(self, cert: Path) -> None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"the certificate {cert} with the key {self.key or cert} cannot be used: {error}",
                remedy="give a chain and its unencrypted private key, PEM, readable for this user",
            ) from error
