"""`callkeeper up`, from outside: a process, a folder, HTTP and files."""

import csv
import io
import itertools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
from tests.local.running import command, environment, run

from callkeeper.policy.config_json import from_json, revision, to_json
from callkeeper.policy.directory import Role
from callkeeper.recorder.principals import Principal, create_principal

ENDED_SECONDS = 10
"""Half a second by itself (`benchmarks up_latency`); with a queue for the processors whatever that takes."""

CALL = {
    "nativeId": "one",
    "conversation": "one",
    "kind": "peerToPeer",
    "calling": {"number": "+390212345"},
    "called": {"user": "ada", "identity": "user"},
}


def edit(folder: Path, name: str, before: str, after: str) -> None:
    path = folder / name
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for name in ("recorder", "audit", "reconcile")
        for path in sorted((folder / name).rglob("*"))
        if path.is_file()
    }


def rows(up, *arguments: str) -> list[dict[str, str]]:
    done = run(up.home, "audit", "export", up.folder, "--state", up.state, "--from", "today", *arguments)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_the_audit_log_is_verified_beside_the_writer_and_that_is_in_it(up):
    running = up().started()
    done = run(running.home, "audit", "verify", running.folder, "--state", running.state)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = rows(running, "--action", "VerifyAudit")
    assert json.loads(row["Details"])["sound"] is True
    where = ("--url", running.url, "--token-file", running.state / "authorization")
    done = run(running.home, "audit", "verify", *where)
    assert (done.returncode, "Nothing altered was found." in done.stdout) == (0, True), done.stderr
    assert [row["ActionType"] for row in rows(running, "--action", "VerifyAudit", "--action", "Login")] == [
        "VerifyAudit"
    ] * 2


def test_a_change_is_in_force_within_a_second_and_decides_the_next_call(up, folder):
    running = up().started()
    first = running.request("POST", "/v1/calls", CALL)
    assert first["outcome"] == "record"
    assert first["source"]["file"].endswith("policy.yaml")
    ways = ["AlwaysOn", "OnDemand"]
    took = []
    for before, after in [ways, ways[::-1], ways]:
        seen = len(running.events)
        begun = time.monotonic()
        edit(
            folder, "policy.yaml", f"{{user: ada@example.com, mode: {before}", f"{{user: ada@example.com, mode: {after}"
        )
        changed = running.wait_for("in_force", after=seen)
        took.append(time.monotonic() - begun)
    # The fastest: this machine may be busy with something else for a second, but hardly three times.
    assert min(took) < 1
    assert changed["changes"][0]["action"] == "SetUserPolicy"
    second = running.request("POST", "/v1/calls", {**CALL, "nativeId": "two", "conversation": "two"})
    assert second["outcome"] == "waitForStart"
    assert second["configRevision"] == changed["revision"]


def test_it_ends_soon_and_the_next_start_writes_nothing(up):
    running = up().started()
    before_revision = running.config()["revision"]
    assert running.end() < ENDED_SECONDS
    assert running.process.returncode == 0
    assert running.events[-1]["event"] == "ended"
    before = digests(running.state)
    again = up().started()
    assert again.config()["revision"] == before_revision
    assert again.end(signal.SIGTERM) < ENDED_SECONDS
    assert again.process.returncode == 0
    assert digests(again.state) == before


def test_a_broken_file_keeps_what_is_in_force_and_names_file_and_line(up, folder):
    running = up().started()
    before = running.config()["revision"]
    edit(folder, "filter.yaml", "  internal: false", "\tinternal: false")
    edit(folder, "policy.yaml", "OnDemand", "AlwaysOn")
    finding = running.wait_for("finding", rule="yaml.syntax")
    assert finding["file"].endswith("filter.yaml")
    assert finding["line"] == 8
    assert finding["kept"]
    assert running.config()["revision"] == before
    edit(folder, "filter.yaml", "\tinternal: false", "  internal: false")
    running.wait_for("in_force")
    running.wait_for("mended")


def test_a_wrong_object_keeps_its_own_settings_and_the_others_come_into_force(up, folder):
    running = up().started()
    edit(folder, "blacklist.yaml", "90XX", "90YX")
    finding = running.wait_for("finding", rule="blacklist.pattern")
    assert finding["file"].endswith("blacklist.yaml:11"[:-3])
    edit(folder, "policy.yaml", "defaultMode: OnDemand", "defaultMode: AlwaysOn")
    running.wait_for("in_force")
    config = running.config()["config"]
    assert "90XX" in [entry["pattern"] for entry in config["blacklist"]["entries"]]
    assert config["policy"]["defaultMode"] == "AlwaysOn"
    status = json.loads((running.state / "status.json").read_text())["objects"]["Blacklist/default/never"]
    assert {one["type"]: one["status"] for one in status["conditions"]}["Accepted"] == "False"


