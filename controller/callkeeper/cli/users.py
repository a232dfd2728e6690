"""`callkeeper users`: the user directory of a running recorder."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ParamSpec
from urllib.parse import quote

import click

from callkeeper.cli.main import CouldNotRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from callkeeper.local.recorder_client import RecorderClient

P = ParamSpec("P")

PAGE = 1_000
"""Users asked for at a time: the most a recorder gives."""

MAX_FILE_BYTES = 64 * 1024 * 1024
"""As much as a recorder takes in an import."""

LICENCES = ("CallRecording", "VoiceAnalytics")


@click.group(short_help="List, import and delete users, grant and revoke licences.")
def users() -> None:
    """Look at the users of a running recorder, and change them.

    DIR is the settings folder given to `callkeeper up`; it may be left out when only one runs. Any other recorder is
    named by its URL, and its token stands in a file (--token-file): never on the command line.

    Where the folder has a users.csv, users are changed there: the recorder refuses anything else.

    \b
    Examples:
      callkeeper users list --search ada --overridden
      callkeeper users import people.csv --dry-run
      callkeeper users grant ada@example.com
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two


def _on_a_recorder(command: Callable[P, None]) -> Callable[P, None]:
    """The argument and options that say which recorder, the last two given to the command as `recorder`."""

    @click.argument("source", required=False, metavar="[DIR|URL]")
    @click.option("--url", metavar="URL", help="Base URL of a recorder, instead of DIR.")
    @click.option(
        "--token-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Holds the token alone, or the line `Authorization: Bearer …`.",
    )
    @click.option(
        "--state", type=click.Path(path_type=Path), metavar="DIR", help="The state folder, when not the usual."
    )
    @wraps(command)
    def found(*args: P.args, **kwargs: P.kwargs) -> None:
        # Imported when it is run, so that help costs nothing.
        from callkeeper.local.exits import CannotRun  # noqa: PLC0415 - see above
        from callkeeper.local.recorder_client import find_recorder  # noqa: PLC0415 - see above

        options: dict[str, Any] = {name: kwargs.pop(name) for name in ("source", "url", "token_file", "state")}
        if options["url"] is not None and options["source"] is not None:
            raise click.UsageError("name the recorder once: by DIR or URL, or with --url")
        if options["url"] is not None and not options["url"].lower().startswith(("http://", "https://")):
            raise click.BadParameter("a base URL begins with http:// or https://", param_hint="--url")
        source = options["url"] or options["source"]
        try:
            kwargs["recorder"] = find_recorder(source, state=options["state"], token_file=options["token_file"])
            command(*args, **kwargs)
        except CannotRun as error:
            raise CouldNotRun(error.message) from error

    return found


_AS = click.option(
    "-f", "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="Lines for people, or the same as data.",
)  # fmt: skip


@users.command("list", short_help="List users, with the mode in force and where it comes from.")
@click.option("--search", default="", metavar="WORDS", help="All of them in name, surname or e-mail address.")
@click.option(
    "--overridden/--not-overridden", default=None, help="Only users with an override of the mode, or without."
)
@_AS
@_on_a_recorder
def list_(recorder: RecorderClient, search: str, output_format: str, *, overridden: bool | None) -> None:
    """List users, each with the mode in force and where it comes from.

    \b
    Examples:
      callkeeper users list --search ada --overridden
      callkeeper users list settings/ --format json
      callkeeper users list --url https://recorder.example.com --token-file ~/recorder.token

    \b
    Exit codes:
      0  listed, be it nobody
      2  the recorder cannot be asked, or refuses
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    found = list(_everybody(recorder, search, overridden))
    if output_format == "json":
        _print_json({"items": found})
        return
    if not found:
        click.echo("No user fits." if search or overridden is not None else "There are no users.")
        return
    header = ("ID", "NAME", "E-MAIL", "MODE", "LICENCES", "FROM")
    rows = [header, *(_row(user) for user in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _everybody(recorder: RecorderClient, search: str, overridden: bool | None) -> Iterator[dict[str, Any]]:
    query = {"limit": str(PAGE)} | ({"search": search} if search else {})
    if overridden is not None:
        query["overridden"] = "true" if overridden else "false"
    while True:
        page = recorder.ask("GET", "/v1/users", query=query)
        yield from page["items"]
        if page["nextCursor"] is None:
            return
        query["cursor"] = page["nextCursor"]


@users.command(short_help="Show one user with lines, licences and mode.")
@click.argument("user")
@_AS
@_on_a_recorder
def show(recorder: RecorderClient, user: str, output_format: str) -> None:
    """Show one user by id or e-mail address, with lines, licences and the mode in force.

    \b
    Examples:
      callkeeper users show ada@example.com
      callkeeper users show ada --format json

    \b
    Exit codes:
      0  shown
      1  there is no such user, or you may not see them
      2  the recorder cannot be asked, or refuses
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    with _a_no_is_exit_1("unknown-user"):
        found = recorder.ask("GET", _path(user))
    if output_format == "json":
        _print_json(found)
        return
    lines = [" = ".join(number for number in (pair["extension"], pair["e164"]) if number) for pair in found["lines"]]
    mode, came_from = _mode(found), _place(found["source"])
    for name, value in (
        ("id", found["id"]),
        ("name", _name(found)),
        ("e-mail", found["email"]),
        ("lines", ", ".join(lines)),
        ("licences", ", ".join(found["licences"])),
        ("roles", ", ".join(found["roles"])),
        ("groups", ", ".join(found["groups"])),
        ("status", found["status"]),
        ("mode", f"{mode}, from {came_from}" if came_from else mode),
    ):
        click.echo(f"{name:<9} {_plain(value) or '-'}")


