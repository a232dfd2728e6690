import io
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from callkeeper.cli.main import callkeeper
from callkeeper.manifests.output.colour import wants_colour

ROOT = Path(__file__).parents[2]
RECORDER = "apiVersion: callkeeper.dev/v1alpha1\nkind: Recorder\nmetadata: {name: teams}\nspec: {}\n"
BLACKLIST = """\
apiVersion: callkeeper.dev/v1alpha1
kind: Blacklist
metadata: {name: never}
spec:
  recorderRef: {name: teams}
  numbers:
    - pattern: "90XX"
"""
FILTER = """\
apiVersion: callkeeper.dev/v1alpha1
kind: RecordingFilter
metadata: {name: %s}
spec:
  recorderRef: {name: teams}
  internal: false
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments, **files):
    """Write files (`a` becomes a.yaml) and run validate over them."""
    for name, text in files.items():
        Path(f"{name}.yaml").write_text(text)
    return CliRunner().invoke(callkeeper, ["validate", *arguments])


def test_clean_files_exit_0_and_are_counted():
    result = run(".", a=RECORDER, b=BLACKLIST, c="apiVersion: v1\nkind: Secret\n")
    assert result.exit_code == 0
    assert result.output == "2 objects in 3 files: 0 errors, 0 warnings (1 document of another group skipped)\n"


def test_an_error_exits_1_with_file_line_column_rule_and_message():
    result = run("b.yaml", "a.yaml", a=RECORDER, b=BLACKLIST.replace("90XX", "90YX"))
    assert result.exit_code == 1
    found, summary = result.output.splitlines()
    message = "'Y' at position 3 is not allowed in a pattern (digits, * # X . ! and a leading +)"
    assert found == f"b.yaml:7:16 blacklist.pattern: {message}"
    assert summary == "2 objects in 2 files: 1 error, 0 warnings"


def test_a_hint_stands_below_its_finding():
    result = run(".", a=RECORDER, b=BLACKLIST.replace("numbers", "nunbers"))
    assert "b.yaml:6:3 blacklist.unknown-field: " in result.output
    assert "    hint: did you mean `numbers`?\n" in result.output


def test_a_warning_fails_only_a_strict_run():
    result = run("b.yaml", b=BLACKLIST)
    assert (result.exit_code, result.output.splitlines()[0][:52]) == (
        0,
        "b.yaml:5:23 warning blacklist.recorder-not-found: ther"[:52],
    )
    assert run("--strict", "b.yaml").exit_code == 1
    assert run("--strict", "--recorder-elsewhere", "b.yaml").exit_code == 0
    assert "0 warnings" in run("--recorder-elsewhere", "b.yaml").output


def test_a_misspelt_recorder_is_recognised():
    misspelt = BLACKLIST.replace("name: teams", "name: taems")
    found = run(".", a=RECORDER, b=misspelt).output
    assert "there is no Recorder/default/taems here" in found
    assert "hint: did you mean `teams`?" in found
    elsewhere = RECORDER.replace("name: teams", "name: teams, namespace: voice")
    assert "there is Recorder/voice/teams" in run(".", a=elsewhere, b=BLACKLIST).output


def test_users_are_checked_with_the_folder_and_by_themselves():
    Path("users.csv").write_text("id,email\nada,ada@example.com\nben,nowhere\n")
    wrong = "users.csv:3:1 users.email: email: not an e-mail address (somebody@example.com)"
    for paths in (["."], ["users.csv"], ["a.yaml", "users.csv"], [".", "users.csv"]):
        result = run(*paths, a=RECORDER)
        assert (result.exit_code, result.output.count(wrong)) == (1, 1), paths
    assert run("a.yaml", a=RECORDER).exit_code == 0, "a file alone says nothing of the folder"
    Path("users.csv").write_text("id\nada\n")
    assert "1 object in 2 files: 0 errors" in run(".").output
    Path("users.csv").unlink()
    Path("users.csv").mkdir()
    assert "users.csv:1:1 users.file" in run(".").output


def test_an_override_for_somebody_whom_users_csv_does_not_list_is_warned_of():
    Path("users.csv").write_text("id,email\nada,ada@example.com\n")
    policy = """\
apiVersion: callkeeper.dev/v1alpha1
kind: UserPolicy
metadata: {name: sales}
spec:
  recorderRef: {name: teams}
  overrides:
    - {user: ADA@example.com, mode: AlwaysOn}
    - {user: adda@example.com, mode: AlwaysOn}
    - {user: zoe, mode: AlwaysOn}
