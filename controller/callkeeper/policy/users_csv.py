"""Reads `users.csv`: the user directory of a settings folder, as people keep it in a spreadsheet.

Facts about the format:
    - RFC 4180 with the columns of `COLUMNS` in any order, named in the first row; only `id` must be there. A byte order
      mark and any line ends are fine; empty rows are skipped.
    - `lines` holds a user's lines separated by `;`, each an extension, an E.164 number, or both as
      `2001=+390212345`. `licences`, `roles` and `groups` are words separated by `;`.
    - An empty cell is the default of `User`: no licence, the role `user`, active.

A row with a problem yields no user, and nothing is guessed: whoever reads the file decides whether the rest may be
used. A problem never repeats a cell that could hold a number.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from callkeeper.policy.directory import Licence, Line, Role, User, UserStatus, line

COLUMNS = ("id", "name", "surname", "email", "lines", "licences", "roles", "groups", "status")
"""The columns there are."""

MAX_USERS = 100_000
"""As many as a recorder's directory takes: the largest organisation planned for."""
MAX_CELL = 4096
"""Characters in a cell: some 150 lines or groups of one user."""
MAX_WORD = 254
"""Characters in an id, a name or a group: the longest e-mail address (RFC 5321, section 4.5.3.1.3)."""
MAX_PROBLEMS = 1000
"""A file that is no user list at all is not answered by a problem for each of its lines."""

Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersProblem:
    """One thing wrong with the file.

    Attributes:
        line: counted from 1; where the row starts.
        column: the column's name, or empty when it is about the row or the file.
        message: what is wrong and what to write instead.
    """

    line: int
    column: str
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.column}" if self.column else f"line {self.line}"
        return f"{where}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersFile:
    """What was read.

    Attributes:
        users: in the order of the file; rows with a problem are left out.
        problems: in the order of the file; empty when all is well.
        lines: of each user, the line its row starts on, counted from 1.
        columns: those the file has, in its order; empty when its first row cannot be used.
    """

    users: tuple[User, ...]
    problems: tuple[UsersProblem, ...]
    lines: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()


class _CellError(ValueError):
    """A cell that cannot be read; carries the column and the message."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column
        self.message = message


def parse_users(text: str) -> UsersFile:
    """Read the whole file; never raises.

    Args:
        text: the file's text, decoded from UTF-8, with or without a byte order mark.
    """
    users: list[User] = []
    lines: list[int] = []
    problems: list[UsersProblem] = []
    rows = _rows(text, problems)
    header = next(rows, None)
    if header is None:
        problems.append(UsersProblem(line=1, column="", message=f"no header row; write {','.join(COLUMNS)}"))
        return UsersFile(users=(), problems=tuple(problems))
    columns = _header(header, problems)
    seen = _Seen()
    for number, cells in rows if columns else ():
        if len(problems) >= MAX_PROBLEMS:
            problems.append(UsersProblem(line=number, column="", message="too many problems; the rest was not read"))
            break
        if len(users) >= MAX_USERS:
            problems.append(UsersProblem(line=number, column="", message=f"more than {MAX_USERS} users"))
            break
        try:
            user = _user(columns, cells)
            seen.add(user, number)
        except _CellError as error:
            problems.append(UsersProblem(line=number, column=error.column, message=error.message))
        else:
            users.append(user)
            lines.append(number)
    problems.sort(key=lambda problem: problem.line)
    return UsersFile(users=tuple(users), problems=tuple(problems), lines=tuple(lines), columns=columns)


def _rows(text: str, problems: list[UsersProblem]) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not empty, with the line it starts on."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    reader = csv.reader([part + "\n" for part in lines], strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append(UsersProblem(line=number, column="", message=f"not readable as CSV: {error}"))
            if reader.line_num < number or len(problems) >= MAX_PROBLEMS:
                return
            continue
        if any(cell.strip() for cell in cells):
            yield number, cells


def _header(header: tuple[int, list[str]], problems: list[UsersProblem]) -> tuple[str, ...]:
    """The columns of the file in its order; empty when the header cannot be used."""
    number, cells = header
    columns = tuple(cell.strip() for cell in cells)
    if len(columns) == 1 and ";" in columns[0]:
        message = "columns are separated by commas; this file uses semicolons"
        problems.append(UsersProblem(line=number, column="", message=message))
        return ()
    before = len(problems)
    for column in dict.fromkeys(columns):
        if column not in COLUMNS:
            message = f"unknown column{_meant(column, COLUMNS)}; known are {', '.join(COLUMNS)}"
            problems.append(UsersProblem(line=number, column=_shown(column), message=message))
        elif columns.count(column) > 1:
            problems.append(UsersProblem(line=number, column=column, message="the column is there more than once"))
    if "id" not in columns:
        message = "the column is missing; every user needs an id that never changes"
        problems.append(UsersProblem(line=number, column="id", message=message))
    return () if len(problems) > before else columns


class _Seen:
    """Ids and e-mail addresses read so far, with the line of each."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._emails: dict[str, int] = {}

    def add(self, user: User, number: int) -> None:
        """Remember this user; raises `_CellError` when another row has the id or the address."""
        email = user.email.casefold()
        if user.id in self._ids:
            raise _CellError("id", f"the same id as on line {self._ids[user.id]}; ids are unique")
        if email and email in self._emails:
            raise _CellError("email", f"the same address as on line {self._emails[email]} (case does not count)")
        self._ids[user.id] = number
        if email:
            self._emails[email] = number