@users.command("import", short_help="Add and change users from a CSV file.")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say what it would do, and do nothing.")
@click.option("--skip-bad", is_flag=True, help="Leave out the lines with a problem; without it, all or nothing.")
@click.option("--restore", is_flag=True, help="Ids that were deleted come back for the same people.")
@_AS
@_on_a_recorder
def import_(
    recorder: RecorderClient, file: BinaryIO, output_format: str, *, dry_run: bool, skip_bad: bool, restore: bool
) -> None:
    """Add and change users from FILE, a CSV with the columns of users.csv (- for standard input).

    Nobody is deleted. A column that is not there leaves what a user had. The text names the lines with a problem and
    counts the others; --format json has every line.

    \b
    Examples:
      callkeeper users import people.csv --dry-run
      callkeeper users import people.csv settings/

    \b
    Exit codes:
      0  imported; with --dry-run: all lines are good
      1  lines have problems and nothing was imported, or would be
      2  the recorder cannot be asked, or refuses
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    from callkeeper.local.recorder_client import Refusal  # noqa: PLC0415 - imported when it is run

    data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise CouldNotRun(f"the file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB; import it in parts")
    flags = {"dryRun": dry_run, "skipBad": skip_bad, "restore": restore}
    query = {name: "true" for name, wanted in flags.items() if wanted}
    try:
        report = recorder.ask("POST", "/v1/users:import", query=query, csv=data)
    except Refusal as refusal:
        if refusal.type != "invalid-users":
            raise
        problem = refusal.problem
        report = {"applied": False, "counts": {"problem": problem["problemCount"]}, "lines": problem["problems"]}
    bad = report["counts"]["problem"]
    if output_format == "json":
        _print_json(report)
    else:
        _print_report(report, file.name, dry_run=dry_run, skip_bad=skip_bad)
    if bad and not skip_bad:
        sys.exit(1)


def _print_report(report: Mapping[str, Any], file: str, *, dry_run: bool, skip_bad: bool) -> None:
    counts = report["counts"]
    for one in report["lines"]:
        if one["result"] == "problem":
            column = f"{one['column']}: " if one["column"] else ""
            click.echo(_plain(f"{file}:{one['line']}: {column}{one['message']}"), err=True)
    words = ", ".join(f"{counts.get(name, 0):,} {name}" for name in ("created", "changed", "unchanged"))
    problems = f"{counts['problem']:,} line{'' if counts['problem'] == 1 else 's'} with a problem"
    if counts["problem"] and not skip_bad:
        click.echo(f"{problems}: nothing {'would be' if dry_run else 'was'} imported.")
    else:
        left_out = f"; {problems} left out" if counts["problem"] else ""
        click.echo(f"{'Would be' if dry_run else 'Imported'}: {words}{left_out}.")


def _licence(command: Callable[P, None]) -> Callable[P, None]:
    return click.option(
        "--licence", type=click.Choice(LICENCES), default=LICENCES[0], show_default=True, help="Which one."
    )(command)


@users.command(short_help="Give a user a licence.")
@click.argument("user")
@_licence
@_on_a_recorder
def grant(recorder: RecorderClient, user: str, licence: str) -> None:
    """Give a user (id or e-mail address) a licence.

    \b
    Examples:
      callkeeper users grant ada@example.com
      callkeeper users grant ada --licence VoiceAnalytics

    \b
    Exit codes:
      0  the user has it, now or already before
      1  there is no such user
      2  the recorder cannot be asked, or refuses
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    with _a_no_is_exit_1("unknown-user"):
        answer = recorder.ask("POST", f"{_path(user)}:grant", body={"licence": licence})
    word = "has" if answer["changed"] else "had"
    click.echo(_plain(f"{answer['user']['id']} {word} {licence}{' now' if answer['changed'] else ' already'}."))


