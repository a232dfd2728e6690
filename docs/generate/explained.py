"""What `callkeeper explain` prints for the calls that the pages show, run as a reader would run it."""

import shlex
from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner

from callkeeper.cli.main import callkeeper

RECORDED = "examples/quickstart --user ada@example.com --caller +390212345 --callee 2001"
BLACKLISTED = "examples/quickstart --user ada@example.com --caller 9012 --callee 2001"


def explained(arguments: str, root: Path) -> str:
    """The command's output as a fenced block.

    Raises:
        RuntimeError: the command did not end well.
    """
    with chdir(root):
        result = CliRunner().invoke(callkeeper, ["explain", *shlex.split(arguments)])
    if result.exit_code:
        raise RuntimeError(f"callkeeper explain {arguments} ended with {result.exit_code}: {result.output}")
    text = "\n".join(line.rstrip() for line in result.output.rstrip().splitlines())
    return f"```text\n{text}\n```"
