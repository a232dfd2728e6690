"""Findings as workflow commands, which GitHub shows beside the changed lines.

Facts: a command is one line, `::error file=…,line=…,col=…,title=…::message`. `%`, CR and LF are percent-encoded
everywhere, `:` and `,` in properties too (actions/toolkit, `command.ts`).
"""

from callkeeper.kinds.finding import Severity
from callkeeper.manifests.located import LocatedFinding
from callkeeper.manifests.output.printable import printable
from callkeeper.manifests.report import Report

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render_github(report: Report) -> str:
    """One workflow command for each finding; nothing for a clean report."""
    return "".join(f"{_command(one)}\n" for one in report.findings)


def _command(one: LocatedFinding) -> str:
    finding = one.finding
    properties = {"title": finding.rule}
    if one.file:
        properties = {"file": one.file, "line": str(one.line), "col": str(one.column), **properties}
    message = f"{finding.message} ({finding.hint})" if finding.hint else finding.message
    if not one.file and finding.key is not None:
        message = f"{finding.key}: {message}"
    listed = ",".join(f"{name}={_property(text)}" for name, text in properties.items())
    return f"::{_COMMANDS[finding.severity]} {listed}::{_data(message)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