@users.command(short_help="Take a licence from a user.")
@click.argument("user")
@_licence
@_on_a_recorder
def revoke(recorder: RecorderClient, user: str, licence: str) -> None:
    """Take a licence from a user (id or e-mail address).

    The mode set for the user is kept, without effect until there is a licence again. A recording that runs completes.

    \b
    Examples:
      callkeeper users revoke ada@example.com
      callkeeper users revoke ada --licence VoiceAnalytics

    \b
    Exit codes:
      0  the user does not have it, now or already before
      1  there is no such user
      2  the recorder cannot be asked, or refuses
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    with _a_no_is_exit_1("unknown-user"):
        answer = recorder.ask("POST", f"{_path(user)}:revoke", body={"licence": licence})
    words = f"does not have {licence} any more" if answer["changed"] else f"did not have {licence}"
    click.echo(_plain(f"{answer['user']['id']} {words}."))


@users.command(short_help="Delete a user.")
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_on_a_recorder
def delete(recorder: RecorderClient, user: str, *, yes: bool) -> None:
    """Delete a user (id or e-mail address). Recordings stay, and the id is never given to somebody else.

    \b
    Examples:
      callkeeper users delete ada@example.com
      callkeeper users delete ada --yes

    \b
    Exit codes:
      0  deleted
      1  there is no such user, or you said no
      2  the recorder cannot be asked, or refuses
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    with _a_no_is_exit_1("unknown-user"):
        found = recorder.ask("GET", _path(user))
        if not yes:
            _ask_first(f"Delete {found['id']} ({_name(found) or found['email']})?")
        recorder.ask("DELETE", _path(found["id"]))
    click.echo(_plain(f"{found['id']} is deleted."))


def _ask_first(question: str) -> None:
    try:
        if click.confirm(_plain(question), err=True):
            return
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo("", err=True)
        raise click.UsageError("nobody is there to be asked; give --yes to delete without a question") from None
    click.echo("Nobody is deleted.", err=True)
    sys.exit(1)


@contextmanager
def _a_no_is_exit_1(*problems: str) -> Iterator[None]:
    """An answer that is a no, not a failure: exit code 1."""
    from callkeeper.local.recorder_client import Refusal  # noqa: PLC0415 - imported when it is run

    try:
        yield
    except Refusal as refusal:
        if refusal.type not in problems:
            raise
        click.echo(f"Error: {refusal.problem['detail']}", err=True)
        sys.exit(1)


def _path(user: str) -> str:
    return f"/v1/users/{quote(user, safe='')}"


def _row(user: Mapping[str, Any]) -> tuple[str, ...]:
    licences = ", ".join(user["licences"]) or "none"
    cells = (user["id"], _name(user), user["email"] or "-", _mode(user), licences, _place(user["source"]))
    return tuple(_plain(cell) for cell in cells)


def _name(user: Mapping[str, Any]) -> str:
    return f"{user['name']} {user['surname']}".strip()


def _mode(user: Mapping[str, Any]) -> str:
    """The mode in force; of a user who is not recorded it is kept, and why it has no effect."""
    mode = user["mode"] or "not programmed"
    if user["policyActive"]:
        return str(mode)
    why = {"noLicence": "no licence", "disabled": "disabled"}.get(user["inactiveReason"], "inactive")
    return f"{mode} (inactive: {why})"


def _place(source: Mapping[str, Any] | None) -> str:
    if source is None:
        return ""
    if source.get("file"):
        return f"{source['file']}:{source['line']}"
    return str(source["object"])


def _plain(text: str) -> str:
    """Without anything a terminal would obey."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))
