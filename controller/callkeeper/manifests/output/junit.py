"""Findings as JUnit XML, which every CI server shows: one test case for each file."""

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr  # writes only; nothing is parsed

from callkeeper.manifests.located import LocatedFinding
from callkeeper.manifests.output.printable import printable
from callkeeper.manifests.report import Report

_ALL_FILES = "(all files)"


def render_junit(report: Report) -> str:
    """The report as one test suite; a file fails when a finding in it fails the run."""
    by_file: dict[str, list[LocatedFinding]] = {file: [] for file in report.files}
    for one in report.findings:
        by_file.setdefault(one.file or _ALL_FILES, []).append(one)
    failures = sum(any(report.fails(one) for one in findings) for findings in by_file.values())
    counts = f'tests="{len(by_file)}" failures="{failures}" errors="0" skipped="0"'
    cases = "".join(_case(report, file, findings) for file, findings in by_file.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites name="callkeeper validate" {counts}>\n'
        f'  <testsuite name="callkeeper validate" {counts}>\n{cases}  </testsuite>\n'
        "</testsuites>\n"
    )


def _case(report: Report, file: str, findings: Sequence[LocatedFinding]) -> str:
    opening = f'    <testcase classname="callkeeper.validate" name={_attribute(file)}'
    failing = [one for one in findings if report.fails(one)]
    others = [one for one in findings if not report.fails(one)]
    body = ""
    if failing:
        message = _attribute(failing[0].finding.message)
        kind = _attribute(failing[0].finding.rule)
        body += f"      <failure message={message} type={kind}>{_lines(failing)}</failure>\n"
    if others:
        body += f"      <system-out>{_lines(others)}</system-out>\n"
    return f"{opening}>\n{body}    </testcase>\n" if body else f"{opening}/>\n"


def _lines(findings: Sequence[LocatedFinding]) -> str:
    return escape("\n".join(printable(_line(one)) for one in findings))


def _line(one: LocatedFinding) -> str:
    finding = one.finding
    hint = f" ({finding.hint})" if finding.hint else ""
    place = f"{one.file}:{one.line}:{one.column} " if one.file else ""
    return f"{place}{finding.severity} {finding.rule}: {finding.message}{hint}"


def _attribute(text: str) -> str:
    return quoteattr(printable(text))
