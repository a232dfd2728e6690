"""Whom a subcommand of `callkeeper audit` asks over HTTP, instead of reading files: its options, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from callkeeper.cli.main import CouldNotRun

if TYPE_CHECKING:
    from callkeeper.audit.remote import Source

_FILE = click.Path(path_type=Path, dir_okay=False)
C = TypeVar("C", bound=Callable[..., Any])


def source_options(command: C) -> C:
    """--url, --log, --token-file and --ca, which `find_source` reads."""
    for option in (
        click.option("--ca", type=_FILE, metavar="FILE", help="With --url: certificates its own is signed by."),
        click.option("--token-file", type=_FILE, metavar="FILE", help="With --url: holds the token alone."),
        click.option("--log", "log_name", metavar="NAMESPACE/RECORDER", help="With --url: which log of a collector."),
        click.option("--url", metavar="URL", help="Ask the recorder or collector there, instead of reading files."),
    ):
        command = option(command)
    return command


def find_source(url: str | None, log_name: str | None, token_file: Path | None, ca: Path | None) -> Source | None:
    """Whom to ask; None to read files.

    Raises:
        CouldNotRun: the token or the certificates cannot be read.
        UsageError: what goes with --url is given without it.
    """
    if url is None:
        if log_name is not None or token_file is not None or ca is not None:
            raise click.UsageError("--log, --token-file and --ca go with --url")
        return None
    import ssl  # noqa: PLC0415 - imported where a URL is asked

    from callkeeper.audit.remote import Source  # noqa: PLC0415 - likewise
    from callkeeper.local.exits import CannotRun  # noqa: PLC0415 - likewise
    from callkeeper.local.tokens import given_token  # noqa: PLC0415 - likewise

    try:
        headers = {} if token_file is None else {"Authorization": f"Bearer {given_token(token_file)}"}
        context = None if ca is None else ssl.create_default_context(cafile=ca)
    except CannotRun as error:
        raise CouldNotRun(error.message) from error
    except (OSError, ssl.SSLError) as error:
        raise CouldNotRun(f"{ca}: the certificates cannot be read: {error}") from error
    return Source(url=url, headers=headers, context=context)
