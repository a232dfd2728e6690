"""How the operator does on a grown cluster: 5,000 objects over 50 recorders, on a real API server on this machine.

The control plane of tests/cluster, the operator, one real recorder and 49 light ones (`scale.fake_recorders`) share the
machine; figures hold for all of it together. Beside the first pass stands what a bare Kopf operator takes for one
status patch an object (`scale.bare_kopf`), in the same run on the same objects. Bars are meant for two idle cores.

Here stand the questions; what they are asked of is the folder `scale`.
"""

import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
from tests.cluster.api import path_of
from tests.cluster.audit_log import AuditLogReader

from benchmarks.rows import Row
from benchmarks.scale.applying import push, push_at_once
from benchmarks.scale.objects import FULL, QUICK, blacklist, long_blacklist
from benchmarks.scale.stage import REAL, Stage, built_stage
from benchmarks.scale.statuses import ready, verdicts
from benchmarks.scale.waiting import WAIT_SECONDS, until

SINGLE_CHANGES, SINGLE_CHANGES_QUICK = 100, 10
PUSHED, PUSHED_QUICK = 1000, 50
LONG = 20_000


def run(quick: bool) -> list[Row]:
    """Measure; one row a question."""
    size = QUICK if quick else FULL
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callkeeper-scale-")))
        stage = stack.enter_context(built_stage(home, size))
        rows = [_bare_kopf(stage), *_first_pass_and_restart(stage, stack)]
        rows += [
            _single_changes(stage, SINGLE_CHANGES_QUICK if quick else SINGLE_CHANGES),
            _push(stage, PUSHED_QUICK if quick else PUSHED),
            _long(stage, 1),
            _long(stage, 5),
            stage.operator.memory("peak of the operator's memory after all of it", "VmHWM", bar=None),
        ]
        return rows


