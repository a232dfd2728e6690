"""Rows that the command line writes into a log itself, as its writer for a moment, when nobody else writes it.

What the store logs meanwhile goes to standard error, in words: standard output is for what was asked for, which may be
an export.
"""

from __future__ import annotations

import getpass
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping
    from pathlib import Path
    from typing import Any

    from callkeeper.audit.store import AuditStore

LOOPBACK = "127.0.0.1"
"""Where somebody is who works on the machine itself."""

_WORSE_THAN_INFO = frozenset({"warning", "error", "critical"})


@asynccontextmanager
async def open_for_a_moment(rows: Path, *, signing_key: Path | None = None) -> AsyncIterator[AuditStore]:
    """Be the writer of a log; what it logs is told when it was closed.

    Args:
        rows: the log's folder.
        signing_key: where its key lies, when not beside it.

    Raises:
        StoreBusy: somebody else writes it.
        StoreUnavailable: it cannot be opened.
    """
    from callkeeper.audit.store import AuditStore  # noqa: PLC0415 - loaded when run

    told = collect_what_is_logged()
    async with AuditStore.open(rows, signing_key=signing_key) as store:
        yield store
    for text in told:
        known = text == store.signing_failure
        click.echo(f"No checkpoint was signed: {text}" if known else f"The log says: {text}", err=True)


def collect_what_is_logged() -> list[str]:
    """Have warnings and errors of the log gathered here, and nothing of it written anywhere."""
    import structlog  # noqa: PLC0415 - loaded when run

    told: list[str] = []

    def gather(_logger: Any, method: str, event: MutableMapping[str, Any]) -> NoReturn:
        name = event.pop("event")
        if method in _WORSE_THAN_INFO:
            told.append(event["error"] if "error" in event else f"{name}: {dict(event)}")
        raise structlog.DropEvent

    structlog.configure(processors=[gather])
    return told


def who() -> str:
    """The user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return f"system:uid-{os.getuid()}"
