"""TLS with certificates from files that are renewed while the recorder runs.

Each new connection begins with what the files held when they were last good; one that is open goes on with what it
began with. Files that are wrong or half written keep the certificate in force: that is logged once and shown as a
metric until they are right.

Facts:
    - A context of the ssl module is never changed: certificate, key and client authorities are loaded into a new one,
      which takes the place of the old one whole. Loading a pair into a context in use could leave half of it.
    - Event loops ask a server's context for each connection by `wrap_bio`; the context they hold asks the current one.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509
from prometheus_client.core import GaugeMetricFamily, Metric

from callkeeper.local.exits import CannotRun

log = structlog.get_logger()

LOOK_SECONDS = 1.0
"""Between looks at the files: a renewed certificate has weeks until it is needed, a look costs three calls."""

MOST_FILE_BYTES = 1024 * 1024
"""Of a file of certificates: the authorities of a large organisation, and nothing that was named by mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where certificates are.

    Attributes:
        certificate: the server's, with the intermediate ones, in PEM.
        key: its private key, in PEM, without a password.
        client_authorities: certificates that a client's own has to be signed by; None: clients need none.
    """

    certificate: Path
    key: Path
    client_authorities: Path | None = None

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file."""
        return tuple(path for path in (self.certificate, self.key, self.client_authorities) if path is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What the files held.

    Attributes:
        context: made of them.
        expires: when the server's certificate does.
        serial: its serial number.
    """

    context: ssl.SSLContext
    expires: datetime
    serial: int


class _CurrentContext(ssl.SSLContext):
    """The context an event loop holds: it hands each new connection to the current one."""

    current: ssl.SSLContext

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """See `ssl.SSLContext.wrap_bio`."""
        return self.current.wrap_bio(*arguments, **named)


class ReloadedTls:
    """The certificates of one server, followed while it runs."""

    def __init__(self, files: TlsFiles, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Load the files.

        Raises:
            CannotRun: they cannot be used.
        """
        self._files = files
        self._now = now
        self._stamp = _stamp(files)
        try:
            self._loaded = _load(files)
        except _Unusable as unusable:
            raise CannotRun(str(unusable)) from unusable
        self._fault = ""
        self.context = _CurrentContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.current = self._loaded.context
        if self._loaded.expires <= now():
            log.warning("tls_certificate_expired", file=str(files.certificate), expired=str(self._loaded.expires))

    async def follow(self) -> None:
        """Take up what the files hold whenever they change."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Take up what the files hold if they changed."""
        stamp = await asyncio.to_thread(_stamp, self._files)
        if stamp == self._stamp:
            return
        # Before they are read: what is written meanwhile is seen by the next look.
        self._stamp = stamp
        try:
            loaded = await asyncio.to_thread(_load, self._files)
        except _Unusable as unusable:
            self._keep(str(unusable))
            return
        if loaded.expires <= self._now() < self._loaded.expires:
            self._keep(f"{self._files.certificate} has expired, and the one in force has not")
            return
        self._fault = ""
        self._loaded = loaded
        self.context.current = loaded.context
        log.info("tls_certificate_changed", serial=f"{loaded.serial:x}", expires=str(loaded.expires))

    def _keep(self, fault: str) -> None:
        if fault != self._fault:
            log.error("tls_certificate_kept", detail=fault, expires=str(self._loaded.expires))
        self._fault = fault

    def collect(self) -> Iterator[Metric]:
        """How it stands, as metrics."""
        yield GaugeMetricFamily(
            "callkeeper_tls_certificate_expires_seconds",
            "When the certificate in force expires, in seconds since 1970.",
            value=self._loaded.expires.timestamp(),
        )
        yield GaugeMetricFamily(
            "callkeeper_tls_certificate_kept",
            "1 while the files cannot be used and the certificate loaded before stays in force.",
            value=float(bool(self._fault)),
        )

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance: it is read when asked."""
        return iter(())


class _Unusable(Exception):  # noqa: N818 - a state of the files
    """The files cannot be used."""


def _stamp(files: TlsFiles) -> tuple[object, ...]:
    return tuple(_stamp_of(path) for path in files.all)


def _stamp_of(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _load(files: TlsFiles) -> _Loaded:
    """Make a context of the files.

    Raises:
        _Unusable: it cannot be made.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        with files.certificate.open("rb") as file:
            first = x509.load_pem_x509_certificates(file.read(MOST_FILE_BYTES))[0]
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
        if files.client_authorities is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cafile=files.client_authorities)
    except ssl.SSLError as error:
        # Only the name of the reason: what a library says of a key is not for a log.
        names = ", ".join(map(str, files.all))
        raise _Unusable(f"{names} do not make a certificate with its key: {error.reason or 'not PEM'}") from error
    except OSError as error:
        raise _Unusable(f"{error.filename or files.certificate} cannot be read: {error.strerror or error}") from error
    except _Locked as error:
        raise _Unusable(f"the key in {files.key} has a password; give one without") from error
    except ValueError as error:
        raise _Unusable(f"{files.certificate} holds no certificate in PEM, or half of one") from error
    return _Loaded(context=context, expires=first.not_valid_after_utc, serial=first.serial_number)


class _Locked(Exception):  # noqa: N818 - a state of the key
    """The key has a password."""


def _no_password() -> str:
    raise _Locked
