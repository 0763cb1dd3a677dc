"""An etcd that lets in only who shows a certificate and knows a password."""

import contextlib
import datetime as dt
import ipaddress
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.etcd import Cluster, Tls, running
from tests.support.nameservers import HOST

USER, PASSWORD = "outlast", "a secret of this test"
BY_CERTIFICATE = "by-certificate"
PREFIX = "mine/"
"""Below this prefix the user may read and write; elsewhere nothing."""

DAY = dt.timedelta(days=1)


class Authority:
    """A certificate authority of our own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        root = self._builder("test authority", self._key).add_extension(constraints, critical=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(_pem(root.sign(self._key, hashes.SHA256())))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return the files of a new certificate, for a name and for loopback, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
        builder = self._builder(name, key).add_extension(names, critical=False)
        certificate = self._folder / f"{name}.pem"
        certificate.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        private = self._folder / f"{name}-key.pem"
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        private.chmod(0o600)
        return certificate, private

    def _builder(self, name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@contextlib.contextmanager
def running_secured() -> Iterator[Cluster]:
    """Run one member with TLS, client certificates and authentication."""
    folder = Path(tempfile.mkdtemp(prefix="outlast-pki-"))
    try:
        authority = Authority(folder)
        certificate, key = authority.issue("server")
        client, client_key = authority.issue(BY_CERTIFICATE)
        tls = Tls(
            ca=authority.file,
            certificate=certificate,
            key=key,
            client_certificate=client,
            client_key=client_key,
        )
        with running(1, tls=tls) as cluster:
            _enable_authentication(cluster)
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _enable_authentication(cluster: Cluster) -> None:
    cluster.ctl("user", "add", "root:of this test")
    cluster.ctl("user", "grant-role", "root", "root")
    cluster.ctl("role", "add", "store")
    cluster.ctl("role", "grant-permission", "store", "readwrite", "--prefix=true", PREFIX)
    for name in (f"{USER}:{PASSWORD}", f"{BY_CERTIFICATE}:never used"):
        cluster.ctl("user", "add", name)
        cluster.ctl("user", "grant-role", name.partition(":")[0], "store")
    cluster.ctl("auth", "enable")
    cluster.user = "root:of this test"