def test_saving_by_rename_and_touching_are_understood(up, folder):
    running = up().started()
    (folder / "policy.yaml").touch()
    new = folder / ".policy.yaml.swp"
    new.write_text((folder / "policy.yaml").read_text().replace("defaultMode: OnDemand", "defaultMode: AlwaysOn"))
    new.replace(folder / "policy.yaml")
    running.wait_for("in_force")
    assert len([one for one in running.events if one.get("event") == "in_force"]) == 1


def test_a_folder_that_vanishes_keeps_what_is_in_force_and_is_followed_when_it_is_back(up, folder):
    running = up().started()
    before = running.config()["revision"]
    folder.rename(folder.with_name("elsewhere"))
    running.wait_for("finding", rule="folder.unreadable", kept=True)
    assert running.config()["revision"] == before
    folder.with_name("elsewhere").rename(folder)
    running.wait_for("mended")
    edit(folder, "policy.yaml", "defaultMode: OnDemand", "defaultMode: AlwaysOn")
    running.wait_for("in_force")


def test_many_files_at_once_are_one_change(up, folder):
    running = up().started()
    for number in range(300):
        (folder / f"more-{number}.yaml").write_text(
            "apiVersion: callkeeper.dev/v1alpha1\nkind: Blacklist\n"
            f"metadata: {{name: more-{number}}}\n"
            f'spec: {{recorderRef: {{name: quickstart}}, numbers: [{{pattern: "7{number:03}"}}]}}\n'
        )
    running.wait_for("in_force")
    running.until(lambda: len(running.config()["config"]["blacklist"]["entries"]) == 303)


def test_users_follow_the_file_and_a_wrong_file_keeps_them(up, folder):
    running = up().started()
    edit(folder, "users.csv", "edsger,Edsger,Dijkstra", "edsger,Edsger,D")
    running.wait_for("users")
    (folder / "users.csv").write_text((folder / "users.csv").read_text() + "bad,Bad,Row,b@example.com,20x1,,,,\n")
    finding = running.wait_for("finding", rule="users.lines")
    assert finding["line"] == 6
    assert running.request("GET", "/v1/users/edsger")["surname"] == "D"
    assert running.request("PUT", "/v1/users", [])["type"].endswith("users-from-folder")


def test_two_on_one_state_and_a_taken_port_end_with_their_own_codes(up, tmp_path, folder):
    running = up().started()
    second = run(tmp_path, "up", folder, "--port", "0", "--state", running.state)
    assert second.returncode == 3
    assert str(running.process.pid) in second.stderr
    port = running.url.rpartition(":")[2]
    third = run(tmp_path, "up", folder, "--port", port, "--state", tmp_path / "other")
    assert third.returncode == 4
    assert "--port" in third.stderr
    for done in (second, third):
        assert "Traceback" not in done.stderr


def test_what_cannot_run_says_so(tmp_path, folder):
    assert run(tmp_path, "up", tmp_path / "nowhere").returncode == 2
    (tmp_path / "file").write_text("")
    unusable = run(tmp_path, "up", folder, "--port", "0", "--state", tmp_path / "file" / "state")
    assert unusable.returncode == 5
    assert "--state" in unusable.stderr
    inside = run(tmp_path, "up", folder, "--port", "0", "--state", folder / "state")
    assert inside.returncode == 2
    assert "Traceback" not in unusable.stderr + inside.stderr


def test_once_tells_by_its_exit_code_whether_everything_is_in_force(tmp_path, folder):
    arguments = ("--port", "0", "--state", tmp_path / "s", "--once")
    assert run(tmp_path, "up", folder, *arguments).returncode == 0
    edit(folder, "blacklist.yaml", "90XX", "90YX")
    assert run(tmp_path, "up", folder, *arguments).returncode == 1


def test_once_says_nothing_of_going_on_and_names_a_folder_without_settings(tmp_path, folder):
    arguments = ("--port", "0", "--state", tmp_path / "s", "--once")
    said = run(tmp_path, "up", folder, *arguments).stdout
    assert f"State   {tmp_path / 's'}" in said
    for word in ("Ctrl-C", "Page", "Offer a call"):
        assert word not in said
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = run(tmp_path, "up", empty, "--port", "0", "--state", tmp_path / "e", "--once")
    assert (nothing.returncode, "There are no settings here: nothing is in force" in nothing.stdout) == (1, True)


