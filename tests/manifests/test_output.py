import json
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import callkeeper.manifests
from callkeeper.kinds.finding import Finding, ObjectKey, Severity
from callkeeper.manifests.located import LocatedFinding
from callkeeper.manifests.output.github import render_github
from callkeeper.manifests.output.json_report import render_json
from callkeeper.manifests.output.junit import render_junit
from callkeeper.manifests.output.printable import printable
from callkeeper.manifests.output.sarif import render_sarif
from callkeeper.manifests.output.text import render_text
from callkeeper.manifests.report import Report
from callkeeper.manifests.rules import describe

KEY = ObjectKey(kind="Blacklist", namespace="voice", name="a")


def located(rule="blacklist.pattern", severity=Severity.ERROR, *, file="x.yaml", line=14, column=16, **other):
    finding = Finding(rule=rule, severity=severity, **{"message": "'Y' is not allowed", "key": KEY, **other})
    return LocatedFinding(finding=finding, file=file, line=line, column=column)


def report(*findings, files=("x.yaml", "y.yaml"), objects=12, skipped=0, strict=False):
    return Report.of(findings, files=files, objects=objects, skipped=skipped, strict=strict)


MIXED = report(
    located("blacklist.twin", Severity.NOTE, file="y.yaml", line=9, column=1),
    located("recordingfilter.records-nothing", Severity.WARNING, file="y.yaml", line=3, column=1, hint="tick one"),
    located(),
    located("recorder.embedded-twice", file="", line=0, column=0),
    skipped=3,
)


def test_text_has_a_line_for_each_finding_its_hint_and_a_summary():
    assert render_text(MIXED).splitlines() == [
        "x.yaml:14:16 blacklist.pattern: 'Y' is not allowed",
        "y.yaml:3:1 warning recordingfilter.records-nothing: 'Y' is not allowed",
        "    hint: tick one",
        "y.yaml:9:1 note blacklist.twin: 'Y' is not allowed",
        "Blacklist/voice/a recorder.embedded-twice: 'Y' is not allowed",
        "12 objects in 2 files: 2 errors, 1 warning, 1 note (3 documents of other groups skipped)",
    ]
    assert render_text(report(objects=1, files=("a",), skipped=1)).splitlines() == [
        "1 object in 1 file: 0 errors, 0 warnings (1 document of another group skipped)"
    ]
    assert render_text(report(located(file="", key=None))).startswith("(all files) blacklist.pattern")


