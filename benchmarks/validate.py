"""`callkeeper validate` of 1,000 files: in process, as a process, beside kubeconform and a ruamel.yaml round trip.

In process it is measured twice: as the command runs, which looks for no garbage, and with Python's usual search for it,
which a program that calls these functions has unless it arranges otherwise.
"""

import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.processes import CALLKEEPER, kubeconform, measure
from benchmarks.rows import Row
from callkeeper.manifests.loading import read_paths
from callkeeper.policy.cross_check import cross_check

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = str(ROOT / "schemas") + "/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"
FILES = 1_000
ROUND_TRIPS = 100
"""Files read by the round-trip loader; a thousand would take longer than all the rest."""


def run(quick: bool) -> list[Row]:
    """Milliseconds a document and seconds a folder."""
    files, runs = (FILES // 5, 3) if quick else (FILES, 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [_write(folder, number) for number in range(files)]
        return [*_in_process(folder, paths, runs), *_as_process(folder, files, runs)]


def _write(folder: Path, number: int) -> Path:
    """A team's UserPolicy or Blacklist of 34 lines, as people write them."""
    head = [
        f"# Team {number}",
        "apiVersion: callkeeper.dev/v1alpha1",
        "kind: {}",
        "metadata:",
        f"  name: team-{number}",
        "  namespace: voice",
        "  labels:",
        f"    team: team-{number}",
        "spec:",
        "  recorderRef:",
        "    name: teams",
    ]
    if number % 2:
        kind, entries = "UserPolicy", ["  overrides:"]
        for user in range(11):
            entries += [f"    - user: user-{number}-{user}@example.com", "      mode: AlwaysOn  # takes orders"]
    else:
        kind, entries = "Blacklist", ["  numbers:"]
        for entry in range(11):
            entries += [f'    - pattern: "+39{number:04}{entry:02}XX"', "      comment: a customer who asked for it"]
    path = folder / f"team-{number:04}.yaml"
    path.write_text("\n".join([*head, *entries]).replace("{}", kind) + "\n")
    return path


def _in_process(folder: Path, paths: list[Path], runs: int) -> list[Row]:
    def ours() -> None:
        manifests = read_paths([folder])
        cross_check(manifests.readings)

    sample = paths[:ROUND_TRIPS]

    def round_trip() -> None:
        yaml = YAML(typ="rt")
        for path in sample:
            yaml.load(path)

    what = f"{len(paths):,} files of 34 lines, in process: read, check, check across; processor time"
    searching = _best(ours, runs) / len(paths) * 1e3
    peer = _best(round_trip, min(runs, 3)) / len(sample) * 1e3
    gc.disable()
    try:
        as_the_command = _best(ours, runs) / len(paths) * 1e3
    finally:
        gc.enable()
    return [
        Row(
            what=what,
            figure=as_the_command,
            unit="ms a file",
            bar="≤ 0.25",
            peers={"ruamel.yaml round trip, reading alone": peer},
        ),
        Row(what="the same while garbage is searched for", figure=searching, unit="ms a file"),
    ]


def _as_process(folder: Path, files: int, runs: int) -> list[Row]:
    wall, processor = measure([CALLKEEPER, "validate", "--recorder-elsewhere", folder], runs=runs)
    peers: tuple[dict[str, float], dict[str, float]] = ({}, {})
    note, binary = "kubeconform is not installed", kubeconform()
    if binary is not None:
        note = ""
        command: list[str | Path] = [binary, "-strict", "-schema-location", SCHEMAS, folder]
        peers[0]["kubeconform"], peers[1]["kubeconform"] = measure(command, runs=runs)
    what = f"`callkeeper validate` of {files:,} files, as a process"
    return [
        Row(what=what, figure=wall, unit="s", peers=peers[0], note=note),
        Row(what=f"{what}: processor time", figure=processor, unit="s", peers=peers[1], note=note),
    ]


def _best(work: Callable[[], None], runs: int) -> float:
    """Seconds of this process's own processor time, the best round: other work is not measured."""
    work()
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)
