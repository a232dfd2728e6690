"""How quickly a saved file governs: save to in force, and save to the next call decided otherwise.

Runs `callkeeper up` as a process of its own on a copy of a small folder, saves a file again and again, and asks the
recorder over HTTP. Times include the file watch, reading the folder, compiling, the put with its syncs and the
read-back.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.rows import Row, number

QUICKSTART = Path(__file__).parents[1] / "examples" / "quickstart"
CHANGES = 20
CHANGES_FULL = 60
TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.002


def run(quick: bool) -> list[Row]:
    """Measure; one row a way of asking, in milliseconds."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(shutil.copytree(QUICKSTART, Path(home) / "settings"))
        state = Path(home) / "state"
        command = [sys.executable, "-m", "callkeeper", "up", str(folder), "--port", "0", "--state", str(state)]
        command += ["--log-format", "json"]
        # Its log goes to standard error and is nobody's here.
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            try:
                events = (json.loads(line) for line in process.stdout)
                url = next(event["url"] for event in events if event["event"] == "started")
                ask = _asker(url, state / "authorization")
                changes = CHANGES if quick else CHANGES_FULL
                in_force = [_in_force(folder, ask, change) for change in range(changes)]
                decided = [_decided(folder, ask, change) for change in range(changes)]
            finally:
                process.terminate()
                process.stdout.close()
    return [
        _row("save to in force (GET /v1/config)", in_force),
        _row("save to the next POST /v1/calls decided otherwise", decided),
    ]


def _asker(url: str, header: Path) -> Callable[..., Any]:
    name, _, value = header.read_text().strip().partition(": ")

    def ask(method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url + path, data=data, method=method)
        request.add_header(name, value)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return json.loads(response.read())

    return ask


def _save(folder: Path, limit: int, mode: str) -> float:
    path = folder / "policy.yaml"
    lines = path.read_text().splitlines(keepends=True)
    for index, line in enumerate(lines):
        if "alwaysOnLimitPercent:" in line:
            lines[index] = f"  alwaysOnLimitPercent: {limit}\n"
        elif "defaultMode:" in line:
            lines[index] = f"  defaultMode: {mode}\n"
    text = "".join(lines)
    begun = time.perf_counter()
    path.write_text(text)
    return begun


def _until(condition: Callable[[], bool], begun: float) -> float:
    while not condition():
        if time.perf_counter() - begun > TIMEOUT_SECONDS:
            raise RuntimeError("the change did not come into force")
        time.sleep(POLL_SECONDS)
    return (time.perf_counter() - begun) * 1000


def _in_force(folder: Path, ask: Callable[..., Any], change: int) -> float:
    limit = 5 + change % 2 * 5
    begun = _save(folder, limit, "OnDemand")
    return _until(lambda: ask("GET", "/v1/config")["config"]["policy"]["alwaysOnLimitPercent"] == limit, begun)


def _decided(folder: Path, ask: Callable[..., Any], change: int) -> float:
    mode, outcome = (("AlwaysOn", "record"), ("OnDemand", "waitForStart"))[change % 2]
    calls = iter(range(10_000))

    def otherwise() -> bool:
        name = f"call-{change}-{next(calls)}"
        call = {
            "nativeId": name,
            "conversation": name,
            "kind": "peerToPeer",
            "calling": {"number": "+390212345"},
            "called": {"user": "alan", "identity": "user"},
        }
        segment = ask("POST", "/v1/calls", call)
        ask("POST", f"/v1/calls/{segment['segment']}:end", {})
        return bool(segment["outcome"] == outcome)

    return _until(otherwise, _save(folder, 100, mode))


def _row(name: str, times: list[float]) -> Row:
    ordered = sorted(times)
    slow = ordered[int(len(ordered) * 0.95) - 1]
    return Row(
        what=f"{name}, median of {len(times)}",
        figure=statistics.median(ordered),
        unit="ms",
        bar="≤ 1,000",
        note=f"95 % within {number(slow)}, slowest {number(ordered[-1])}",
    )
