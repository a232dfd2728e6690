"""Findings for people: one line each, the hint below, a summary at the end."""

from callkeeper.kinds.finding import Severity
from callkeeper.manifests.located import LocatedFinding
from callkeeper.manifests.output.printable import printable
from callkeeper.manifests.report import Report

_BOLD, _DIM, _RED, _YELLOW, _BLUE, _GREEN, _PLAIN = (
    f"\x1b[{code}m" for code in ("1", "2", "31", "33", "34", "32", "0")
)
_COLOURS = {Severity.ERROR: _RED, Severity.WARNING: _YELLOW, Severity.NOTE: _BLUE}


def render_text(report: Report, *, colour: bool = False) -> str:
    """The report as lines of text.

    Args:
        report: what to print.
        colour: True on a terminal; the words are the same without.
    """
    lines = [line for one in report.findings for line in _finding_lines(one, colour=colour)]
    summary = _summary(report)
    if colour:
        summary = f"{_RED if report.failed else _GREEN}{summary}{_PLAIN}"
    return "\n".join([*lines, summary]) + "\n"


def _finding_lines(one: LocatedFinding, *, colour: bool) -> list[str]:
    finding = one.finding
    place = _place(one)
    rule = printable(finding.rule)
    # An error is what is expected here; only what weighs less says so.
    weight = "" if finding.severity is Severity.ERROR else f"{finding.severity} "
    if colour:
        place, rule = f"{_BOLD}{place}{_PLAIN}", f"{_COLOURS[finding.severity]}{weight}{rule}{_PLAIN}"
    else:
        rule = weight + rule
    lines = [f"{place} {rule}: {printable(finding.message)}"]
    if finding.hint:
        hint = f"    hint: {printable(finding.hint)}"
        lines.append(f"{_DIM}{hint}{_PLAIN}" if colour else hint)
    return lines


def _place(one: LocatedFinding) -> str:
    if not one.file:
        return printable(str(one.finding.key)) if one.finding.key is not None else "(all files)"
    return f"{printable(one.file)}:{one.line}:{one.column}"


def _summary(report: Report) -> str:
    counts = [_counted(report.count(Severity.ERROR), "error"), _counted(report.count(Severity.WARNING), "warning")]
    if notes := report.count(Severity.NOTE):
        counts.append(_counted(notes, "note"))
    where = f" in {_counted(len(report.files), 'file')}" if report.files or not report.objects else ""  # else a cluster
    text = f"{_counted(report.objects, 'object')}{where}: {', '.join(counts)}"
    if report.skipped:
        of_others = "of another group" if report.skipped == 1 else "of other groups"
        text += f" ({_counted(report.skipped, 'document')} {of_others} skipped)"
    return text


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
