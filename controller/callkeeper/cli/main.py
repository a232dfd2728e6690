"""The command `callkeeper`: a group that knows its subcommands by name and loads only the one that is run.

Each subcommand is a module of its own, `callkeeper.cli.<name>`, that exports a click command of that name. What none of
them needs is not imported: help and `validate` stay quick, whatever `up` brings along.
"""

import gc
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import PurePath
from typing import Any

import click

from callkeeper import __version__

SUBCOMMANDS: Mapping[str, str] = {
    "validate": "Check manifests, as CI and the cluster would.",
    "explain": "Say why a call would be recorded or not, step by step.",
    "up": "Govern a recorder from a folder, and keep watching it.",
    "show": "Show the settings in force and where each comes from.",
    "status": "Say of every object in a cluster whether it is in force.",
    "audit": "Keep, export and read the audit log.",
    "users": "List, import and delete users, grant and revoke licences.",
    "recorder": "Serve a recorder; check, back up and restore what it keeps.",
    "operator": "Govern recorders from a Kubernetes cluster.",
    "webhook": "Check objects as they are applied, and note who did.",
    "stamp": "Write author and commit of the last change into manifests.",
    "token": "Make a token for a user, to try what users may do.",
    "secrets": "Make the Secrets that an installation in a cluster waits for.",
    "schema": "Write the CRDs and JSON Schemas of all kinds, or check that they are current.",
}
"""Subcommands in the order of the help, each with its line there; written here so that listing them loads none."""

EXIT_COULD_NOT_RUN = 2
"""As for wrong usage: the question could not be asked, so there is no answer, neither yes nor no."""

_PLUGIN = "kubectl-callkeeper"


class CouldNotRun(click.ClickException):
    """The command could not do its work: exit code 2, and a sentence that says what failed."""

    exit_code = EXIT_COULD_NOT_RUN


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Do without the search for reference cycles, where much is made and nothing thrown away: it takes a tenth."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are run."""

    def __init__(
        self, *arguments: Any, lines: Mapping[str, str] = SUBCOMMANDS, modules: str = "callkeeper.cli.", **settings: Any
    ) -> None:
        """Make the group.

        Args:
            arguments: as click's own.
            lines: subcommands in the order of the help, each with its line there.
            modules: what a subcommand's module is called before its name; the command there has its name.
            settings: as click's own.
        """
        super().__init__(*arguments, **settings)
        self._lines = lines
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the subcommands, in the order of the help."""
        return [*self._lines, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand's module and take the command out of it."""
        if cmd_name not in self._lines:
            return super().get_command(ctx, cmd_name)
        with collector_at_rest():
            command = getattr(import_module(f"{self._modules}{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without loading them."""
        del ctx  # click asks every command through it; here the table knows
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lines.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; for a name there is none, say which one is near."""
        name = args[0]
        if name not in self._lines and not name.startswith("-"):
            # Imported for a typo only.
            from difflib import get_close_matches  # noqa: PLC0415 - see above

            near = get_close_matches(name, self._lines, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"There is no command '{name}'.{hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 all is well; 1 the answer is no (findings, a refusal); 2 the command could not run.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def callkeeper() -> None:
    """Keep the settings of a call recorder in git.

    \b
    Try it:
      callkeeper up examples/quickstart        govern a recorder from a folder
      callkeeper validate examples/            check the folder, as CI does
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two


def program_name(started_as: str) -> str:
    """What usage lines call the program: under kubectl's plug-in name, what people type then."""
    name = PurePath(started_as).name.removesuffix(".exe")
    return "kubectl callkeeper" if name == _PLUGIN else "callkeeper"


def main() -> None:
    """Run the command line with the arguments of this process, and exit."""
    # pydantic would look through every installed package for plug-ins of its own; we know of none that belongs here.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    callkeeper(prog_name=program_name(sys.argv[0]))
