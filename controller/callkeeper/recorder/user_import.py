"""What an import of users from CSV would do, line by line. Pure: `Users` brings it into force.

An import adds users and changes those it names; it deletes nobody. A column the file does not have leaves what a user
had; an empty cell of one it has is the default. A line stands or falls by itself: what is wrong with one is said there,
and the user it names stays as before.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from callkeeper.policy.directory import Directory, User
from callkeeper.policy.users_csv import UsersFile
from callkeeper.recorder import bounds
from callkeeper.recorder.retired_users import Retired
from callkeeper.recorder.user_changes import is_reused

Wrong = tuple[str, str]
"""The column, and what is wrong there."""


class LineResult(StrEnum):
    """What becomes of a line."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """One line of the file.

    Attributes:
        line: counted from 1; where the row starts.
        result: what becomes of it.
        id: whose it is; None where that cannot be read.
        column: which cell is wrong; empty when it is about the row, or nothing is wrong.
        message: what is wrong, and what to do; empty when nothing is.
    """

    line: int
    result: LineResult
    id: str | None = None
    column: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserImport:
    """What an import comes to.

    Attributes:
        users: who comes or changes.
        report: every line of the file, in its order.
    """

    users: tuple[User, ...]
    report: tuple[ReportLine, ...]

    @property
    def problems(self) -> tuple[ReportLine, ...]:
        """The lines something is wrong with."""
        return tuple(one for one in self.report if one.result is LineResult.PROBLEM)

    def counts(self) -> dict[str, int]:
        """How many lines of each result."""
        found = dict.fromkeys((result.value for result in LineResult), 0)
        for one in self.report:
            found[one.result] += 1
        return found


def plan_import(file: UsersFile, directory: Directory, retired: Mapping[str, Retired], *, restore: bool) -> UserImport:
    """Find out what becomes of every line.

    Args:
        file: as it was read.
        directory: the users of now.
        retired: the deleted ones.
        restore: whether those who come back are taken for the same people.
    """
    report = {
        (problem.line, -1 - number): ReportLine(
            line=problem.line, result=LineResult.PROBLEM, column=problem.column, message=problem.message
        )
        for number, problem in enumerate(file.problems)
    }
    users = [_merged(user, directory.users.get(user.id), file.columns) for user in file.users]
    wrong = _wrong_alone(users, directory, retired, restore=restore)
    wrong |= _names_taken(users, directory, wrong)
    room = bounds.DIRECTORY_USERS - len(directory.users)
    good = []
    for number, (line, user) in enumerate(zip(file.lines, users, strict=True)):
        before = directory.users.get(user.id)
        found = wrong.get(number)
        if found is None and before is None:
            room -= 1
            found = ("", f"more than {bounds.DIRECTORY_USERS} users, which is the most") if room < 0 else None
        if found is not None:
            column, message = found
            one = ReportLine(line=line, result=LineResult.PROBLEM, id=user.id, column=column, message=message)
        else:
            one = ReportLine(line=line, result=_result(before, user), id=user.id)
            if one.result is not LineResult.UNCHANGED:
                good.append(user)
        report[line, number] = one
    return UserImport(
        users=tuple(good), report=tuple(one for _, one in sorted(report.items(), key=lambda item: item[0]))
    )


def _result(before: User | None, after: User) -> LineResult:
    if before is None:
        return LineResult.CREATED
    return LineResult.UNCHANGED if before == after else LineResult.CHANGED


def _merged(user: User, before: User | None, columns: Iterable[str]) -> User:
    user = replace(user, groups=tuple(sorted(set(user.groups))))
    # The columns of the file are the fields of a user.
    return user if before is None else replace(before, **{name: getattr(user, name) for name in columns})


def _wrong_alone(
    users: list[User], directory: Directory, retired: Mapping[str, Retired], *, restore: bool
) -> dict[int, Wrong]:
    """The places of those who are wrong whatever the other lines say."""
    wrong = {}
    for place, user in enumerate(users):
        if len(user.lines) > bounds.LINES_PER_USER:
            wrong[place] = "lines", f"more than {bounds.LINES_PER_USER}"
        elif len(user.groups) > bounds.GROUPS_PER_USER:
            wrong[place] = "groups", f"more than {bounds.GROUPS_PER_USER}"
        elif not restore and user.id not in directory.users and is_reused(user, retired):
            wrong[place] = "id", "was given to somebody who was deleted; if it is the same person, import with restore"
    return wrong


def names(user: User) -> Iterator[str]:
    """By which e-mail addresses a user is found: the own one, and an id that is written like one."""
    if user.email:
        yield user.email.casefold()
    if "@" in user.id and user.id.casefold() != user.email.casefold():
        yield user.id.casefold()


def _names_taken(users: list[User], directory: Directory, left_out: Collection[int]) -> dict[int, Wrong]:
    """The places of those whose e-mail address is another user's.

    Two users of the file may swap their addresses. A line that is wrong leaves its user as before, who then keeps the
    address: who has taken it meanwhile is wrong too, and so on.
    """
    coming = {user.id for place, user in enumerate(users) if place not in left_out}
    staying = (user for user in directory.users.values() if user.id not in coming)
    holders = {name: user.id for user in staying for name in names(user)}
    claims: dict[str, int] = {}
    todo = []
    for place, user in enumerate(users):
        if place in left_out:
            continue
        if any(name in holders or name in claims for name in names(user)):
            todo.append(place)
        else:
            claims.update(dict.fromkeys(names(user), place))
    wrong: dict[int, Wrong] = {}
    while todo:
        place = todo.pop()
        if place in wrong:
            continue
        wrong[place] = "email", "the address of another user, who keeps it"
        before = directory.users.get(users[place].id)
        kept = set() if before is None else set(names(before))
        todo += [claims[name] for name in kept if claims.get(name, place) != place]
    return wrong
