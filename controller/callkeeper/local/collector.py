"""The audit collector elsewhere that a recorder delivers to: its address, the token, and the client for it."""

import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from callkeeper.audit.collector_client import CollectorClient
from callkeeper.audit.errors import AuditError
from callkeeper.local.audit_destination import AuditDestination, CollectorDestination, MakeDestination
from callkeeper.local.exits import CannotRun
from callkeeper.recorder.store.port import Store

MOST_TOKEN_BYTES = 8 * 1024
"""Read of a token file: twice the longest token of a Kubernetes service account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorAddress:
    """Where a collector is.

    Attributes:
        url: its address.
        log: the log's name, `<namespace>/<recorder>`.
        token_file: holds the bearer token; read anew for each request, so that it can be renewed.
        ca: certificates that its own has to be signed by; None for those of the system.
    """

    url: str
    log: str
    token_file: Path
    ca: Path | None = None


def collector_destination(address: CollectorAddress, stack: AsyncExitStack) -> MakeDestination:
    """What makes the destination; its client is closed with the stack.

    Raises:
        CannotRun: the token or the certificates cannot be read, or the log has no such name.
    """
    if read_token(address.token_file) is None:
        raise CannotRun(f"{address.token_file} holds no token for the collector; see that it is there and can be read")
    try:
        context = None if address.ca is None else ssl.create_default_context(cafile=address.ca)
    except (OSError, ssl.SSLError) as error:
        raise CannotRun(f"the collector's certificates in {address.ca} cannot be read: {error}") from error

    try:
        client = CollectorClient(address.url, lambda: read_token(address.token_file), address.log, ssl=context)
    except AuditError as error:
        raise CannotRun(f"--log {address.log}: {error}") from error
    stack.push_async_callback(client.close)

    def made(store: Store, sender: str) -> AuditDestination:
        return CollectorDestination(client, f"{address.url}, log {address.log}", store, sender)

    return made


def read_token(path: Path) -> str | None:
    """The token in a file; None where there is none."""
    try:
        with path.open(encoding="ascii") as file:
            return file.read(MOST_TOKEN_BYTES).strip() or None
    except (OSError, ValueError):
        return None