def test_colour_changes_no_word():
    coloured = render_text(MIXED, colour=True)
    for code in ("0", "1", "2", "31", "32", "33", "34"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == render_text(MIXED)
    assert "\x1b[32m" in render_text(report(), colour=True)


def test_json_carries_every_part_of_a_finding():
    document = json.loads(render_json(report(located(path=("spec", "numbers", 3, "pattern"), hint="h"))))
    assert document["summary"] == {
        "files": 2,
        "objects": 12,
        "skipped": 0,
        "errors": 1,
        "warnings": 0,
        "notes": 0,
        "failed": True,
    }
    assert document["findings"] == [
        {
            "file": "x.yaml",
            "line": 14,
            "column": 16,
            "object": "Blacklist/voice/a",
            "path": "$.spec.numbers[3].pattern",
            "rule": "blacklist.pattern",
            "severity": "error",
            "message": "'Y' is not allowed",
            "hint": "h",
        }
    ]
    nowhere = json.loads(render_json(report(located(file="", line=0, column=0, key=None))))["findings"][0]
    assert (nowhere["file"], nowhere["line"], nowhere["column"], nowhere["object"]) == (None, None, None, None)


def test_github_commands_name_file_line_and_column():
    assert render_github(MIXED).splitlines() == [
        "::error file=x.yaml,line=14,col=16,title=blacklist.pattern::'Y' is not allowed",
        "::warning file=y.yaml,line=3,col=1,title=recordingfilter.records-nothing::'Y' is not allowed (tick one)",
        "::notice file=y.yaml,line=9,col=1,title=blacklist.twin::'Y' is not allowed",
        "::error title=recorder.embedded-twice::Blacklist/voice/a: 'Y' is not allowed",
    ]
    odd = render_github(report(located(file="a,b:c%.yaml", message="100%\n::error::x"), files=()))
    assert odd == "::error file=a%2Cb%3Ac%25.yaml,line=14,col=16,title=blacklist.pattern::100%25\\x0a::error::x\n"
    assert render_github(report()) == ""


def test_sarif_describes_its_rules_and_points_at_places():
    log = json.loads(render_sarif(MIXED))
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert all(rule["shortDescription"]["text"] for rule in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    first = run["results"][0]
    assert first["level"] == "error"
    physical = first["locations"][0]["physicalLocation"]
    assert physical == {"artifactLocation": {"uri": "x.yaml"}, "region": {"startLine": 14, "startColumn": 16}}
    assert "physicalLocation" not in run["results"][3]["locations"][0]
    assert [one["location"]["uri"] for one in run["artifacts"]] == ["x.yaml", "y.yaml"]
    assert "locations" not in json.loads(render_sarif(report(located(file="", key=None))))["runs"][0]["results"][0]


@pytest.mark.parametrize(
    ("file", "uri"),
    [("./a b.yaml", "a%20b.yaml"), ("/etc/a.yaml", "file:///etc/a.yaml"), ("é#?.yaml", "%C3%A9%23%3F.yaml")],
)
def test_sarif_writes_files_as_uris(file, uri):
    log = json.loads(render_sarif(report(files=(file,))))
    assert log["runs"][0]["artifacts"][0]["location"]["uri"] == uri


def test_junit_has_a_case_for_each_file_and_fails_what_fails_the_run():
    root = ET.fromstring(render_junit(MIXED))
    assert (root.attrib["tests"], root.attrib["failures"]) == ("3", "2")
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    assert list(cases) == ["x.yaml", "y.yaml", "(all files)"]
    assert cases["x.yaml"].find("failure").attrib["type"] == "blacklist.pattern"
    assert cases["y.yaml"].find("failure") is None
    assert "tick one" in cases["y.yaml"].find("system-out").text
    strict = ET.fromstring(render_junit(report(*MIXED.findings, strict=True)))
    assert strict.attrib["failures"] == "3"
    assert ET.fromstring(render_junit(report())).attrib["failures"] == "0"


def test_findings_come_in_the_order_of_files_lines_and_columns():
    mixed = report(
        located(file="", line=0, column=0),
        located(file="y.yaml", line=1),
        located(file="x.yaml", line=9, column=2),
        located(file="x.yaml", line=9, column=1),
        located(file="x.yaml", line=2),
    )
    assert [(one.file, one.line, one.column) for one in mixed.findings] == [
        ("x.yaml", 2, 16),
        ("x.yaml", 9, 1),
        ("x.yaml", 9, 2),
        ("y.yaml", 1, 16),
        ("", 0, 0),
    ]


def test_a_warning_fails_a_strict_run_and_a_note_none():
    warning, note = located(severity=Severity.WARNING), located(severity=Severity.NOTE)
    assert report(located()).failed
    assert not report(warning, note).failed
    assert report(warning, strict=True).failed
    assert not report(note, strict=True).failed


hostile = st.text(max_size=40) | st.sampled_from(
    ["\x1b[31m\x07", "]]>&<x a='\"'>", "%0A::error::", "\u202egnp", "\udc80", "\r\n", "\u2028", "\ufeff\uffff", ""]
)


@given(hostile, hostile, hostile, hostile)
def test_nothing_that_a_manifest_holds_breaks_or_steers_a_format(message, hint, file, rule):
    mixed = report(
        located(rule=rule, message=message, hint=hint, file=file, path=(message,)),
        located(rule=rule, severity=Severity.WARNING, message=message, hint=hint, file=file),
        files=(file,) if file else (),
    )
    texts = [render_text(mixed), render_github(mixed), render_junit(mixed), render_sarif(mixed), render_json(mixed)]
    for text in texts:
        text.encode()  # no half characters
        assert not [char for char in text if char != "\n" and printable(char) != char]
    plain, commands, junit, sarif, as_json = texts
    assert len(plain.splitlines()) == (5 if hint else 3)
    assert len(commands.splitlines()) == 2
    assert all(line.startswith(("::error ", "::warning ")) for line in commands.splitlines())
    assert sum(1 for _ in ET.fromstring(junit).iter("testcase")) == 1
    results = json.loads(sarif)["runs"][0]["results"]
    assert [one["ruleId"] for one in results] == [rule, rule]
    assert json.loads(as_json)["findings"][0]["message"] == message


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: "\\" not in name))
def test_a_files_uri_leads_back_to_its_name(file):
    uri = json.loads(render_sarif(report(files=(file,))))["runs"][0]["artifacts"][0]["location"]["uri"]
    assert unquote(uri.removeprefix("file://")) in (file, file.removeprefix("./"))


def test_every_rule_of_this_room_is_described():
    room = Path(next(iter(callkeeper.manifests.__path__)))
    text = "".join(path.read_text() for path in room.glob("*.py") if path.name != "rules.py")
    quoted = {part for part in text.split('"') if part.startswith(("yaml.", "object.", "document.", "kustomize."))}
    assert len(quoted) > 15
    for rule in quoted:
        assert describe(rule)[0].isupper(), rule


def test_rules_of_kinds_are_described_by_what_they_say():
    assert describe("blacklist.pattern") == "blacklist: A number pattern is not right"
    assert describe("schema.enum") == "The object does not fit the schema's `enum`"
    assert describe("recorder.some-thing") == "recorder: some thing"
