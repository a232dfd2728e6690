"""Where audit rows go: a log of the collector per Recorder, or nowhere where that was asked for by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import Protocol

from callkeeper.audit.errors import StoreUnavailable
from callkeeper.audit.event import AuditEvent
from callkeeper.kinds.finding import ObjectKey
from callkeeper.reconcile.reconciler import AuditPort


class AuditLogs(Protocol):
    """Gives the log of a Recorder."""

    def log(self, recorder: ObjectKey) -> AuditPort:
        """Where the rows about this Recorder go; the same object for the same one."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class NoAudit:
    """Takes rows and keeps none: `--without-audit`."""

    def log(self, recorder: ObjectKey) -> AuditPort:  # noqa: ARG002 - the port's signature
        """See `AuditLogs.log`."""
        return self

    async def append(self, events: Sequence[AuditEvent]) -> None:
        """Keep nothing."""

    async def close(self) -> None:
        """Nothing is open."""


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
            AuditError: the file cannot be read.
        """
        try:
            return self.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StoreUnavailable(
                f"the collector's token in {self.token_file} cannot be read: {error.strerror}"
            ) from error

    def tls(self) -> SSLContext | None:
        """Whom to trust; None for the system's authorities.

        Raises:
            OSError: the file cannot be read, or is no PEM.
        """
        return create_default_context(cafile=self.ca_file) if self.ca_file is not None else None


class ClosingLog(AuditPort, Protocol):
    """A log that holds connections."""

    async def close(self) -> None:
        """Close them."""
        ...


class CollectorLogs:
    """One client a Recorder."""

    def __init__(self, open_log: Callable[[str], ClosingLog]) -> None:
        """Prepare.

        Args:
            open_log: makes the client of a log named `namespace/recorder`.
        """
        self._open = open_log
        self._logs: dict[ObjectKey, ClosingLog] = {}

    def log(self, recorder: ObjectKey) -> AuditPort:
        """See `AuditLogs.log`."""
        if recorder not in self._logs:
            self._logs[recorder] = self._open(f"{recorder.namespace}/{recorder.name}")
        return self._logs[recorder]

    async def close(self) -> None:
        """See `AuditLogs.close`."""
        for one in self._logs.values():
            await one.close()
        self._logs.clear()
