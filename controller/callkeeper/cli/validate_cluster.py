"""`callkeeper validate --cluster`: what is to be said about a cluster's objects, alone or with files to be applied.

A file stands for the object of the same name that is there, and takes over its age; what is not there yet has none, and
counts as the youngest, as it will be.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from callkeeper.kinds.reading import ObjectReading
from callkeeper.manifests.loading import Manifests
from callkeeper.manifests.located import LocatedFinding
from callkeeper.manifests.report import Report
from callkeeper.operator.reading.standing import readings_of
from callkeeper.policy.cross_check import cross_check

FOLDERS_ONLY = "recorder.embedded-twice"
"""A rule about folders: in a cluster every Recorder without an endpoint is refused by the operator, each for itself."""


def check_cluster(documents: Sequence[dict[str, Any]], manifests: Manifests | None, *, strict: bool) -> Report:
    """Check what the cluster holds as if the files were applied to it."""
    there = {reading.key: reading for reading in readings_of(documents)}
    applied = {} if manifests is None else {one.key: _applied(one, there.get(one.key)) for one in manifests.readings}
    left = [reading for key, reading in there.items() if key not in applied]
    findings = [LocatedFinding(finding=one, file="", line=0, column=0) for reading in left for one in reading.findings]
    if manifests is not None:
        findings += manifests.findings
    for finding in cross_check([*left, *applied.values()]):
        if finding.rule == FOLDERS_ONLY:
            continue
        placed = LocatedFinding(finding=finding, file="", line=0, column=0)
        findings.append(placed if manifests is None else manifests.place(finding))
    return Report.of(
        findings,
        files=() if manifests is None else manifests.files,
        objects=len(left) + (0 if manifests is None else len(manifests.objects)),
        skipped=0 if manifests is None else manifests.skipped,
        strict=strict,
    )


def _applied(reading: ObjectReading, before: ObjectReading | None) -> ObjectReading:
    if before is None:
        return reading
    return replace(reading, created=before.created, uid=before.uid, generation=before.generation)