def test_a_start_says_what_is_wrong_with_its_audit_log(tmp_path, folder):
    arguments = ("up", folder, "--port", "0", "--state", tmp_path / "s", "--once")
    assert "audit_log" not in run(tmp_path, *arguments).stderr
    (rows,) = (tmp_path / "s" / "audit").glob("*.csv")
    written = rows.read_bytes()
    rows.write_bytes(written + b"2026-10-03 half a row")
    assert "audit_log_unfinished_write" in run(tmp_path, *arguments).stderr
    rows.write_bytes(written[:-9] + b"X" + written[-8:])
    damaged = run(tmp_path, *arguments)
    assert damaged.returncode == 0, "what is there is governed all the same"
    assert "audit_log_damaged" in damaged.stderr
    assert rows.name in damaged.stderr


@pytest.mark.parametrize("is_on_the_path", [True, False])
def test_what_is_printed_to_try_can_be_typed_here(tmp_path, folder, is_on_the_path):
    program = Path(sys.executable).parent / "callkeeper"
    where = environment(tmp_path) | {"PATH": f"{program.parent}:{os.defpath}" if is_on_the_path else os.defpath}
    process = subprocess.Popen(
        [program, "up", folder, "--port", "0"], env=where, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        shown = next(line for line in process.stdout if "audit export" in line)
        asked = subprocess.run(
            shown, shell=True, env=where, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )
        process.terminate()
    assert asked.returncode == 0, asked.stderr
    assert "UpdateBlacklist" in asked.stdout
    assert shown.split()[0] == ("callkeeper" if is_on_the_path else str(program))


def test_killed_at_any_time_it_comes_back_and_every_change_is_audited_once(up, folder):
    limits = [5, 10, 15, 20]
    for number, limit in enumerate(limits):
        running = up().started()
        text = (folder / "policy.yaml").read_text()
        before = text.partition("alwaysOnLimitPercent: ")[2].partition("\n")[0]
        edit(folder, "policy.yaml", f"alwaysOnLimitPercent: {before}", f"alwaysOnLimitPercent: {limit}")
        time.sleep(0.07 + 0.04 * number)
        running.kill()
    running = up().started()
    assert running.config()["config"]["policy"]["alwaysOnLimitPercent"] == limits[-1]
    told = [json.loads(row["Details"]) for row in rows(running) if row["ActionType"] == "UpdateRecordingLimit"]
    chain = [(one["from"]["alwaysOnLimitPercent"], one["to"]["alwaysOnLimitPercent"]) for one in told]
    assert chain[0][0] == 100
    assert chain[-1][1] == limits[-1]
    assert all(earlier[1] == later[0] for earlier, later in itertools.pairwise(chain))
    actions = [row["ActionType"] for row in rows(running)]
    assert "RevertDrift" not in actions


def foreign_put(running):
    """What somebody with a settings token does past the folder."""
    token = create_principal(running.state / "tokens.json", Principal(id="other", roles=frozenset({Role.SETTINGS})))
    header = running.state / "other.header"
    header.write_text(f"Authorization: Bearer {token}\n")
    now = running.config()
    config = to_json(from_json({**now["config"], "blacklist": {"version": 1, "entries": []}}))
    body = {"owner": now["owner"], "epoch": now["epoch"], "takeOver": False, "confirmations": [], "config": config}
    answer = running.request("PUT", "/v1/config", body, header, If_Match=f'"{now["revision"]}"')
    assert answer["changed"], answer
    return now["revision"], revision(from_json(config))


def test_a_foreign_config_is_replaced_and_audited(up):
    running = up().started()
    ours, theirs = foreign_put(running)
    assert running.wait_for("in_force")["reverted"] == theirs
    assert running.config()["revision"] == ours
    (row,) = [row for row in rows(running) if row["ActionType"] == "RevertDrift"]
    assert json.loads(row["Details"])["found"] == theirs


def test_a_foreign_config_is_reported_and_left_where_the_policy_says_so(up, folder):
    edit(folder, "recorder.yaml", "spec: {}", "spec: {driftPolicy: Report}")
    running = up().started()
    _, theirs = foreign_put(running)
    running.wait_for("Drifted")
    assert running.config()["revision"] == theirs
    assert [row["ActionType"] for row in rows(running)].count("ReportDrift") == 1


def test_rows_name_the_author_of_the_commit_and_else_the_user_of_the_machine(up, folder, tmp_path):
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        return subprocess.run(
            ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "Begin")
    running = up().started()
    edit(folder, "policy.yaml", "alwaysOnLimitPercent: 100", "alwaysOnLimitPercent: 60")
    running.wait_for("in_force")
    by_action = {row["ActionType"]: row for row in rows(running)}
    filtered = by_action["UpdateRecordingFilter"]
    assert filtered["Email"] == "ada@example.com"
    assert filtered["IpAddress"] == "127.0.0.1"
    assert json.loads(filtered["Details"])["commit"] == git("rev-parse", "HEAD")
    changed = by_action["UpdateRecordingLimit"]
    assert changed["Email"] != "ada@example.com"
    assert "commit" not in json.loads(changed["Details"])


def test_people_read_what_is_in_force_and_a_call_that_can_be_pasted(up, folder):
    running = up(log_format="text")
    running.until(lambda: any("Ctrl-C ends" in line for line in running.lines))
    text = "".join(running.lines)
    assert f"{folder}/policy.yaml:9:16" in text
    (pasted,) = [line.strip() for line in running.lines if line.strip().startswith("curl ")]
    answer = json.loads(subprocess.run(pasted, shell=True, capture_output=True, check=True, text=True).stdout)
    assert answer["outcome"] == "record"
    edit(folder, "policy.yaml", "defaultMode: OnDemand", "defaultMode: AlwaysOn")
    running.until(lambda: any("defaultMode: OnDemand → AlwaysOn" in line for line in running.lines))
    token = (running.state / "authorization").read_text().rpartition(" ")[2].strip()
    assert token not in "".join(running.lines)


def test_of_a_recorder_that_does_not_answer_nobody_says_that_nothing_is_in_force(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "recorder.yaml").write_text(
        "apiVersion: callkeeper.dev/v1alpha1\nkind: Recorder\nmetadata: {name: far}\n"
        "spec: {endpoint: 'http://127.0.0.1:1'}\n"
    )
    said = run(tmp_path, "up", tmp_path / "s", "--state", tmp_path / "state", "--once")
    assert (said.returncode, "What is in force is not known: see above." in said.stdout) == (1, True)
    assert "far: http://127.0.0.1:1 cannot be reached" in said.stdout


def test_a_recorder_elsewhere_is_reconciled_there(up, folder, tmp_path):
    here = up().started()
    token = create_principal(here.state / "tokens.json", Principal(id="remote", roles=frozenset({Role.SETTINGS})))
    remote = tmp_path / "remote"
    remote.mkdir()
    (remote / "token").write_text(token)
    (remote / "recorder.yaml").write_text(
        "apiVersion: callkeeper.dev/v1alpha1\nkind: Recorder\nmetadata: {name: far}\n"
        f"spec: {{endpoint: '{here.url}', credentialsFile: token}}\n"
    )
    (remote / "policy.yaml").write_text(
        "apiVersion: callkeeper.dev/v1alpha1\nkind: RecordingPolicy\nmetadata: {name: p}\n"
        "spec: {recorderRef: {name: far}, alwaysOnLimitPercent: 45}\n"
    )
    arguments = ("up", remote, "--state", tmp_path / "remote-state", "--once")
    refused = run(tmp_path, *arguments)
    assert refused.returncode == 1
    assert "--take-over" in refused.stdout
    taken = run(tmp_path, *arguments, "--take-over")
    assert taken.returncode == 0, taken.stdout + taken.stderr
    assert here.config()["config"]["policy"]["alwaysOnLimitPercent"] == 45
    here.wait_for("OwnerConflict")


def test_a_taken_port_is_found_before_anything_is_written(tmp_path, folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run(tmp_path, "up", folder, "--port", str(taken.getsockname()[1]), "--state", tmp_path / "s")
    assert done.returncode == 4
    assert not (tmp_path / "s" / "tokens.json").exists()


@pytest.mark.parametrize("file", ["key", "reconcile/embedded.json", "recorder/current.json", "tokens.json"])
def test_damaged_state_is_named_and_never_a_traceback(tmp_path, folder, file):
    arguments = ("up", folder, "--port", "0", "--state", tmp_path / "s", "--once")
    assert run(tmp_path, *arguments).returncode == 0
    (tmp_path / "s" / file).write_text("{")
    done = run(tmp_path, *arguments)
    assert done.returncode in {1, 5}
    assert "Traceback" not in done.stderr
    assert Path(file).name in done.stdout + done.stderr


def test_a_disk_without_room_is_named(tmp_path, folder):
    """A limit on file size stands for the full disk: every write of the process fails."""
    done = subprocess.run(
        command("up", folder, "--port", "0", "--state", tmp_path / "s", "--once"),
        env=environment(tmp_path),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 5
    assert str(tmp_path / "s") in done.stderr
    assert "Traceback" not in done.stderr


def test_who_asks_through_a_listed_proxy_is_audited_with_the_address_it_tells(up):
    running = up("--trusted-proxy", "127.0.0.0/8").started()
    running.request("POST", "/v1/recordings:search", {}, X_Forwarded_For="203.0.113.9")

    def told() -> bool:
        done = run(running.home, "audit", "export", "--state", running.state, "--from", "today")
        return any("SearchRecordings" in line and ",203.0.113.9," in line for line in done.stdout.splitlines())

    running.until(told)
