"""Making an export safe to open in a spreadsheet: a field it would take for a formula gets an apostrophe in front.

Never done to what is stored, and off by default: it changes what a field says. Date, ActionType and Details cannot
begin like a formula, so it is the three fields between that are looked at.
"""

import re
from collections.abc import Iterable, Iterator

from callkeeper.audit.row import DATE_LENGTH
from callkeeper.audit.scan import FIELD, whole_lines

_FORMULA = re.compile(rb"[=+\-@]|\xef\xbc[\x8b\x8d\x9d\xa0]")
"""What spreadsheets take for the beginning of a formula (OWASP, CSV injection): these four, and their full-width forms
(U+FF0B, U+FF0D, U+FF1D, U+FF20) where Japanese is written; tabs and line ends no field holds."""

_SUSPECT = re.compile(rb',"?(?:' + _FORMULA.pattern + rb")")
_FIELD = re.compile(rb"(" + FIELD + rb"),")
_DATE_END = DATE_LENGTH + len(" +0000 UTC,")
_WHO = 3


def made_safe(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The rows of stored bytes (without a header line), made safe; chunks need not end with a line."""
    for chunk in whole_lines(iter(chunks)):
        if _SUSPECT.search(chunk) is None:
            yield chunk
        else:
            yield b"".join(map(_safe_line, chunk.splitlines(keepends=True)))


def _safe_line(line: bytes) -> bytes:
    position = _DATE_END
    fields: list[bytes] = []
    for _ in range(_WHO):
        match = _FIELD.match(line, position)
        if match is None:
            return line  # no row of ours: what became of it, verification says
        fields.append(_safe_field(match[1]))
        position = match.end()
    return line[:_DATE_END] + b",".join(fields) + b"," + line[position:]


def _safe_field(field: bytes) -> bytes:
    inside = field[1:] if field.startswith(b'"') else field
    if _FORMULA.match(inside) is None:
        return field
    return b"\"'" + inside if field.startswith(b'"') else b"'" + field
