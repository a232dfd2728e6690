"""The options for TLS, the same for every command that serves the recorder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from callkeeper.local.tls import TlsFiles

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def tls_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add them."""
    for option in (
        click.option(
            "--tls-client-ca", type=_FILE, metavar="FILE", help="Take only clients with a certificate signed by these."
        ),
        click.option("--tls-key", type=_FILE, metavar="FILE", help="Private key of the certificate, in PEM."),
        click.option(
            "--tls-cert",
            type=_FILE,
            metavar="FILE",
            help="Serve HTTPS with this certificate (PEM), followed as renewed.",
        ),
    ):
        command = option(command)
    return command


def tls_files(certificate: Path | None, key: Path | None, client_ca: Path | None) -> TlsFiles | None:
    """What they said; None for plain HTTP.

    Raises:
        UsageError: one is missing.
    """
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        raise click.UsageError("--tls-cert and --tls-key go together")
    from callkeeper.local.tls import TlsFiles  # noqa: PLC0415 - imported when it is run

    return TlsFiles(certificate=certificate, key=key, client_authorities=client_ca)
