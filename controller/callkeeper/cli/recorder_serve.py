"""`callkeeper recorder serve`: the recorder alone, programmed over HTTP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from callkeeper.cli.proxy_option import networks, trusted_proxy_option
from callkeeper.cli.tls_options import tls_files, tls_options

if TYPE_CHECKING:
    from callkeeper.local.collector import CollectorAddress

_PATH = click.Path(path_type=Path)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(short_help="Run a recorder alone, programmed over HTTP.")
@click.option("--state", type=_PATH, required=True, metavar="DIR", help="What is kept: recordings, settings, users.")
@click.option("--listen", default="127.0.0.1:8470", show_default=True, metavar="HOST:PORT", help="Port 0: a free one.")
@click.option("--tokens", type=_FILE, required=True, metavar="FILE", help="Principals with the hashes of their tokens.")
@click.option("--users", type=_FILE, metavar="FILE", help="A CSV that gives the users, followed; else PUT /v1/users.")
@tls_options
@click.option("--collector", metavar="URL", help="Deliver audit rows to this collector instead of into DIR/audit.")
@click.option("--collector-token-file", type=_PATH, metavar="FILE", help="Holds the collector's bearer token.")
@click.option("--collector-ca", type=_FILE, metavar="FILE", help="Certificates the collector's own is signed by.")
@click.option("--log", "log_name", metavar="NAMESPACE/RECORDER", help="The collector's log of this recorder.")
@trusted_proxy_option
@click.option(
    "--log-format", type=click.Choice(["auto", "text", "json"]), default="auto", show_default=True,
    help="Lines for people or JSON; auto: JSON when standard error is no terminal.",
)  # fmt: skip
def serve(
    *,
    state: Path,
    listen: str,
    tokens: Path,
    users: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    collector: str | None,
    collector_token_file: Path | None,
    collector_ca: Path | None,
    log_name: str | None,
    trusted_proxy: tuple[str, ...],
    log_format: str,
) -> None:
    """Run a recorder alone: its settings arrive over HTTP from whoever programs it, such as the operator.

    It starts without settings, and then records nothing. What it was programmed with is kept in DIR and in force again
    after a restart. SIGTERM ends it: what is under way is kept, uploads go on by offset.

    \b
    Examples:
      callkeeper recorder serve --state /var/lib/callkeeper --tokens tokens.json
      callkeeper recorder serve --state /data --listen 0.0.0.0:8470 --tokens /etc/callkeeper/tokens.json \\
        --collector https://audit.voice.svc --collector-token-file /run/token --log voice/teams

    \b
    Exit codes:
      0  ended by Ctrl-C or SIGTERM
      2  wrong usage, or a file that was named cannot be used
      3  another process works with this state folder
      4  the port is taken
      5  the state folder cannot be used: rights, a full disk, damage
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    # Imported when it is run, so that help costs nothing.
    import asyncio  # noqa: PLC0415 - see above

    from callkeeper.local.alone import Options, run  # noqa: PLC0415 - see above
    from callkeeper.local.event_loop import fast_loop  # noqa: PLC0415 - see above
    from callkeeper.local.exits import CannotRun  # noqa: PLC0415 - see above
    from callkeeper.local.listening import host_and_port  # noqa: PLC0415 - see above
    from callkeeper.recorder.logs import configure_logging  # noqa: PLC0415 - see above

    try:
        host, port = host_and_port(listen)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from error
    options = Options(
        state=state,
        host=host,
        port=port,
        tokens=tokens,
        users=users,
        tls=tls_files(tls_cert, tls_key, tls_client_ca),
        collector=_collector(collector, collector_token_file, collector_ca, log_name),
        trusted_proxies=networks(trusted_proxy),
    )
    configure_logging(as_json=log_format == "json" or (log_format == "auto" and not sys.stderr.isatty()))
    try:
        with asyncio.Runner(loop_factory=fast_loop()) as runner:
            runner.run(run(options))
    except CannotRun as error:
        click.echo(f"Error: {error.message}", err=True)
        raise SystemExit(error.exit_code) from error


def _collector(url: str | None, token: Path | None, ca: Path | None, log: str | None) -> CollectorAddress | None:
    if url is None:
        if token or ca or log:
            raise click.UsageError("--collector-token-file, --collector-ca and --log go with --collector")
        return None
    if token is None or log is None:
        raise click.UsageError("--collector takes --collector-token-file and --log NAMESPACE/RECORDER")
    from callkeeper.local.collector import CollectorAddress  # noqa: PLC0415 - imported when it is run

    return CollectorAddress(url=url, log=log, token_file=token, ca=ca)
