"""`callkeeper explain`: the chain of one call, and a file of past calls."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callkeeper.cli.main import callkeeper

SETTINGS = """\
apiVersion: callkeeper.dev/v1alpha1
kind: Recorder
metadata: {name: teams, namespace: voice}
---
apiVersion: callkeeper.dev/v1alpha1
kind: RecordingPolicy
metadata: {name: default, namespace: voice}
spec:
  recorderRef: {name: teams}
  defaultMode: AlwaysOn
  alwaysOnLimitPercent: 60
  overrides:
    - {user: Ben@example.com, mode: OnDemand}
---
apiVersion: callkeeper.dev/v1alpha1
kind: RecordingFilter
metadata: {name: filter, namespace: voice}
spec:
  recorderRef: {name: teams}
  internal: false
---
apiVersion: callkeeper.dev/v1alpha1
kind: Blacklist
metadata: {name: never, namespace: voice}
spec:
  recorderRef: {name: teams}
  numbers:
    - {pattern: "+44!"}
  ranges:
    - {from: "+390551230000", to: "+390551239999"}
"""
USERS = """\
id,email,lines,licences
ada,ada@example.com,2001=+390551112001,CallRecording
ben,ben@example.com,2002,CallRecording
carla,carla@example.com,2003,
"""
INSIDE, OUTSIDE = "conversation-4", "conversation-1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    (tmp_path / "users.csv").write_text(USERS)
    return tmp_path


def explain(folder: Path, *options: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(callkeeper, ["explain", str(folder), *options], input=stdin)


def explained(folder: Path, *options: str) -> dict:
    result = explain(folder, *options, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_whole_chain_is_printed_with_reason_object_and_place(folder):
    result = explain(
        folder, "--user", "ada@example.com", "--caller", "+390212345", "--callee", "2001",
        "--kind", "peerToPeer", "--direction", "inbound", "--conversation", INSIDE,
    )  # fmt: skip
    place = folder / "settings.yaml"
    assert (
        result.stdout.splitlines()
        == [
            "",
            "ada: peerToPeer call, external, direction inbound",
            "  ✓ config    Passed             the recorder has its settings",
            "  ✓ consent   Passed             nobody refused to be recorded; the parties were not asked",
            "  ✓ licence   Passed             the user has the Call Recording licence and is in service",
            "  ✓ blacklist Passed             no number of the call is on the blacklist",
            "  ✓ filter    Passed             the filter lets calls of this type pass",
            f"                                 {place}:15:1  RecordingFilter/voice/filter",
            "  ✓ mode      Passed             always on, by the default mode",
            f"                                 {place}:10:16  RecordingPolicy/voice/default defaultMode",
            "  ● limit     AlwaysOn           always on, and the conversation is inside the limit of 60 %",
            f"                                 {place}:11:25  RecordingPolicy/voice/default alwaysOnLimitPercent",
            "",
            f"Recorded: always on, and the conversation is inside the limit of 60 % ({place}:11:25)",
        ][1:]
    )
    assert result.exit_code == 0


def test_a_blacklisted_call_names_the_range_it_is_in(folder):
    found = explained(folder, "--user", "ada", "--caller", "tel:+39-055-123-4567", "--callee", "2001")
    assert (found["outcome"], found["reason"]) == ("doNotRecord", "Blacklisted")
    assert found["source"] == {
        "object": "Blacklist/voice/never",
        "entry": "+390551230000-+390551239999",
        "file": str(folder / "settings.yaml"),
        "line": 30,
        "column": 14,
    }
    assert [step["rule"] for step in found["decisions"][0]["steps"]] == ["config", "consent", "licence", "blacklist"]


def test_without_a_user_everybody_among_the_parties_is_explained(folder):
    result = explain(folder, "--caller", "2001", "--callee", "2002")
    assert "ada: peerToPeer call, internal, direction outbound" in result.stdout
    assert "ben: peerToPeer call, internal, direction inbound" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Not recorded: internal calls are not recorded (")


def test_an_override_is_named_by_its_line(folder):
    result = explain(folder, "--user", "ben", "--caller", "+390212345", "--callee", "2002")
    last = result.stdout.splitlines()[-1]
    assert last.startswith("Not recorded unless the user starts it: on demand, by the user's override")
    assert f"{folder / 'settings.yaml'}:13:14" in last


def test_a_call_with_nobody_to_record_says_so(folder):
    result = explain(folder, "--caller", "+390212345", "--callee", "+390212346")
    assert result.stdout.strip().startswith("Not recorded: no party of the call is a user of the directory")
    assert explained(folder, "--caller", "+390212345")["reason"] == "NoRecordedUser"


def test_without_a_conversation_a_limit_makes_it_depend(folder):
    options = ("--user", "ada", "--caller", "+390212345", "--callee", "2001")
    text = explain(folder, *options).stdout
    assert "It depends on the conversation, of which 60 in 100 are inside the always-on limit" in text
    assert "  ? limit" in text
    assert "  inside, 60 in 100: Recorded:" in text
    assert "  outside, 40 in 100: Not recorded:" in text
    found = explained(folder, *options)
    assert (found["outcome"], found["limitPercent"]) == ("depends", 60)
    assert (found["inside"], found["outside"]) == ("record", "doNotRecord")
    assert found["outsideDecisions"][0]["reason"] == "OutsideLimit"


def test_where_the_limit_makes_no_difference_nothing_depends(folder):
    found = explained(folder, "--user", "ben", "--caller", "+390212345", "--callee", "2002")
    assert found["outcome"] == "waitForStart"
    (folder / "settings.yaml").write_text(SETTINGS.replace("Percent: 60", "Percent: 100"))
    found = explained(folder, "--user", "ada", "--caller", "+390212345", "--callee", "2001")
    assert (found["outcome"], "limitPercent" in found) == ("record", False)


def test_a_conversation_outside_the_limit_is_explained(folder):
    (folder / "settings.yaml").write_text(SETTINGS.replace("Percent: 60", "Percent: 60\n  sampledOut: OnDemand"))
    options = ("--user", "ada", "--caller", "+390212345", "--callee", "2001", "--conversation", OUTSIDE)
    text = explain(folder, *options).stdout
    assert "  ✗ limit     OutsideLimit" in text
    assert "  ○ onDemand  OnDemand" in text


def test_without_users_csv_the_user_is_taken_as_licensed_and_that_is_said(folder):
    (folder / "users.csv").unlink()
    options = ("--caller", "+390212345", "--callee", "2001", "--direction", "inbound", "--conversation", INSIDE)
    result = explain(folder, "--user", "zoe@example.com", *options)
    assert "zoe@example.com is taken as a licensed user" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Recorded: ")
    nobody = explained(folder, *options)
    assert "nobody is known to have a licence" in nobody["notes"][0]
    assert nobody["reason"] == "NoRecordedUser"


def test_a_user_without_a_licence_or_unknown_is_explained(folder):
    for name in ("carla", "nobody"):
        assert explained(folder, "--user", name, "--caller", "+390212345")["reason"] == "NoLicence"


def test_every_fact_about_the_parties_can_be_given(folder):
    found = explained(
        folder, "--user", "ada", "--caller", "anonymous", "--callee", "7000", "--callee-identity", "service",
        "--connected", "ada@example.com", "--original-called", "7000", "--redirecting", "7001",
        "--consent", "given", "--caller-identity", "guest",
    )  # fmt: skip
    facts = found["decisions"][0]["facts"]
    assert facts == {
        "kind": "peerToPeer",
        "scope": "external",
        "direction": "inbound",
        "consent": "given",
        "sharedLine": False,
    }


def test_on_a_shared_line_the_text_says_so(folder):
    (folder / "users.csv").write_text("id,lines,licences\nada,2900,CallRecording\nben,2900,CallRecording\n")
    result = explain(folder, "--caller", "+390212345", "--callee", "2900")
    assert "direction inbound, one of several owners of the line" in result.stdout


def test_settings_with_errors_are_explained_as_they_come_into_force(folder):
    (folder / "settings.yaml").write_text(SETTINGS.replace('"+44!"', '"+44Y"'))
    result = explain(folder, "--user", "ada", "--caller", "+390212345", "--callee", "2001")
    assert "Blacklist/voice/never is not in force" in result.stdout
    assert "SettingsIncomplete" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Not recorded: nothing is recorded until these settings are valid")


def test_files_that_cannot_be_read_are_mentioned(folder):
    (folder / "broken.yaml").write_text("a: [")
    assert any("callkeeper validate" in note for note in explained(folder, "--user", "ada")["notes"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--caller", "nobody"], "--caller: neither a number nor a URI"),
        (["--kind", "conference"], "'conference' is not one of"),
        (["--calls", "x.csv", "--original-called", "1"], "--original-called is for a single call"),
        (["--calls", "missing.csv"], "cannot read missing.csv: No such file or directory"),
        ([], "say which call to explain"),
        (["--conversation", "c"], "say which call to explain"),
        (["--recorder", "other"], "no settings for a recorder other; there are voice/teams"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_sentence(folder, options, message):
    result = explain(folder, *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_column_that_is_nearly_one_of_ours_is_told(folder, tmp_path):
    (tmp_path / "calls.csv").write_text("id,usr,Caller,started,callee\n1,ada,+390212345,now,2001\n")
    result = explain(folder, "--calls", tmp_path / "calls.csv")
    notes = [line for line in result.stderr.splitlines() if line.startswith("Note: column")]
    assert notes == [
        "Note: column `usr` is not read; did you mean `user`?",
        "Note: column `Caller` is not read; did you mean `caller`?",
    ]


def test_a_folder_that_cannot_be_read_ends_with_2(tmp_path):
    result = explain(tmp_path / "missing")
    assert result.exit_code == 2
    assert str(tmp_path / "missing") in result.stderr
    empty = explain(tmp_path)
    assert (empty.exit_code, "has no settings of callkeeper.dev" in empty.stderr) == (2, True)


def test_of_several_recorders_one_must_be_named(folder):
    (folder / "other.yaml").write_text(SETTINGS.replace("voice", "labs"))
    assert "name one with --recorder: there are labs/teams, voice/teams" in explain(folder).stderr
    assert explained(folder, "--user", "ada", "--recorder", "labs/teams")["recorder"] == "Recorder/labs/teams"
    assert explain(folder, "--recorder", "teams").exit_code == 2


def test_a_recorder_that_is_not_valid_cannot_be_explained(folder):
    (folder / "settings.yaml").write_text(
        SETTINGS.replace("namespace: voice}\n---", "namespace: voice}\nspec: {endpoint: 1}\n---", 1)
    )
    result = explain(folder)
    assert (result.exit_code, "Recorder/voice/teams cannot be programmed" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,email\nada,nobody\n", "users.csv:2: email: not an e-mail address"),
        (b"id\n" + b"\xff\n", "users.csv:2: byte 0xff is not UTF-8"),
        (b"id\n" + b"ada\n" * 9, "and 3 more"),
    ],
)
def test_a_users_file_with_problems_ends_with_2(folder, content, message):
    (folder / "users.csv").write_bytes(content)
    result = explain(folder, "--user", "ada")
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_users_file_that_is_no_file_ends_with_2(folder):
    (folder / "users.csv").unlink()
    (folder / "users.csv").mkdir()
    result = explain(folder)
    assert (result.exit_code, "cannot be read" in result.stderr) == (2, True)


def test_a_single_file_of_settings_is_explained_too(folder):
    found = explained(folder / "settings.yaml", "--user", "ada", "--caller", "+44201")
    assert found["reason"] == "Blacklisted"
    assert "is taken as a licensed user" in found["notes"][0]


CALLS = f"""\
id,conversation,caller,callee,region
1,{INSIDE},+390212345,2001,north
2,{OUTSIDE},+390212345,2001,north
3,x,+44201,2001,"so,uth"
4,x,nobody,2001,
5,x,+390212345,2001,east,extra

