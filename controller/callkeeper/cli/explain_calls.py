"""`explain --calls`: past calls in, the same rows with their decisions out, one at a time.

Rows are never kept: a report of any length is explained in the memory of one row. A row that cannot be read keeps its
place in the output, with the problem in the last column.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TextIO

import click

from callkeeper.cli.explain_settings import Settings
from callkeeper.cli.main import CouldNotRun
from callkeeper.policy.call import Call
from callkeeper.policy.call_history import COLUMNS, CallHistoryError, CallRows
from callkeeper.policy.config import Source
from callkeeper.policy.decide import decide
from callkeeper.policy.decision import SegmentDecision

APPENDED = ("outcome", "reason", "object", "entry", "location", "problem")
"""The columns that are added; the location is file:line:column of the entry."""

Write = Callable[[Sequence[str]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What came of a file of calls.

    Attributes:
        calls: rows that were decided.
        problems: rows that could not be read.
    """

    calls: int
    problems: int


def explain_calls(
    settings: Settings, calls: TextIO, out: TextIO, *, user: str | None, as_json: bool, name: str
) -> Tally:
    """Decide about every row of a file.

    Args:
        settings: what to decide with.
        calls: the file, opened without newline translation.
        out: where CSV or JSON lines go.
        user: who is recorded where a row does not say.
        as_json: one JSON object a line instead of CSV.
        name: of the file, for messages.

    Raises:
        CouldNotRun: the header cannot be used.
    """
    reader = csv.reader(calls, strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise CouldNotRun(f"{name}: empty; the first row names the columns")
        header[:1] = [header[0].removeprefix("\ufeff")] if header else []
        rows = CallRows.under(header)
    except (CallHistoryError, csv.Error) as error:
        raise CouldNotRun(f"{name}:1: {error}") from error
    clash = [column for column in rows.header if column in APPENDED]
    if clash:
        raise CouldNotRun(f"{name}:1: a column is called {clash[0]} already, as the one that would be added; rename it")
    for column, meant in _misspelt(rows.header):
        click.echo(f"Note: column `{column}` is not read; did you mean `{meant}`?", err=True)
    write = _json_lines(out, rows.header) if as_json else _csv(out, rows.header)
    decided = problems = 0
    places = _Places(settings)
    users = () if user is None else (user,)
    for line, cells, problem in _rows(reader):
        call, wrong = (None, problem) if problem else _read(rows, cells, line, users)
        padded = [*cells[: len(rows.header)], *[""] * (len(rows.header) - len(cells))]
        if call is None:
            problems += 1
            write([*padded, "", "", "", "", "", f"line {line}: {wrong}"])
        else:
            decided += 1
            decision = decide(settings.config, call, settings.directory)
            write([*padded, *places.columns(decision), ""])
    return Tally(calls=decided, problems=problems)


def _misspelt(header: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Columns with a name near to one that is read and missing: passed over, they make every answer another."""
    absent = [column for column in COLUMNS if column not in header]
    for column in header:
        near = get_close_matches(column.strip().casefold().replace(" ", "_"), absent, n=1, cutoff=0.75)
        if near and column not in COLUMNS:
            yield column, near[0]


def _rows(reader: Any) -> Iterator[tuple[int, list[str], str]]:
    """Every row that is not empty, with the line it starts on, and what is wrong with it as CSV."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, [], f"not readable as CSV: {error}"
            continue
        if cells:
            yield line, cells, ""


def _read(rows: CallRows, cells: Sequence[str], line: int, users: tuple[str, ...]) -> tuple[Call | None, str]:
    try:
        return rows.call(cells, f"line-{line}", users), ""
    except CallHistoryError as error:
        return None, str(error)


class _Places:
    """The appended columns of a decision, with places looked up once per source."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._of_source: dict[Source | None, tuple[str, str, str]] = {None: ("", "", "")}

    def columns(self, decision: SegmentDecision) -> tuple[str, str, str, str, str]:
        """Outcome, reason, object, entry and location."""
        deciding = decision.deciding
        place = self._of_source.get(deciding.source) or self._look_up(deciding.source)
        return decision.outcome.value, deciding.reason.value, *place

    def _look_up(self, source: Source | None) -> tuple[str, str, str]:
        assert source is not None  # None is there from the start
        place = self._settings.place(source)
        found = (source.object, source.entry, "" if place is None else str(place))
        self._of_source[source] = found
        return found


def _csv(out: TextIO, header: Sequence[str]) -> Write:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*header, *APPENDED])
    return writer.writerow


def _json_lines(out: TextIO, header: Sequence[str]) -> Write:
    names = [*header, *APPENDED]
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

    def write(values: Sequence[str]) -> None:
        out.write(encode(dict(zip(names, values, strict=True))) + "\n")

    return write
