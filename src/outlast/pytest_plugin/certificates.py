"""Certificates for rehearsals over TLS: a root for one test session, and leaves that are good or expired.

The root's file goes into the environment (`SSL_CERT_FILE` and its relatives) together with the public roots,
so that clients made afterwards trust it: then an expired leaf fails for being expired and for nothing else.
"""

import datetime as dt
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


class Authority:
    """A certificate authority of one session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Outlast rehearsal")])
        builder = self._builder("Outlast rehearsal", DAY).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self._root = builder.public_key(self._key.public_key()).sign(self._key, hashes.SHA256())
        self.file = folder / "root.pem"
        self.file.write_bytes(self._root.public_bytes(serialization.Encoding.PEM))

    def bundle(self) -> Path:
        """Write a file of the public roots and ours, and return it."""
        public = ssl.get_default_verify_paths().cafile
        text = Path(public).read_bytes() if public else b""
        bundle = self._folder / "bundle.pem"
        bundle.write_bytes(text + b"\n" + self.file.read_bytes())
        return bundle

    def context(self, name: str, *, expired: bool) -> ssl.SSLContext:
        """Return a server's context for a name."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (
            self._builder(name, -DAY if expired else DAY)
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        file = self._folder / f"{name}-{'expired' if expired else 'good'}.pem"
        file.write_bytes(
            leaf.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(self, name: str, lasts: dt.timedelta) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * DAY)
            .not_valid_after(now + lasts)
        )
