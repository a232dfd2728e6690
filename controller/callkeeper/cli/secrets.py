"""`callkeeper secrets`: the Secrets that an installation in a cluster waits for."""

import json
import sys

import click

from callkeeper.cli.main import CouldNotRun


@click.command(short_help="Make the Secrets that an installation in a cluster waits for.")
@click.option("-n", "--namespace", default="callkeeper", show_default=True, help="Where Callkeeper is installed.")
@click.option(
    "--log", default="voice/teams", show_default=True, metavar="NAMESPACE/RECORDER",
    help="The Recorder object of the installed recorder; its namespace gets the operator's token.",
)  # fmt: skip
@click.option("--administrator", required=True, metavar="EMAIL", help="Who may do everything, by e-mail address.")
@click.option("--rotate", is_flag=True, help="New tokens alone: the key that signs the audit log stays.")
def secrets(namespace: str, log: str, administrator: str, *, rotate: bool) -> None:
    """Make the Secrets that an installation in a cluster waits for, and print them as manifests.

    Tokens are made anew each time: applied again with --rotate, every one of them is replaced, and no part needs a
    restart. Print them into kubectl or into what seals them; a terminal is refused.

    \b
    Examples:
      callkeeper secrets --administrator ada@example.com | kubectl apply --server-side -f -
      callkeeper secrets --administrator ada@example.com | kubeseal --format yaml > sealed.yaml

    \b
    Exit codes:
      0  printed
      2  wrong usage, or the output is a terminal
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    from callkeeper.local.installation_secrets import (  # noqa: PLC0415 - imported when it is run
        Installation,
        installation_secrets,
    )

    settings_namespace, slash, recorder = log.partition("/")
    if not slash or not settings_namespace or not recorder:
        raise click.BadParameter("give it as NAMESPACE/RECORDER", param_hint="--log")
    if "@" not in administrator:
        raise click.BadParameter("give an e-mail address", param_hint="--administrator")
    if sys.stdout.isatty():
        raise CouldNotRun(
            "these are secrets, and this is a terminal; pipe them into `kubectl apply --server-side -f -`"
        )
    made = installation_secrets(
        Installation(namespace=namespace, settings_namespace=settings_namespace, log=log, administrator=administrator),
        signing_key=not rotate,
    )
    click.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": made}, indent=1))
