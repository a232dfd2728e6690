"""A file's text, split into documents with their places.

Lines count from the file's start, however many documents stand before. A broken document ends at the next line that
starts with `---`, and reading goes on there, so that one run names every broken document (up to a bound).
"""

import codecs
import re
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]  # it is there to be imported
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import StreamEndEvent

from callkeeper.kinds.finding import Finding, Severity
from callkeeper.manifests.located import LocatedFinding
from callkeeper.manifests.marks import Lines, Mark, Origin, Places
from callkeeper.manifests.tree import Budget, Defect, DocumentError, TreeBuilder

MAX_FILE_BYTES = 32 * 1024 * 1024
"""Ten requests of the largest size an API server takes (3 MiB)."""

MAX_FILE_VALUES = 500_000
"""Values (fields, items, names) in one file. The longest list the API server can store, 1.2 MB of `- pattern: "1234"`,
has 200,000; reading half a million takes about a second."""

DOCUMENT_COST = 25
"""What a document costs of `MAX_FILE_VALUES` beside its values, so that no file has more than 20,000 of them."""

MAX_BROKEN_DOCUMENTS = 20
"""After so many broken documents the rest of a file is not read: it is hardly YAML."""

MAX_PATIENT_CHARACTERS = 128 * 1024
"""Text of one file that is read by the slow parser, at about 150 KiB a second, where the fast one gives up."""

_COLON_IN_FLOW = "found unexpected ':'"
"""What the C library, an old one, says of `{endpoint: https://recorder}`; the one in kubectl takes it."""

_HINTS = {
    "did not find expected key": "indent it as the lines it belongs with; quote all of a value that holds a quote",
    "did not find expected '-' indicator": "indent the entries of a list alike, each with its -",
    "mapping values are not allowed": "quote a value that holds a colon and a space, and see that the field above "
    "is written `name: value`",
    "block sequence entries are not allowed": "put the first entry of a list on a line of its own",
    "could not find expected ':'": "write a field as `name: value`, with a space after the colon",
}
"""What to do, by what the parser says of a mistake."""

# Expressions over all of Unicode take milliseconds to compile: those for rare cases are compiled when they are needed.
_UNPRINTABLE = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""What YAML 1.1 allows nowhere, not even quoted."""

_SURROGATE_PAIR = r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
_ODD_LINE_BREAKS = "\x85\u2028\u2029"
_NEXT_DOCUMENT = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a file.

    Attributes:
        value: plain JSON values; None for a document that is empty but for what is wrong with it.
        places: where they stand.
        findings: what is wrong with its YAML; the document was read nevertheless.
        expanded: True when aliases make it larger than its text.
    """

    value: Any
    places: Places
    findings: tuple[LocatedFinding, ...]
    expanded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """What a file holds.

    Attributes:
        documents: those that could be read, in order.
        findings: why others could not.
    """

    documents: tuple[Document, ...]
    findings: tuple[LocatedFinding, ...]


def read_bytes(data: bytes, file: str) -> FileContent:
    """Read a file's bytes as YAML or JSON. Total: whatever is wrong is a finding."""
    if len(data) > MAX_FILE_BYTES:
        return _nothing_but(too_large(file))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        hint = "save it as UTF-8"
        return _nothing_but(_finding("yaml.encoding", "this file is UTF-16, not UTF-8", file, (1, 1), hint=hint))
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()  # valid so far, so its characters can be counted
        position = Lines(before).position(len(before))
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        return _nothing_but(_finding("yaml.encoding", message, file, position, hint="save the file as UTF-8"))
    return read_text(text, file)


def read_text(text: str, file: str) -> FileContent:
    """Read a file's text as YAML or JSON; like `read_bytes`."""
    if text.lstrip()[:1] == "{" and "\\u" in text:
        text = re.sub(_SURROGATE_PAIR, _join_surrogates, text)
    reader = _TextReader(text, file)
    start: int | None = 0
    while start is not None:
        if len(reader.findings) == MAX_BROKEN_DOCUMENTS:
            message = f"{MAX_BROKEN_DOCUMENTS} documents of this file are broken; the rest of it was not read"
            reader.findings.append(_finding("yaml.syntax", message, file, Lines(text).position(start)))
            break
        start = reader.read_from(start)
    return FileContent(documents=tuple(reader.documents), findings=tuple(reader.findings))


