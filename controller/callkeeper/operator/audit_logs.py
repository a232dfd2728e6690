"""Where audit rows go: a log of the collector per Recorder, or nowhere where that was asked for by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext, create_default_context

from callkeeper.audit.collector_client import CollectorClient
from callkeeper.audit.errors import CollectorRefused
from callkeeper.audit.event import AuditEvent
from callkeeper.operator.errors import CannotStart


class NoLog:
    """Takes rows and keeps none: `--without-audit`."""

    async def append(self, events: Iterable[AuditEvent]) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """How the collector is reached.

    Attributes:
        url: base URL.
        token_file: holds the bearer token; read again whenever one is needed.
        ca_file: PEM certificates to trust, or None for the system's.
    """

    url: str
    token_file: Path
    ca_file: Path | None = None

    def token(self) -> str:
        """The token as it is now.

        Raises:
            CollectorRefused: the file cannot be read.
        """
        try:
            return self.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise CollectorRefused(
                f"the collector's token in {self.token_file} cannot be read: {error.strerror}"
            ) from error

    def tls(self) -> SSLContext | None:
        """Whom to trust; None for the system's authorities.

        Raises:
            CannotStart: the file cannot be read, or is no PEM.
        """
        if self.ca_file is None:
            return None
        try:
            return create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise CannotStart(
                f"the certificates in {self.ca_file} cannot be used: {error.strerror or error}"
            ) from error


class CollectorLogs:
    """One client a log, made when it is first asked for."""

    def __init__(self, collector: Collector) -> None:
        """Prepare.

        Raises:
            CannotStart: the certificates to trust cannot be used.
        """
        self._collector = collector
        self._tls = collector.tls()
        self._logs: dict[str, CollectorClient] = {}

    def log(self, namespace: str, recorder: str) -> CollectorClient:
        """The log of a Recorder; the same client for the same one."""
        name = f"{namespace}/{recorder}"
        if name not in self._logs:
            self._logs[name] = CollectorClient(self._collector.url, self._collector.token, name, ssl=self._tls)
        return self._logs[name]

    async def close(self) -> None:
        """Close every connection."""
        for one in self._logs.values():
            await one.close()
        self._logs.clear()
