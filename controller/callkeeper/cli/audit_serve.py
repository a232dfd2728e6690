"""`callkeeper audit serve`: the audit collector."""

import sys
from pathlib import Path

import click

from callkeeper.cli.main import CouldNotRun
from callkeeper.cli.proxy_option import networks, trusted_proxy_option
from callkeeper.cli.tls_options import tls_files, tls_options

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Run the audit collector: takes rows from recorders, gives them to auditors.")
@click.option("--dir", "folder", required=True, type=click.Path(path_type=Path), help="Holds the logs.")
@click.option(
    "--listen",
    default="127.0.0.1:8480",
    show_default=True,
    metavar="HOST:PORT",
    help="Where to listen; port 0 picks one.",
)
@click.option("--tokens", required=True, type=_FILE, help="Who may ask; read again when it changes.")
@click.option("--signing-key", type=_FILE, metavar="FILE", help="Signs checkpoints of every log; made when missing.")
@trusted_proxy_option
@tls_options
@click.option(
    "--log-format", type=click.Choice(["auto", "text", "json"]), default="auto", show_default=True,
    help="Lines for people or JSON; auto: JSON when standard error is no terminal.",
)  # fmt: skip
def serve(
    *,
    folder: Path,
    listen: str,
    tokens: Path,
    signing_key: Path | None,
    trusted_proxy: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    log_format: str,
) -> None:
    """Run the audit collector.

    Recorders and the operator hand in their events over HTTP and are told when they are on disk; auditors download
    ranges. Each recorder has its own log below --dir, in the folder NAMESPACE/RECORDER. SIGTERM ends it cleanly.

    \b
    Examples:
      callkeeper audit serve --dir /var/lib/callkeeper-audit --tokens /etc/callkeeper/tokens.json
      callkeeper audit serve --dir audit --tokens tokens.json --listen 0.0.0.0:8480 \\
        --tls-cert tls.crt --tls-key tls.key

    \b
    Exit codes:
      0  ended by a signal
      2  wrong usage, or the folder or the token file cannot be used
      4  the port is taken
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    # Imported when it is run, so that help costs nothing.
    import asyncio  # noqa: PLC0415 - see above
    import signal  # noqa: PLC0415 - see above

    from callkeeper.audit.collector.serving import Options, serve_collector  # noqa: PLC0415 - see above
    from callkeeper.audit.errors import AuditError  # noqa: PLC0415 - see above
    from callkeeper.local.event_loop import fast_loop  # noqa: PLC0415 - see above
    from callkeeper.local.exits import CannotRun  # noqa: PLC0415 - see above
    from callkeeper.local.listening import bind, host_and_port  # noqa: PLC0415 - see above
    from callkeeper.local.tls import ReloadedTls  # noqa: PLC0415 - see above
    from callkeeper.recorder.http.protocol import BoundedProtocol  # noqa: PLC0415 - see above
    from callkeeper.recorder.logs import configure_logging  # noqa: PLC0415 - see above

    proxies = networks(trusted_proxy)
    configure_logging(as_json=log_format == "json" or (log_format == "auto" and not sys.stderr.isatty()))
    try:
        host, port = host_and_port(listen)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from error

    async def until_told() -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        with bind(host, port, "--listen") as bound:
            context = None if tls is None else tls.context
            shown = () if tls is None else (tls,)
            following = None if tls is None else asyncio.create_task(tls.follow(), name="follow the certificates")
            try:
                options = Options(
                    folder=folder,
                    tokens=tokens,
                    bound=bound,
                    tls=context,
                    shown=shown,
                    signing_key=signing_key,
                    trusted_proxies=proxies,
                    protocol=BoundedProtocol,
                )
                await serve_collector(options, stopping)
            finally:
                if following is not None:
                    following.cancel()

    try:
        files = tls_files(tls_cert, tls_key, tls_client_ca)
        tls = None if files is None else ReloadedTls(files)
        with asyncio.Runner(loop_factory=fast_loop()) as runner:
            runner.run(until_told())
    except AuditError as error:
        raise CouldNotRun(str(error)) from error
    except CannotRun as error:
        click.echo(f"Error: {error.message}", err=True)
        raise SystemExit(error.exit_code) from error