6,x,2003,+390212345
"""


def test_a_file_of_calls_gets_a_row_for_each(folder):
    (folder / "calls.csv").write_text("\ufeff" + CALLS)
    result = explain(folder, "--calls", str(folder / "calls.csv"))
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [(row["id"], row["region"], row["outcome"], row["reason"]) for row in rows] == [
        ("1", "north", "record", "AlwaysOn"),
        ("2", "north", "doNotRecord", "OutsideLimit"),
        ("3", "so,uth", "doNotRecord", "Blacklisted"),
        ("4", "", "", ""),
        ("5", "east", "", ""),
        ("6", "", "doNotRecord", "NoLicence"),
    ]
    assert (rows[2]["object"], rows[2]["entry"]) == ("Blacklist/voice/never", "+44!")
    assert rows[2]["location"] == f"{folder / 'settings.yaml'}:28:17"
    assert rows[3]["problem"].startswith("line 5: caller: neither a number")
    assert rows[4]["problem"].startswith("line 6: 6 cells under 5 columns")
    assert rows[0]["problem"] == ""
    assert (result.exit_code, result.stderr) == (1, "2 of 6 rows could not be read\n")


def test_a_file_without_problems_ends_with_0_also_as_json_lines(folder):
    (folder / "calls.csv").write_text("caller,callee\n+390212345,2002\n+390212345,2003\n")
    result = explain(folder, "--calls", str(folder / "calls.csv"), "--format", "json", "--user", "ben")
    rows = [json.loads(row) for row in result.stdout.splitlines()]
    assert [row["outcome"] for row in rows] == ["waitForStart", "waitForStart"]
    assert rows[0]["entry"] == "ben@example.com"
    assert (result.exit_code, result.stderr) == (0, "")


def test_what_is_no_csv_keeps_its_place_as_a_problem(folder):
    (folder / "calls.csv").write_text('caller,callee\n"2001"x,1\n+390212345,2001\n"never closed')
    result = explain(folder, "--calls", str(folder / "calls.csv"))
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [row["problem"][:7] for row in rows] == ["line 2:", "", "line 4:"]
    assert result.exit_code == 1


def test_notes_go_to_standard_error_beside_a_file(folder):
    (folder / "users.csv").unlink()
    (folder / "calls.csv").write_text("caller\n2001\n")
    result = explain(folder, "--calls", str(folder / "calls.csv"))
    assert result.stderr.startswith("Note: there is no ")
    assert not result.stdout.startswith("Note")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": empty; the first row names the columns"),
        ("a,b\n", ":1: the first row names none of the columns"),
        ("caller,caller\n", ":1: caller: the column is there more than once"),
        ("caller,outcome\n", ":1: a column is called outcome already"),
        ('"a"b\n', ":1: "),
    ],
)
def test_a_header_that_cannot_be_used_ends_with_2(folder, content, message):
    (folder / "calls.csv").write_text(content)
    result = explain(folder, "--calls", str(folder / "calls.csv"))
    assert result.exit_code == 2
    assert message in result.stderr


def test_calls_come_from_standard_input_too(folder):
    done = subprocess.run(
        [sys.executable, "-m", "callkeeper", "explain", str(folder), "--calls", "-"],
        input=CALLS.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stdout.decode().splitlines()) == 7
