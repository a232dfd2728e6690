"""What git knows about a file: its last commit, whether it is clean, and who the user is.

Fixed arguments, no shell, a bound in time, no prompts, none of the repository's own programs (hooks, pagers, file
system monitors). Without git, or outside of a work tree, there is simply no answer.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 5.0
"""`git log` of one file in a large repository takes well under a second."""

_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
_ALWAYS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false")


@dataclass(frozen=True, slots=True, kw_only=True)
class LastChange:
    """The last commit that touched a file.

    Attributes:
        author: e-mail address of its author.
        commit: its full hash.
    """

    author: str
    commit: str


def last_change(path: Path) -> LastChange | None:
    """The last commit of a file, provided the file is as committed; None where that cannot be said.

    A file that is gone is asked for by its former name: its last commit is the one that removed it.
    """
    folder = path.parent
    while not folder.is_dir():
        if folder == folder.parent:
            return None
        folder = folder.parent
    if _git(folder, "status", "--porcelain=v1", "--untracked-files=all", "--", str(path)) != "":
        return None
    return committed_change(path, folder)


def committed_change(path: Path, folder: Path | None = None) -> LastChange | None:
    """The last commit of a file, whatever stands in the file now."""
    said = _git(folder or path.parent, "log", "-1", "--format=%H %ae", "--", str(path))
    commit, _, author = (said or "").strip().partition(" ")
    return LastChange(author=author, commit=commit) if commit and author else None


def user_email(folder: Path) -> str | None:
    """The e-mail address that git would put on a commit made here, or None."""
    return (_git(folder, "config", "--get", "user.email") or "").strip() or None


def _git(folder: Path, *arguments: str) -> str | None:
    """What git printed, or None where it failed or is not there."""
    command = ("git", *_ALWAYS, *arguments)
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments, no shell, paths behind `--`
            command,
            cwd=folder,
            env={**os.environ, **_QUIET},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode(errors="replace")


MAX_HISTORY = 20
"""Commits looked through for one that is not a mere stamp; stamps are written once a change."""


def history(path: Path) -> list[LastChange]:
    """The last commits of a file, newest first."""
    said = _git(path.parent, "log", f"-{MAX_HISTORY}", "--format=%H %ae", "--", str(path)) or ""
    parts = (line.partition(" ") for line in said.splitlines())
    return [LastChange(author=author, commit=commit) for commit, _, author in parts if author]


def text_at(path: Path, commit: str) -> str | None:
    """What stood in a file as of a commit."""
    return _git(path.parent, "show", f"{commit}:./{path.name}")
