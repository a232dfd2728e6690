"""Findings for programs: one JSON document, described in docs/reference."""

import json
from typing import Any

from callkeeper.kinds.finding import Severity
from callkeeper.manifests.located import LocatedFinding
from callkeeper.manifests.report import Report


def render_json(report: Report) -> str:
    """The report as one JSON object with `summary` and `findings`."""
    document = {
        "summary": {
            "files": len(report.files),
            "objects": report.objects,
            "skipped": report.skipped,
            "errors": report.count(Severity.ERROR),
            "warnings": report.count(Severity.WARNING),
            "notes": report.count(Severity.NOTE),
            "failed": report.failed,
        },
        "findings": [_finding(one) for one in report.findings],
    }
    return json.dumps(document, indent=2) + "\n"


def _finding(one: LocatedFinding) -> dict[str, Any]:
    finding = one.finding
    return {
        "file": one.file or None,
        "line": one.line or None,
        "column": one.column or None,
        "object": str(finding.key) if finding.key is not None else None,
        "path": finding.json_path,
        "rule": finding.rule,
        "severity": str(finding.severity),
        "message": finding.message,
        "hint": finding.hint,
    }
