"""The help of every command, as the command itself prints it at 100 columns."""

from collections.abc import Iterator
from typing import Any

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
    yield from _helps(callkeeper, click.Context(callkeeper, info_name="callkeeper", **_settings(callkeeper)))


def options() -> Iterator[tuple[str, str]]:
    """Every command's full name with each of its options, `--format`."""

    def walk(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
        context = click.Context(command, info_name=name, **_settings(command))
        for parameter in command.get_params(context):
            if isinstance(parameter, click.Option) and not parameter.hidden:
                for option in (*parameter.opts, *parameter.secondary_opts):
                    yield name, option
        if isinstance(command, click.Group):
            for child in command.list_commands(context):
                found = command.get_command(context, child)
                if found is not None and not found.hidden:
                    yield from walk(found, f"{name} {child}")

    yield from walk(callkeeper, "callkeeper")


def _helps(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield context.command_path, text
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None and not found.hidden:
                inner = click.Context(found, info_name=child, parent=context, **_settings(found))
                yield from _helps(found, inner)


def _settings(command: click.Command) -> dict[str, Any]:
    return {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
