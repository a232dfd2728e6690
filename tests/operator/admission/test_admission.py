"""Admission on the real API server: what kubectl prints, what is refused, and what is let through without us."""

import asyncio
import json

from tests.cluster.kubectl import Kubectl
from tests.operator.admission.conftest import StartWebhook, reviews
from tests.operator.cluster_objects import a_blacklist, a_recorder, an_object
from tests.operator.processes import RecorderProcess, until

from callkeeper.policy.config import BlacklistEntry, RecorderConfig
from callkeeper.reconcile.http_recorder import HttpRecorder
from callkeeper.reconcile.port import Envelope


def applied(kubectl: Kubectl, *documents, server_side=True, dry_run=False):
    options = [*(["--server-side"] if server_side else []), *(["--dry-run=server"] if dry_run else [])]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})
    return kubectl.run("apply", *options, "-f", "-", stdin=text)


def test_what_is_wrong_is_refused_and_what_is_surprising_is_said(kubectl: Kubectl, start_webhook: StartWebhook):
    webhook = start_webhook()
    bad = an_object("Blacklist", "bad", {"ranges": [{"from": "+391", "to": "+3900"}]})
    done = applied(kubectl, bad)
    assert done.returncode == 1
    assert 'admission webhook "settings.callkeeper.dev" denied the request: spec.ranges[0]' in done.stderr
    assert webhook.metric("callkeeper_webhook_denials_total", '{kind="Blacklist",rule="blacklist.range"}') == 1

    done = applied(kubectl, a_blacklist("+39!", "+3906!"))
    assert done.returncode == 0, done.stderr
    assert "Warning: spec.recorderRef.name: there is no Recorder teams" in done.stderr
    assert "Warning: spec.numbers: +39! covers +3906! already" in done.stderr

    applied(kubectl, a_recorder("https://recorder.example"))
    rules = [an_object("RetentionRule", name, {"retention": "90d"}) for name in ("first", "second")]
    done = applied(kubectl, *rules)
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Warning: ")]
    assert "RetentionRule/" in line
    assert "/first" in line

    done = applied(kubectl, an_object("RecordingFilter", "f", {"internal": False, "external": False}), dry_run=True)
    assert "Warning: spec.internal: internal and external are both off: nothing is recorded" in done.stderr
    confirm = {"annotations": {"callkeeper.dev/confirm": "retention=whatever"}}
    done = applied(kubectl, an_object("RetentionRule", "first", {"retention": "90d"}, **confirm), server_side=False)
    assert "denied the request: metadata.annotations['callkeeper.dev/confirm']" in done.stderr
    made = kubectl.run(
        "create", "-f", "-", stdin=json.dumps({**a_blacklist("112"), "metadata": {"generateName": "x-"}})
    )
    assert made.returncode == 0, made.stderr


def test_the_line_to_copy_is_asked_of_the_running_recorder(
    kubectl: Kubectl, start_webhook: StartWebhook, governed: RecorderProcess
):
    webhook = start_webhook()
    patterns = [f"90{number:02}" for number in range(40)]
    applied(kubectl, a_blacklist(*patterns))
    key = kubectl.json("get", "blacklist", "never")["metadata"]
    name = f"Blacklist/{key['namespace']}/never"
    entries = [{"pattern": one, "object": name, "entry": one} for one in patterns]
    program(governed, entries)
    done = applied(kubectl, a_blacklist("9000"))
    assert done.returncode == 0
    assert "Warning: this takes 39 of 40 blacklist entries away" in done.stderr
    assert 'add the annotation callkeeper.dev/confirm: "removes<=39"' in done.stderr
    governed.end()
    applied(kubectl, a_blacklist(*patterns))
    done = applied(kubectl, a_blacklist("9000"))
    assert (done.returncode, "Warning" in done.stderr) == (0, False)
    assert webhook.process.poll() is None


def program(recorder: RecorderProcess, entries):
    """Have the recorder run a blacklist, as an operator would."""
    config = RecorderConfig(blacklist=tuple(sorted(BlacklistEntry(**entry) for entry in entries)))

    async def put():
        async with HttpRecorder(recorder.url, lambda: recorder.token) as port:
            await port.put(Envelope(owner="tests", epoch=1, config=config), if_match=None)

    asyncio.run(put())


def test_a_guard_holds_against_people_and_not_against_the_end_of_a_namespace(
    kubectl: Kubectl, start_webhook: StartWebhook, namespace: str
):
    start_webhook()
    guard = {"annotations": {"callkeeper.dev/protect": "true"}}
    applied(kubectl, a_blacklist("112", **guard), a_blacklist("113", name="other"))
    done = kubectl.run("delete", "blacklist", "never", "other")
    assert 'blacklist.callkeeper.dev "other" deleted' in done.stdout
    assert "is protected against deletion; if you mean it, first run: kubectl annotate" in done.stderr
    assert kubectl.run("delete", "blacklists", "--all").returncode == 1
    kubectl("annotate", "blacklist", "never", "callkeeper.dev/protect-")
    kubectl("delete", "blacklist", "never")
    applied(kubectl, a_blacklist("112", **guard))
    kubectl("delete", "namespace", namespace, "--timeout=60s")
    assert kubectl.run("get", "namespace", namespace).returncode == 1


def test_without_a_webhook_writes_go_on_and_with_another_replica_it_answers(
    kubectl: Kubectl, start_webhook: StartWebhook
):
    webhook = start_webhook()
    port = webhook.port
    webhook.end()
    bad = an_object("Blacklist", "bad", {"ranges": [{"from": "+391", "to": "+3900"}]})
    assert applied(kubectl, bad).returncode == 0
    assert applied(kubectl, a_blacklist("no pattern")).returncode == 1, "the schema refuses what it can"
    again = start_webhook(port=port, wait=False)
    before = reviews(again)
    until(lambda: applied(kubectl, a_blacklist("112")).returncode == 0 and reviews(again) > before, lambda: again.text)
    labelled = kubectl.run("label", "blacklist", "bad", "team=x")
    assert labelled.returncode == 0, labelled.stderr
    assert applied(kubectl, {**bad, "spec": {**bad["spec"], "numbers": []}}).returncode == 1