def _bare_kopf(stage: Stage) -> Row:
    result = stage.home / "bare-kopf.json"
    command = [sys.executable, "-m", "benchmarks.scale.bare_kopf", str(result), str(stage.size.objects)]
    subprocess.run(
        command,
        check=True,
        timeout=WAIT_SECONDS,
        env=os.environ | {"KUBECONFIG": str(stage.kubeconfig)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    figures = json.loads(result.read_text())
    used, peak = figures["processorSeconds"], figures["peakMiB"]
    note = f"{used:.1f} s of processor time, peak {peak:.0f} MiB; programs no recorder"
    what = f"a bare Kopf operator: one status patch for each of {stage.size.objects} objects"
    return Row(what=what, figure=figures["seconds"], unit="s", note=note)


def _first_pass_and_restart(stage: Stage, stack: ExitStack) -> Iterator[Row]:
    stack.callback(stage.operator.stop)
    begun = time.perf_counter()
    first = stage.operator.start()
    used = stage.operator.processor_seconds
    if (said := verdicts(stage.api)) is None:
        # It said that it was ready, and was not: the time that counts is the objects'.
        until(lambda: verdicts(stage.api) is not None, "a status on every object", pause=0.2)
        first, said = time.perf_counter() - begun, verdicts(stage.api)
    assert said is not None
    verdict = f"{said['True']} in force, {said['False']} in conflict"
    note = f"{verdict}; {used:.1f} s of processor time"
    what = f"first pass over {stage.size.objects} objects and {stage.size.recorders} recorders, from its start"
    yield Row(what=what, figure=first, unit="s", bar="≤ 18", note=note)
    yield stage.operator.memory("memory after the first pass", "VmRSS", bar="≤ 160")
    stage.operator.stop()
    assert stage.control_plane.access.audit_log is not None
    log = AuditLogReader(stage.control_plane.access.audit_log)
    again = stage.operator.start()
    writes = [request for request in log.writes() if request.group == "callkeeper.dev"]
    note = f"{len(writes)} writes of objects; {stage.operator.processor_seconds:.1f} s of processor time"
    yield Row(what="restart to settled", figure=again, unit="s", bar="≤ 3", note=note)


def _single_changes(stage: Stage, count: int) -> Row:
    """A number goes on a Blacklist of the real recorder: until a call from it is not recorded any more."""
    seconds = []
    for change in range(1, count + 1):
        number = stage.size.recorders * (change % 40)  # one of the real recorder's own lists
        value = blacklist(number, stage.size, change=change)
        caller = value["spec"]["numbers"][-1]["pattern"]
        assert _decides(stage.recorder, caller) != "Blacklisted"
        begun = time.perf_counter()
        push(stage.api, [value])
        until(lambda caller=caller: _decides(stage.recorder, caller) == "Blacklisted", "a change", pause=0.005)
        seconds.append(time.perf_counter() - begun)
    ordered = sorted(seconds)
    p99 = ordered[max(0, -(-len(ordered) * 99 // 100) - 1)]
    note = f"median {statistics.median(ordered):.2f}, longest {ordered[-1]:.2f}, of {count}"
    return Row(what="apply to the recorder deciding otherwise, p99", figure=p99, unit="s", bar="≤ 1", note=note)


def _decides(recorder: httpx.Client, caller: str) -> str:
    """The reason of the decision on a call from that number to Ada."""
    name = secrets.token_hex(8)
    calling, called = {"number": caller}, {"user": "ada", "identity": "user"}
    body = {"nativeId": name, "conversation": name, "kind": "peerToPeer", "calling": calling, "called": called}
    answer = recorder.post("/v1/calls", json=body).raise_for_status().json()
    return str(answer["decisions"][0]["reason"])


def _push(stage: Stage, count: int) -> Row:
    """As a GitOps engine applies a commit that touches many files."""
    change = 77_777
    values = [blacklist(number, stage.size, change=change) for number in range(count)]
    begun, used = time.perf_counter(), stage.operator.processor_seconds
    asyncio.run(push_at_once(stage.control_plane.access.kubeconfig, values))
    pushed = time.perf_counter() - begun
    until(lambda: _changed(stage, change) == count, f"{count} changes in one push", pause=0.2)
    seconds = time.perf_counter() - begun
    what = f"{count} changed Blacklists in one push: until all are in force, from its start"
    note = f"the push itself {pushed:.1f} s; {stage.operator.processor_seconds - used:.1f} s of processor time"
    return Row(what=what, figure=seconds, unit="s", bar="≤ 10", note=note)


def _changed(stage: Stage, change: int) -> int:
    """How many numbers of that change are in force, over all recorders."""
    urls = [f"{stage.fakes}/{number}/changed/{change:05}" for number in range(stage.size.recorders) if number != REAL]
    light = sum(int(stage.light.get(url).raise_for_status().text) for url in urls)
    config = stage.recorder.get("/v1/config").raise_for_status().json()["config"]
    return light + sum(entry["pattern"].endswith(f"{change:05}") for entry in config["blacklist"]["entries"])


def _long(stage: Stage, count: int) -> Row:
    """Long lists at once, for one recorder."""
    recorder = 1 + count % 2
    values = [
        long_blacklist(recorder, f"long-{count}-{number}", LONG, head=f"+4{count}{number}") for number in range(count)
    ]
    begun, used = time.perf_counter(), stage.operator.processor_seconds
    push(stage.api, values)
    for value in values:
        metadata = value["metadata"]
        path = path_of("blacklists", metadata["namespace"], metadata["name"])
        until(lambda path=path: ready(stage.api.get(path).json()) == "True", metadata["name"], pause=0.1)
    seconds = time.perf_counter() - begun
    what = f"{count * LONG:,} numbers in {count} Blacklist{'s' if count > 1 else ''}: apply to Ready"
    note = f"{stage.operator.processor_seconds - used:.1f} s of processor time"
    return Row(what=what, figure=seconds, unit="s", bar="≤ 5" if count == 1 else None, note=note)
