"""`users.csv` of the settings folder: the user directory of the embedded recorder, and findings about it."""

from dataclasses import dataclass
from pathlib import Path

from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.terms import USERS_FILE
from callkeeper.manifests.located import LocatedFinding
from callkeeper.policy.directory import Directory
from callkeeper.policy.users_csv import COLUMNS, UsersProblem, parse_users

MAX_BYTES = 64 * 1024 * 1024
"""500,000 users of 120 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderUsers:
    """What the file says.

    Attributes:
        directory: the users; None where there is no file, or something is wrong with it.
        findings: what is wrong.
    """

    directory: Directory | None
    findings: tuple[LocatedFinding, ...] = ()

    @property
    def complaint(self) -> str | None:
        """Why there are no users in it; None when there are."""
        if self.directory is not None:
            return None
        return self.findings[0].finding.message if self.findings else "it is not there"


def read_users(folder: Path) -> FolderUsers:
    """Read `users.csv` of a settings folder. Total: whatever is wrong is a finding."""
    return read_users_file(folder / USERS_FILE)


def read_users_file(path: Path) -> FolderUsers:
    """Read a file of users. Total: whatever is wrong is a finding.

    One wrong row keeps the whole file out of force: a user who silently vanished would silently not be recorded.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return FolderUsers(directory=None)
    except OSError as error:
        return _broken(path, 1, f"cannot be read: {error.strerror or error}")
    if len(data) > MAX_BYTES:
        return _broken(path, 1, f"larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _broken(path, line, f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8")
    parsed = parse_users(text)
    if parsed.problems:
        return FolderUsers(directory=None, findings=tuple(_finding(path, problem) for problem in parsed.problems))
    return FolderUsers(directory=Directory.of(parsed.users))


def _finding(path: Path, problem: UsersProblem) -> LocatedFinding:
    rule = f"users.{problem.column}" if problem.column in COLUMNS else "users.row"
    message = f"{problem.column}: {problem.message}" if problem.column else problem.message
    return _located(path, problem.line, rule, message)


def _broken(path: Path, line: int, message: str) -> FolderUsers:
    return FolderUsers(directory=None, findings=(_located(path, line, "users.file", message),))


def _located(path: Path, line: int, rule: str, message: str) -> LocatedFinding:
    finding = Finding(rule=rule, severity=Severity.ERROR, message=message)
    return LocatedFinding(finding=finding, file=str(path), line=line, column=1)
