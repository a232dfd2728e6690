"""`callkeeper users` against recorders that run: one whose users are written over the API, one with a users.csv."""

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner, Result
from tests.local.running import UpProcess

from callkeeper.cli.token import token
from callkeeper.cli.users import users
from callkeeper.local.recorder_client import find_recorder

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"
PEOPLE = """\
id,name,surname,email,lines,licences
ada,Ada,Lovelace,ada@example.com,2001=+390551232001,CallRecording
ben,Ben,Miller,ben@example.com,2002,
zoe,Zoe,Miller,zoe@example.com,,CallRecording
"""


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    """A recorder without a users.csv."""
    yield from _up(tmp_path_factory.mktemp("free"), with_users=False)


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    """The quickstart with its users.csv."""
    yield from _up(tmp_path_factory.mktemp("governed"), with_users=True)


def _up(home: Path, *, with_users: bool) -> Iterator[UpProcess]:
    folder = Path(copytree(QUICKSTART, home / "settings"))
    if not with_users:
        (folder / "users.csv").unlink()
    process = UpProcess(home, folder)
    try:
        yield process.started()
    finally:
        process.kill()


@pytest.fixture
def people(free: UpProcess, tmp_path: Path) -> UpProcess:
    """Ada, Ben and Zoe in the recorder without a users.csv, and nobody else."""
    client = find_recorder(str(free.folder), state=free.state)
    for user in client.ask("GET", "/v1/users")["items"]:
        client.ask("DELETE", f"/v1/users/{user['id']}")
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE)
    done = call(free, "import", str(file), "--restore")
    assert done.exit_code == 0, done.output
    assert done.stdout == "Imported: 3 created, 0 changed, 0 unchanged.\n"
    return free


def call(up: UpProcess, *arguments: str, **more: str) -> Result:
    return CliRunner().invoke(users, [*arguments, str(up.folder), "--state", str(up.state)], **more)


def test_a_list_has_a_line_per_user_with_mode_licence_and_where_the_mode_stands(governed: UpProcess) -> None:
    lines = call(governed, "list").stdout.splitlines()
    assert lines[0].split() == ["ID", "NAME", "E-MAIL", "MODE", "LICENCES", "FROM"]
    assert any("policy.yaml:" in line for line in lines[1:])


def test_search_and_override_pick_users(governed: UpProcess) -> None:
    everybody = json.loads(call(governed, "list", "--format", "json").stdout)["items"]
    overridden = json.loads(call(governed, "list", "--format", "json", "--overridden").stdout)["items"]
    others = json.loads(call(governed, "list", "--format", "json", "--not-overridden").stdout)["items"]
    assert sorted(user["id"] for user in overridden + others) == [user["id"] for user in everybody]
    assert overridden
    assert all(user["source"]["file"].endswith(".yaml") and user["source"]["line"] for user in overridden)
    first = overridden[0]
    found = call(governed, "list", "--search", first["name"].upper(), "--overridden").stdout.splitlines()
    assert any(line.startswith(first["id"]) for line in found[1:])
    assert call(governed, "list", "--search", "nobody-at-all").stdout == "No user fits.\n"