def _user(columns: Sequence[str], cells: Sequence[str]) -> User:
    if len(cells) > len(columns):
        raise _CellError("", f"{len(cells)} cells under {len(columns)} columns; put quotes around a cell with a comma")
    cell = dict.fromkeys(COLUMNS, "") | {column: text.strip() for column, text in zip(columns, cells, strict=False)}
    for column, text in cell.items():
        if len(text) > MAX_CELL:
            raise _CellError(column, f"more than {MAX_CELL} characters")
        if not text.isprintable():
            raise _CellError(column, "holds a control character or a line break")
    for column in ("id", "name", "surname", "email"):
        if len(cell[column]) > MAX_WORD:
            raise _CellError(column, f"more than {MAX_WORD} characters")
    if not cell["id"]:
        raise _CellError("id", "empty; every user needs an id that never changes")
    return User(
        id=cell["id"],
        name=cell["name"],
        surname=cell["surname"],
        email=_email(cell["email"]),
        lines=_lines(cell["lines"]),
        licences=frozenset(_words(cell["licences"], "licences", Licence)),
        roles=frozenset(_words(cell["roles"], "roles", Role)) or frozenset({Role.USER}),
        groups=tuple(dict.fromkeys(_items(cell["groups"], "groups", _group))),
        status=_word(cell["status"], "status", UserStatus) if cell["status"] else UserStatus.ACTIVE,
    )


def _email(text: str) -> str:
    local, at, host = text.partition("@")
    if (text and not (local and at and host)) or "@" in host or " " in text:
        raise _CellError("email", "not an e-mail address (somebody@example.com)")
    return text


def _lines(text: str) -> tuple[Line, ...]:
    return tuple(dict.fromkeys(_items(text, "lines", _line)))


def _line(item: str) -> Line:
    first, pair, second = item.partition("=")
    try:
        if pair:
            if not first.strip() or not second.strip():
                raise ValueError("a pair is written extension=E.164, `2001=+390212345`")  # noqa: TRY301 - one place words it
            return line(extension=first, e164=second)
        return line(e164=first) if first.startswith("+") else line(extension=first)
    except ValueError as error:
        raise ValueError(f"{error}; lines are written `2001=+390212345;2002`") from error


def _group(item: str) -> str:
    if len(item) > MAX_WORD:
        raise ValueError(f"more than {MAX_WORD} characters")
    return item


def _words(text: str, column: str, words: type[Word]) -> tuple[Word, ...]:
    return _items(text, column, lambda item: _word(item, column, words))


def _word(text: str, column: str, words: type[Word]) -> Word:
    known = [word.value for word in words]
    if text not in known:
        raise _CellError(column, f"{_shown(text)!r} is unknown{_meant(text, known)}; known are {', '.join(known)}")
    return words(text)


def _shown(text: str) -> str:
    """A word as far as a message may repeat it: in a shifted row it could be a number."""
    return "".join("…" if character.isdigit() else character for character in text[:40])


Item = TypeVar("Item")


def _items(text: str, column: str, read: Callable[[str], Item]) -> tuple[Item, ...]:
    """The parts between semicolons, each read on its own; an empty part (a semicolon at the end) is skipped."""
    items = []
    for place, part in enumerate(text.split(";"), start=1):
        if part.strip():
            try:
                items.append(read(part.strip()))
            except _CellError:
                raise
            except ValueError as error:
                raise _CellError(column, f"part {place}: {error}") from error
    return tuple(items)


def _meant(text: str, known: Sequence[str]) -> str:
    by_folded = {word.casefold(): word for word in known}
    close = get_close_matches(text.casefold()[:MAX_WORD], by_folded, n=1)
    return f" (did you mean `{by_folded[close[0]]}`?)" if close else ""