class _TextReader:
    """Reads the documents of one text, in as many runs of the parser as there are broken ones, and one more."""

    def __init__(self, text: str, file: str) -> None:
        self.documents: list[Document] = []
        self.findings: list[LocatedFinding] = []
        self._text = text
        self._lines = Lines(text)
        self._file = file
        self._budget = Budget(MAX_FILE_VALUES)
        self._exact_lines = _breaks_lines_as_editors_do(text)
        self._document_start = 0
        self._patience = MAX_PATIENT_CHARACTERS

    def read_from(self, start: int, *, patiently: bool = False) -> int | None:
        """Read documents until the text ends or one is broken.

        Args:
            start: the character to start from.
            patiently: True to read one document with the parser that is slow and knows more.

        Returns:
            Where the next document starts; None when there is no more to read.
        """
        end = self._next_document(start) if patiently else None
        run = self._text[start:end] if start or end else self._text
        line = self._lines.position(start)[0] if start else 1
        origin = Origin(self._lines, start, line, self._exact_lines)
        self._document_start = 0
        try:
            self._read_run(_patient_parser(run) if patiently else CParser(run), origin)
        except DocumentError as error:
            position = origin.position(error.mark)
            self.findings.append(_finding(error.rule, error.message, self._file, position, hint=error.hint))
            if error.rule == "yaml.too-large":
                return None
        except MarkedYAMLError as error:
            broken = start + self._document_start
            if not patiently and error.problem == _COLON_IN_FLOW and self._has_patience_for(broken):
                return self.read_from(broken, patiently=True)
            self.findings.append(_syntax_finding(error, run, origin, self._file))
        except YAMLError:
            self.findings.append(_encoding_finding(run, origin, self._file))
            return None
        else:
            return end
        return self._next_document(start + self._document_start)

    def _next_document(self, start: int) -> int | None:
        """Where the document after the one that starts here starts; None when this is the last."""
        # No value of any style can hold a line that starts with `---`: it always begins a document.
        found = _NEXT_DOCUMENT.search(self._text, start + 1)
        return found.start() if found else None

    def _has_patience_for(self, start: int) -> bool:
        self._patience -= (self._next_document(start) or len(self._text)) - start
        return self._patience >= 0

    def _read_run(self, parser: Any, origin: Origin) -> None:
        next_event = parser.get_event
        next_event()  # the stream's start
        while type(event := next_event()) is not StreamEndEvent:
            self._document_start = event.start_mark.index
            self._budget.spend(DOCUMENT_COST, event.start_mark)
            builder = TreeBuilder(next_event, self._budget)
            value, marks = builder.build(next_event())
            next_event()  # the document's end
            parser.peek_event()  # where neither a document nor the end follows, this one is broken in its last lines
            findings = tuple(_defect_finding(defect, origin, self._file) for defect in builder.defects)
            if value is None and not findings:
                continue  # an empty document
            places = Places(marks, origin)
            document = Document(value=value, places=places, findings=findings, expanded=builder.repeated > 0)
            self.documents.append(document)


def _patient_parser(run: str) -> Any:
    """The library's own parser, which takes a colon inside a plain value in brackets, as kubectl does."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - for a rare case

    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    _, parser = yaml.get_constructor_parser(StringIO(run))
    return parser


def _breaks_lines_as_editors_do(text: str) -> bool:
    if any(line_break in text for line_break in _ODD_LINE_BREAKS):
        return False
    return "\r" not in text or text.count("\r") == text.count("\r\n")


def _defect_finding(defect: Defect, origin: Origin, file: str) -> LocatedFinding:
    line, column = origin.position(defect.mark)
    finding = Finding(
        rule=defect.rule,
        severity=Severity.WARNING if defect.warning else Severity.ERROR,
        message=defect.message,
        hint=defect.hint,
        path=defect.path,
        on_key=True,
    )
    return LocatedFinding(finding=finding, file=file, line=line, column=column)


def _hint_of(error: MarkedYAMLError, origin: Origin) -> str | None:
    """What to do about the mistakes that everybody makes, by the parser's own words."""
    problem = error.problem or ""
    opened = f" on line {origin.position(error.context_mark)[0]}" if error.context_mark else ""
    if "end of stream" in problem and "quoted" in (error.context or ""):
        return f"close the quote that was opened{opened}"
    if "did not find expected ','" in problem:
        return f"close the bracket that was opened{opened}, or put a comma between its entries"
    return next((hint for words, hint in _HINTS.items() if words in problem), None)


def _syntax_finding(error: MarkedYAMLError, run: str, origin: Origin, file: str) -> LocatedFinding:
    mark: Mark | None = error.problem_mark or error.context_mark
    position = origin.position(mark) if mark else (origin.line, 1)
    message = error.problem or "this is not YAML"
    if error.context:
        message = f"{error.context}: {message}"
    hint = None
    if mark is not None:
        at = run[mark.index : mark.index + 1]
        if at == "\t" or "\t" in _indentation(run, mark.index):
            hint = "indent with spaces; YAML does not allow tabs there"
        elif at in "@`%*&!|>" and at:
            hint = f"quote a value that starts with `{at}`"
        elif error.problem == _COLON_IN_FLOW:
            hint = "quote a value that holds a colon"
        else:
            hint = _hint_of(error, origin)
    return _finding("yaml.syntax", message, file, position, hint=hint)


def _indentation(run: str, index: int) -> str:
    line = run[run.rfind("\n", 0, index) + 1 : index + 1]
    return line[: len(line) - len(line.lstrip())]


def _encoding_finding(run: str, origin: Origin, file: str) -> LocatedFinding:
    match = re.search(_UNPRINTABLE, run)
    index = match.start() if match else 0
    name = f"U+{ord(run[index]):04X}" if match else "a character"
    message = f"the character {name} is not allowed in YAML" if match else "this file is not text"
    return _finding(
        "yaml.encoding",
        message,
        file,
        origin.lines.position(origin.start + index),
        hint="remove it; inside double quotes it can be written as an escape",
    )


def _join_surrogates(match: re.Match[str]) -> str:
    """JSON writes characters beyond U+FFFF as two escapes, YAML as one."""
    high, low = int(match[2], 16), int(match[3], 16)
    return f"{match[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08X}"


def too_large(file: str) -> LocatedFinding:
    """The finding for a file that is not even read."""
    message = f"this file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB and was not read"
    return _finding("yaml.too-large", message, file, (1, 1), hint="split it into several files")


def _nothing_but(finding: LocatedFinding) -> FileContent:
    return FileContent(documents=(), findings=(finding,))


def _finding(
    rule: str, message: str, file: str, position: tuple[int, int], *, hint: str | None = None
) -> LocatedFinding:
    line, column = position
    finding = Finding(rule=rule, severity=Severity.ERROR, message=message, hint=hint)
    return LocatedFinding(finding=finding, file=file, line=line, column=column)
