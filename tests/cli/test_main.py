import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

import click
import pytest
from click.testing import CliRunner

from callkeeper import __version__
from callkeeper.cli.main import SUBCOMMANDS, callkeeper, program_name


def test_help_lists_every_subcommand_without_loading_any():
    script = (
        "import sys\n"
        "from callkeeper.cli.main import callkeeper\n"
        "callkeeper(['--help'], standalone_mode=False)\n"
        "heavy = {'pydantic', 'ruamel', 'fastapi', 'aiohttp', 'rich', 'jsonschema', 'uvicorn', 'structlog'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "assert not [name for name in sys.modules if name.startswith('callkeeper.cli.') and name[15:] != 'main']\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, line in SUBCOMMANDS.items():
        assert name in done.stdout
        assert line.split(",")[0] in done.stdout


def test_version_is_the_packages():
    result = CliRunner().invoke(callkeeper, ["--version"], prog_name="callkeeper")
    assert (result.exit_code, result.output) == (0, f"callkeeper {__version__}\n")


@pytest.mark.parametrize(
    ("started_as", "name"),
    [
        ("/usr/local/bin/callkeeper", "callkeeper"),
        ("/opt/krew/bin/kubectl-callkeeper", "kubectl callkeeper"),
        ("kubectl-callkeeper.exe", "kubectl callkeeper"),
        ("/x/callkeeper/__main__.py", "callkeeper"),
    ],
)
def test_usage_says_what_people_type(started_as, name):
    assert program_name(started_as) == name


def test_an_unknown_command_is_wrong_usage_with_a_suggestion():
    result = CliRunner().invoke(callkeeper, ["valdate"])
    assert result.exit_code == 2
    assert "There is no command 'valdate'. Did you mean 'validate'?" in result.output
    assert "Did you mean" not in CliRunner().invoke(callkeeper, ["xyzzy"]).output


def test_an_unknown_option_is_wrong_usage():
    assert CliRunner().invoke(callkeeper, ["--nonsense"]).exit_code == 2


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_loads_and_has_a_help_text_with_an_example(name):
    if find_spec(f"callkeeper.cli.{name}") is None:
        pytest.fail(f"callkeeper.cli.{name} is missing")
    command = getattr(import_module(f"callkeeper.cli.{name}"), name)
    assert isinstance(command, click.Command)
    assert command.get_short_help_str(limit=100) == SUBCOMMANDS[name]
    result = CliRunner().invoke(callkeeper, [name, "--help"], prog_name="callkeeper")
    assert result.exit_code == 0
    assert f"Usage: callkeeper {name}" in result.output
    assert isinstance(command, click.Group) == (name in {"audit", "recorder", "users"})


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Every command that does something, with its help."""
    if not isinstance(command, click.Group):
        yield context.command_path, command.get_help(context)
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from commands(inner, click.Context(inner, info_name=name, parent=context))


def test_every_command_says_how_it_is_used_and_how_it_ends():
    found = dict(commands(callkeeper, click.Context(callkeeper, info_name="callkeeper")))
    assert "callkeeper users grant" in found
    for path, help_text in found.items():
        _, _, examples = help_text.partition("Examples:\n")
        assert path in examples.partition("\n\n")[0], path
        assert re.search(r"Exit codes:\n +0  ", help_text), path


def test_the_module_runs_as_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "callkeeper", "--version"], capture_output=True, text=True, check=False
    )
    assert done.stdout == f"callkeeper {__version__}\n"
