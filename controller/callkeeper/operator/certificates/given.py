"""`GivenFiles`: a certificate and key from files (cert-manager's, mounted), read again when they change."""

import asyncio
from pathlib import Path

import structlog

from callkeeper.operator.certificates.served import CertificateUnusable, ServedCertificate

LOOK_SECONDS = 5.0
"""Between looks at the files; the kubelet takes up to a minute to bring a changed Secret."""

_log = structlog.get_logger()


class GivenFiles:
    """Serves what stands in two files."""

    def __init__(self, served: ServedCertificate, certificate: Path, key: Path) -> None:
        self._served = served
        self._certificate = certificate
        self._key = key
        self._seen: tuple[bytes, bytes] | None = None
        self.failure: str | None = None

    def look(self) -> None:
        """Serve what stands there now.

        Raises:
            CertificateUnusable: it cannot be served; what was served before goes on.
        """
        try:
            found = self._certificate.read_bytes(), self._key.read_bytes()
        except OSError as error:
            raise CertificateUnusable(f"{error.filename} cannot be read: {error.strerror}") from error
        if found != self._seen:
            self._served.serve(*found)
            self._seen = found

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self.look()
                self.failure = None
            except CertificateUnusable as error:
                if self.failure is None:
                    _log.error("certificates.unusable", problem=str(error))
                self.failure = str(error)
