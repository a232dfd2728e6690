"""`callkeeper audit`: everything about the audit log; each subcommand is the module `callkeeper.cli.audit_<name>`."""

from collections.abc import Mapping

import click

from callkeeper.cli.main import LazyGroup

AUDIT_SUBCOMMANDS: Mapping[str, str] = {
    "serve": "Run the audit collector: takes rows from recorders, gives them to auditors.",
    "export": "Export a range of the audit log as CSV.",
    "verify": "Find every altered, missing or added row, and name its commit.",
    "checkpoint": "Print a signed line that names the whole log, to be kept elsewhere.",
    "backup": "Copy the log while it is written: whole, or not at all.",
    "restore": "Make a log of a backup; it goes on from there and says so.",
    "actions": "List every action an audit row may name, its area, and who emits it.",
}
"""In the order of the help, each with its line there."""


@click.group(
    cls=LazyGroup,
    lines=AUDIT_SUBCOMMANDS,
    modules="callkeeper.cli.audit_",
    short_help="Keep, export and read the audit log.",
)
def audit() -> None:
    """Collect audit rows, export them as CSV, prove that nothing was altered, and list what they may hold."""