"""
    found = run(".", a=RECORDER, p=policy)
    assert found.exit_code == 0
    assert "p.yaml:8:14 warning userpolicy.user-unknown: users.csv lists nobody with the id or e-mail" in found.output
    assert "hint: did you mean `ada@example.com`?" in found.output
    assert "2 warnings" in found.output
    # Another recorder knows its users by itself, and a file alone says nothing of the folder.
    elsewhere = RECORDER.replace("spec: {}", "spec: {endpoint: 'https://r.example.com'}")
    assert "user-unknown" not in run(".", a=elsewhere, p=policy).output
    assert "user-unknown" not in run("a.yaml", "p.yaml", a=RECORDER, p=policy).output


@pytest.mark.parametrize("text", [None, "", "apiVersion: v1\nkind: Secret\n"])
def test_what_holds_no_object_of_ours_is_not_taken_for_checked(text):
    Path("settings").mkdir()
    if text is not None:
        Path("settings/a.yaml").write_text(text)
    result = run("settings")
    assert (result.exit_code, "document.none: there is no object of callkeeper.dev in settings" in result.output) == (
        0,
        True,
    )
    assert run("--strict", "settings").exit_code == 1
    assert "document.none" not in run("settings/broken.yaml", **{"settings/broken": "a: ["}).output


def test_objects_are_checked_against_each_other():
    result = run(".", a=RECORDER, f=FILTER % "one", g=FILTER % "two")
    assert result.exit_code == 1
    assert "recordingfilter.conflict" in result.output
    result = run(".", g=RECORDER.replace("teams", "second"))
    assert "recorder.embedded-twice" in result.output
    Path("g.yaml").unlink()
    Path("f.yaml").unlink()
    result = run(".", b=BLACKLIST + '    - pattern: "90!"\n')
    assert result.exit_code == 0
    assert "b.yaml:7:16 warning blacklist.shadowed: 90!" in result.output


def test_an_object_that_stands_twice_is_said_once():
    result = run(".", a=RECORDER, b=BLACKLIST, c=BLACKLIST)
    assert result.exit_code == 1
    assert result.output.count("object.duplicate") == 1
    assert (
        "c.yaml:3:18 object.duplicate: Blacklist/default/never stands here a second time; the first is at b.yaml:1"
        in (result.output)
    )


def test_a_path_that_cannot_be_read_exits_2():
    result = run("missing")
    assert result.exit_code == 2
    assert "Error: cannot read missing: No such file or directory" in result.output
    assert run().exit_code == 2
    assert run("--schemas", "nowhere", "b.yaml", b=BLACKLIST).exit_code == 2


def test_standard_input_is_read():
    result = CliRunner().invoke(callkeeper, ["validate", "-"], input=BLACKLIST.replace("90XX", "9Y"))
    assert result.exit_code == 1
    assert "<stdin>:7:16 blacklist.pattern" in result.output


def test_every_format_says_the_same():
    files = {"a": RECORDER, "b": BLACKLIST.replace("90XX", "90YX")}
    document = json.loads(run("-f", "json", ".", **files).output)
    (finding,) = document["findings"]
    assert (finding["file"], finding["line"], finding["column"]) == ("b.yaml", 7, 16)
    result = json.loads(run("--format", "sarif", ".").output)["runs"][0]["results"][0]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 7, "startColumn": 16}
    assert run("--format", "github", ".").output.startswith("::error file=b.yaml,line=7,col=16,")
    assert ET.fromstring(run("--format", "junit", ".").output).attrib["failures"] == "1"
    for output_format in ("json", "sarif", "github", "junit"):
        assert run("--format", output_format, ".").exit_code == 1


def test_other_schemas_are_asked_too():
    schemas = ROOT / "schemas"
    assert run("--schemas", str(schemas), ".", a=RECORDER, b=BLACKLIST).exit_code == 0
    result = run("--schemas", str(schemas), ".", b=BLACKLIST.replace("90XX", "90YX"))
    assert "schema.pattern" in result.output
    assert "blacklist.pattern" in result.output


def test_colour_is_for_terminals_that_want_it():
    assert wants_colour({}, is_terminal=True)
    assert not wants_colour({}, is_terminal=False)
    assert not wants_colour({"NO_COLOR": "1"}, is_terminal=True)
    assert wants_colour({"NO_COLOR": ""}, is_terminal=True)
    assert not wants_colour({"TERM": "dumb"}, is_terminal=True)


def test_our_examples_are_clean():
    folders = [folder for folder in (ROOT / "examples").iterdir() if folder.is_dir()]
    assert folders
    for folder in folders:
        result = CliRunner().invoke(callkeeper, ["validate", "--strict", str(folder)])
        assert result.exit_code == 0, result.output


def test_checking_one_file_loads_nothing_that_it_does_not_need():
    Path("b.yaml").write_text(BLACKLIST)
    script = (
        "import sys\n"
        "from callkeeper.cli.main import callkeeper\n"
        "callkeeper(['validate', 'b.yaml'], standalone_mode=False)\n"
        "heavy = {'rich', 'jsonschema', 'fastapi', 'aiohttp', 'asyncio', 'uvicorn', 'structlog', 'difflib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_closed_pipe_ends_quietly():
    Path("b.yaml").write_text(BLACKLIST.replace("90XX", "90YX"))
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m callkeeper validate b.yaml | true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr


def test_hostile_bytes_on_standard_input_end_in_a_finding():
    for data in (b"\xff\xfe\x00", b"\x00" * 100, b"[" * 100_000, b"a: &a [*a]", b"\xed\xa0\x80"):
        result = CliRunner().invoke(callkeeper, ["validate", "-"], input=io.BytesIO(data))
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