def test_a_folder_with_a_users_csv_refuses_changes_and_says_where_to_make_them(
    governed: UpProcess, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    for arguments in (
        ["grant", "ada"],
        ["revoke", "ada"],
        ["delete", "ada", "--yes"],
        ["import", str(tmp_path / "people.csv")],
        ["import", str(tmp_path / "people.csv"), "--dry-run"],
    ):
        done = call(governed, *arguments)
        assert done.exit_code == 2, done.output
        assert "users.csv" in done.stderr
        assert "edit that file" in done.stderr


def test_licences_are_granted_and_revoked_and_a_mode_without_one_is_kept_but_inactive(people: UpProcess) -> None:
    assert call(people, "grant", "BEN@example.com").stdout == "ben has CallRecording now.\n"
    assert call(people, "grant", "ben").stdout == "ben had CallRecording already.\n"
    active = call(people, "list", "--search", "ben").stdout
    assert "inactive" not in active
    assert call(people, "revoke", "ben").stdout == "ben does not have CallRecording any more.\n"
    assert call(people, "revoke", "ben").stdout == "ben did not have CallRecording.\n"
    assert "(inactive: no licence)" in call(people, "list", "--search", "ben").stdout
    assert call(people, "grant", "ben", "--licence", "VoiceAnalytics").exit_code == 0
    assert "(inactive: no licence)" in call(people, "show", "ben").stdout


def test_one_user_is_shown_with_lines(people: UpProcess) -> None:
    shown = call(people, "show", "ada@example.com").stdout
    assert "2001 = +390551232001" in shown
    assert "Ada Lovelace" in shown
    assert "policy.yaml:" in shown
    assert json.loads(call(people, "show", "ada", "--format", "json").stdout)["id"] == "ada"


@pytest.mark.parametrize("arguments", [["show"], ["grant"], ["revoke"], ["delete", "--yes"]])
def test_a_user_who_is_not_there_is_exit_code_1(people: UpProcess, arguments: list[str]) -> None:
    done = call(people, *arguments, "a/b?c#d %é")
    assert done.exit_code == 1
    assert "no such user" in done.stderr


def test_an_id_of_odd_letters_is_reached(people: UpProcess, tmp_path: Path) -> None:
    odd = "a/b ?c#d:grant é%2F"
    (tmp_path / "odd.csv").write_text(f"id\n{odd}\n", encoding="utf-8")
    assert call(people, "import", str(tmp_path / "odd.csv")).exit_code == 0
    assert call(people, "grant", odd).stdout == f"{odd} has CallRecording now.\n"
    assert call(people, "show", odd).stdout.splitlines()[0] == f"id        {odd}"
    assert call(people, "delete", odd, "--yes").exit_code == 0


def test_a_delete_asks_first(people: UpProcess) -> None:
    refused = call(people, "delete", "zoe", input="n\n")
    assert refused.exit_code == 1
    assert "Delete zoe (Zoe Miller)?" in refused.stderr
    assert call(people, "show", "zoe").exit_code == 0
    unasked = call(people, "delete", "zoe", input="")
    assert (unasked.exit_code, "--yes" in unasked.stderr) == (2, True)
    assert call(people, "delete", "zoe", input="y\n").stdout == "zoe is deleted.\n"
    assert call(people, "show", "zoe").exit_code == 1


def test_a_token_is_made_for_a_user_whom_only_the_recorder_knows(people: UpProcess) -> None:
    def made(reference: str) -> Result:
        return CliRunner().invoke(token, [str(people.folder), "--user", reference, "--state", str(people.state)])

    client = find_recorder(
        str(people.folder), state=people.state, token_file=Path(made("ZOE@example.com").stdout.strip())
    )
    assert client.ask("GET", "/v1/principal")["id"] == "zoe"
    missing = made("nobody")
    assert (missing.exit_code, "there is no user nobody" in missing.stderr) == (2, True)


def test_bad_lines_are_named_and_nothing_is_imported_unless_they_are_skipped(people: UpProcess, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text("id,lines\nada,2009\nnew,20x1\nother,2010\n")
    dry = call(people, "import", str(file), "--dry-run")
    assert (dry.exit_code, dry.stdout) == (1, "1 line with a problem: nothing would be imported.\n")
    done = call(people, "import", str(file))
    assert (done.exit_code, done.stdout) == (1, "1 line with a problem: nothing was imported.\n")
    assert done.stderr.startswith(f"{file}:3: lines: part 1: ")
    assert call(people, "show", "other").exit_code == 1
    report = json.loads(call(people, "import", str(file), "--skip-bad", "--dry-run", "--format", "json").stdout)
    assert [line["result"] for line in report["lines"]] == ["changed", "problem", "created"]
    some = call(people, "import", str(file), "--skip-bad")
    assert (some.exit_code, some.stdout) == (
        0,
        "Imported: 1 created, 1 changed, 0 unchanged; 1 line with a problem left out.\n",
    )
    assert json.loads(call(people, "show", "ada", "--format", "json").stdout)["name"] == "Ada"


def test_another_recorder_is_named_by_url_and_its_token_stands_in_a_file(people: UpProcess, tmp_path: Path) -> None:
    header = (people.state / "authorization").read_text()
    for text in (header, header.removeprefix("Authorization: Bearer ")):
        (tmp_path / "token").write_text(text)
        by_url = ["list", "--url", people.url, "--token-file", str(tmp_path / "token")]
        assert "Ada Lovelace" in CliRunner().invoke(users, by_url).stdout
    assert "Ada" in CliRunner().invoke(users, ["list", people.url, "--token-file", str(tmp_path / "token")]).stdout
    without = CliRunner().invoke(users, ["list", people.url])
    assert without.exit_code == 2
    assert "no token" in without.stderr


def test_what_cannot_be_asked_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "settings").mkdir()
    (tmp_path / "empty").write_text("\n")
    for arguments, word in (
        ([], "none runs"),
        ([str(tmp_path / "settings")], "does not run"),
        ([str(tmp_path / "nowhere")], "neither a folder nor a URL"),
        (["http://127.0.0.1:1"], "does not answer"),
        (["http://127.0.0.1:1", "--token-file", str(tmp_path / "empty")], "no token"),
        (["http://127.0.0.1:1", "--token-file", str(tmp_path / "nowhere")], "nowhere: No such file"),
        (["--url", "ftp://127.0.0.1"], "http://"),
        ([str(tmp_path), "--url", "http://127.0.0.1"], "once"),
    ):
        done = CliRunner().invoke(users, ["list", *arguments])
        assert done.exit_code == 2, arguments
        assert word in done.stderr, arguments
        assert "Traceback" not in done.output


def test_nothing_that_a_terminal_obeys_is_printed(people: UpProcess) -> None:
    client = find_recorder(str(people.folder), state=people.state)
    client.ask("PUT", "/v1/users/odd?restore=true", body={"name": "a\u009b31m\u202eb"})
    for arguments in (["list"], ["show", "odd"]):
        shown = call(people, *arguments).stdout
        assert "\u009b" not in shown
        assert "\u202e" not in shown
