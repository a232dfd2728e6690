"""The server's TLS context, whose certificate is replaced while it serves: connections from then on get the new one."""

import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from callkeeper.operator.errors import OperatorError


class CertificateUnusable(OperatorError):  # noqa: N818 - says what is the matter
    """A certificate and key that no server can use; the message says why."""


class ServedCertificate:
    """A TLS context without a certificate at first."""

    def __init__(self, *, client_authority: Path | None = None) -> None:
        """Make the context.

        Args:
            client_authority: PEM certificates whose clients are told apart; a client without is served too.
        """
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        if client_authority is not None:
            self.context.load_verify_locations(client_authority)
            self.context.verify_mode = ssl.CERT_OPTIONAL
        self.ends: datetime | None = None
        self.changes = 0

    def serve(self, certificate: bytes, key: bytes) -> None:
        """Serve this certificate to whoever connects from now on.

        Raises:
            CertificateUnusable: the two are no certificate and key that belong together; the former one stays.
        """
        with tempfile.TemporaryDirectory() as folder:
            # Python's ssl reads certificates from files only.
            path = Path(folder) / "server.pem"
            path.touch(mode=0o600)
            path.write_bytes(certificate + b"\n" + key)
            try:
                # On a context of its own first: a failure halfway must not leave one half in the serving one.
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
                ends = x509.load_pem_x509_certificate(certificate).not_valid_after_utc
            except (ssl.SSLError, ValueError) as error:
                raise CertificateUnusable(f"certificate and key cannot be served: {error}") from error
            self.context.load_cert_chain(path)
        self.ends = ends.astimezone(UTC)
        self.changes += 1
