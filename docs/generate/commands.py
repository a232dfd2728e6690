"""The help of every command, as the command itself prints it at 100 columns."""

from collections.abc import Iterator
from copy import copy

import click

from callkeeper.cli.main import callkeeper

WIDTH = 100


def commands_text() -> str:
    """A section per command, the group's own help first."""
    sections = []
    for name, text in helps():
        sections.append(f"## {name}\n\n```text\n{text}\n```")
    return "\n\n".join(sections)


def helps() -> Iterator[tuple[str, str]]:
    """Every command's full name and help, subcommands after their group."""
    for command, context in _commands(callkeeper, _context(callkeeper, "callkeeper", None)):
        yield context.command_path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def options() -> Iterator[tuple[str, str]]:
    """Every command's full name with each of its options, `--format`."""
    for command, context in _commands(callkeeper, _context(callkeeper, "callkeeper", None)):
        for parameter in command.get_params(context):
            if isinstance(parameter, click.Option) and not parameter.hidden:
                for option in (*parameter.opts, *parameter.secondary_opts):
                    yield context.command_path, option


def _commands(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Each command with a context under its group's, from which it takes settings such as `-h`."""
    # click keeps the help option that the first context gave a command, and somebody may have run it without its group.
    command = copy(command)
    command._help_option = None  # noqa: SLF001 - there is no public way to make it forget
    yield command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from _commands(found, _context(found, name, context))


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    return click.Context(
        command,
        info_name=name,
        parent=parent,
        **{**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH},
    )
