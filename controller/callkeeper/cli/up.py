"""`callkeeper up`: govern a recorder from a folder, and keep watching it."""

from pathlib import Path

import click

from callkeeper.cli.proxy_option import networks, trusted_proxy_option
from callkeeper.cli.tls_options import tls_files, tls_options

DEFAULT_PORT = 8470


@click.command(short_help="Govern a recorder from a folder, and keep watching it.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0 picks a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the embedded recorder listens.")
@tls_options
@trusted_proxy_option
@click.option("--state", type=click.Path(path_type=Path), metavar="DIR", help="Keep the state elsewhere than usual.")
@click.option(
    "--clock-ahead", metavar="HOURS", type=click.IntRange(1, 24 * 7),
    help="For trying out: the recorder's clock runs ahead, and what expires by it is removed.",
)  # fmt: skip
@click.option("--take-over", is_flag=True, help="Take recorders that another owner programs.")
@click.option("--once", is_flag=True, help="Bring the settings into force and end; exit code 1 if they are not.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or one JSON object a line.",
)
def up(
    folder: Path,
    *,
    port: int,
    host: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    trusted_proxy: tuple[str, ...],
    state: Path | None,
    log_format: str,
    clock_ahead: int | None,
    take_over: bool,
    once: bool,
) -> None:
    """Govern a recorder from the folder DIR.

    Starts the embedded recorder on this machine (unless every Recorder in DIR names an endpoint), brings what the
    files say into force, and goes on watching: save a file and the change is in force within a second; save a broken
    one and what was in force stays.

    \b
    Examples:
      callkeeper up examples/quickstart
      callkeeper up settings/ --port 0 --state /tmp/try
      callkeeper up settings/ --once --log-format json

    \b
    Exit codes:
      0  ended by Ctrl-C or SIGTERM; with --once: everything is in force
      1  with --once: not everything is in force
      2  wrong usage, or DIR is no folder
      3  another process works with this state folder
      4  the port is taken
      5  the state folder cannot be used: rights, a full disk, damage
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    # Imported when it is run, so that help costs nothing.
    import asyncio  # noqa: PLC0415 - see above
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - see above

    from callkeeper.local.event_loop import fast_loop  # noqa: PLC0415 - see above
    from callkeeper.local.exits import CannotRun  # noqa: PLC0415 - see above
    from callkeeper.local.locating import FolderLocator  # noqa: PLC0415 - see above
    from callkeeper.local.logs import configure_logs  # noqa: PLC0415 - see above
    from callkeeper.local.telling import JsonTeller, Teller, TextTeller, standard_output  # noqa: PLC0415 - see above
    from callkeeper.local.up import Options, run  # noqa: PLC0415 - see above

    def teller(locator: FolderLocator) -> Teller:
        out = standard_output()
        if log_format == "json":
            return JsonTeller(out, lambda: datetime.now(UTC))
        return TextTeller(out, locator.place)

    configure_logs(log_format)
    options = Options(
        folder=folder,
        state=state,
        host=host,
        port=port,
        tls=tls_files(tls_cert, tls_key, tls_client_ca),
        trusted_proxies=networks(trusted_proxy),
        clock_ahead=None if clock_ahead is None else timedelta(hours=clock_ahead),
        take_over=take_over,
        once=once,
    )
    try:
        with asyncio.Runner(loop_factory=fast_loop()) as runner:
            code = runner.run(run(options, teller))
    except CannotRun as error:
        click.echo(f"Error: {error.message}", err=True)
        raise SystemExit(error.exit_code) from error
    raise SystemExit(code)
