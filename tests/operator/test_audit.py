"""What the operator does stands in the audit log once, and AuditLog and AuditExport are carried out."""

import json
import signal
import time
from hashlib import sha256
from pathlib import Path

from tests.operator.cluster_objects import a_blacklist, an_object
from tests.operator.processes import until
from tests.operator.test_in_force import becomes, condition


def test_each_change_has_its_rows_once_whatever_ends_in_between(
    governed, collector, start_collector, kubectl, start_operator, namespace
):
    kubectl.apply(a_blacklist("+390212345678", "112"))
    operator = start_operator(*collector.arguments)
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    until(lambda: {"UpdateBlacklist", "CreateSettings"} <= set(collector.actions(namespace)), lambda: operator.text)
    # The collector goes away: the change comes into force, and its rows wait in the ledger.
    collector.end()
    kubectl.apply(a_blacklist("112"))
    until(lambda: governed.patterns == ["112"], lambda: operator.text)
    becomes(kubectl, "recorder/teams", "AuditUnavailable", "Synced")
    operator.end(signal.SIGKILL)
    back = start_collector(port=collector.port)
    second = start_operator(*back.arguments)
    kubectl.wait_for("Ready", "recorder/teams", "blacklist/never")
    until(lambda: back.actions(namespace).count("UpdateSettings") == 1, lambda: second.text)
    assert back.actions(namespace).count("UpdateBlacklist") == 2
    ids = [json.loads(row["Details"])["id"] for row in back.rows(namespace)]
    assert len(set(ids)) == len(ids)
    assert not any("0212345678" in row["Details"] for row in back.rows(namespace))
    # One number, one mask: who put it there and that it came into force can be joined.
    rows = [(row["ActionType"], json.loads(row["Details"])) for row in back.rows(namespace)]
    created = next(said for action, said in rows if action == "CreateSettings" and "lists" in said)
    came = next(said for action, said in rows if action == "UpdateBlacklist")
    (numbers,) = created["lists"].values()
    assert numbers["added"]["entries"] == came["added"]["entries"], rows
    assert "0212345678" not in operator.text + second.text


def test_how_the_log_is_kept_is_put_to_the_collector(governed, collector, kubectl, start_operator, namespace):
    kubectl.apply(an_object("AuditLog", "kept", {"rotation": "16Mi", "applicationName": "lab", "compressClosed": True}))
    operator = start_operator(*collector.arguments)
    kubectl.wait_for("Ready", "auditlog/kept")
    settings = collector.folder / namespace / "teams" / "settings.json"
    until(lambda: settings.exists() and json.loads(settings.read_text())["rotation"] == "16Mi", lambda: operator.text)
    until(lambda: "CreateSettings" in collector.actions(namespace), lambda: operator.text)
    names = {row["AppName"] for row in collector.rows(namespace) if row["ActionType"].endswith("Settings")}
    assert names == {"lab"}
    assert json.loads(settings.read_text())["compressClosed"] is True
    collector.end()
    kubectl.apply(an_object("AuditLog", "kept", {"rotation": "32Mi", "applicationName": "lab"}))
    until(lambda: (found := condition(kubectl, "auditlog/kept")) and found[1] == "AuditUnavailable")


def test_an_export_is_made_and_goes_with_its_object_where_that_was_asked_for(
    governed, collector, kubectl, start_operator, namespace
):
    kubectl.apply(a_blacklist("112"))
    operator = start_operator(*collector.arguments)
    kubectl.wait_for("Ready", "blacklist/never")
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    spec = {"from": "2026-01-01", "to": soon}
    kubectl.apply(
        an_object("AuditExport", "kept", spec), an_object("AuditExport", "gone", {**spec, "deleteWithObject": True})
    )
    for name in ("auditexport/kept", "auditexport/gone"):
        becomes(kubectl, name, "Exported")
    status = kubectl.json("get", "auditexport", "gone")["status"]
    kept = kubectl.json("get", "auditexport", "kept")["status"]
    files = {
        name: find(collector.folder, Path(one["file"]).name) for name, one in {"gone": status, "kept": kept}.items()
    }
    data = files["gone"].read_bytes()
    assert (status["bytes"], status["sha256"]) == (len(data), sha256(data).hexdigest())
    assert status["rows"] >= 1
    # Also where the operator did not see it go.
    operator.end(signal.SIGKILL)
    kubectl("delete", "auditexport", "kept", "gone")
    second = start_operator(*collector.arguments)
    until(lambda: not files["gone"].exists(), lambda: second.text)
    assert files["kept"].exists()


def find(folder: Path, name: str) -> Path:
    return next(folder.rglob(name))
