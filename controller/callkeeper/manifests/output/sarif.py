"""Findings as SARIF 2.1.0 (OASIS), which code scanning services and editors read."""

import json
from typing import Any
from urllib.parse import quote

from callkeeper import __version__
from callkeeper.manifests.located import LocatedFinding
from callkeeper.manifests.output.printable import printable
from callkeeper.manifests.report import Report
from callkeeper.manifests.rules import describe

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render_sarif(report: Report) -> str:
    """The report as one SARIF log with one run."""
    rules = sorted({one.finding.rule for one in report.findings})
    index = {rule: number for number, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "Callkeeper",
                "version": __version__,
                "rules": [{"id": rule, "shortDescription": {"text": describe(rule)}} for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "artifacts": [{"location": {"uri": _uri(file)}} for file in report.files],
        "results": [_result(one, index[one.finding.rule]) for one in report.findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(one: LocatedFinding, rule_index: int) -> dict[str, Any]:
    finding = one.finding
    message = f"{finding.message}. Hint: {finding.hint}" if finding.hint else finding.message
    location: dict[str, Any] = {}
    if one.file:
        region = {"startLine": one.line, "startColumn": one.column}
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(one.file)}, "region": region}
    if finding.key is not None:
        name = f"{finding.key} {finding.json_path}"
        location["logicalLocations"] = [{"fullyQualifiedName": printable(name), "kind": "object"}]
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": str(finding.severity),
        "message": {"text": printable(message)},
    }
    if location:
        result["locations"] = [location]
    return result


def _uri(file: str) -> str:
    # Bytes of a name that are no UTF-8 come as lone surrogates, and go back to the bytes they were.
    path = quote(file.replace("\\", "/"), safe="/", errors="surrogateescape")
    return f"file://{path}" if path.startswith("/") else path.removeprefix("./")
