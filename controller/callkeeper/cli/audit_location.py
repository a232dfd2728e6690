"""Which audit log of this machine a subcommand of `callkeeper audit` is about: its options, and the search."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import click

from callkeeper.cli.main import CouldNotRun

_PATH = click.Path(path_type=Path)
C = TypeVar("C", bound=Callable[..., Any])
_MOST_LOOKED_AT = 1_000
_MOST_SHOWN = 5


def location_options(command: C) -> C:
    """DIR, --state and --log-dir, which `find_log_folder` reads."""
    for option in (
        click.option("--log-dir", type=_PATH, metavar="DIR", help="The folder of the log itself, as of a collector."),
        click.option("--state", type=_PATH, metavar="DIR", help="The state folder, when not the usual."),
        click.argument("folder", required=False, type=_PATH, metavar="[DIR]"),
    ):
        command = option(command)
    return command


def find_log_folder(folder: Path | None, state: Path | None, log_dir: Path | None) -> Path:
    """The folder that holds the rows.

    Args:
        folder: the settings folder given to `callkeeper up`; None when there is only one.
        state: its state folder, when not the usual; says it alone where both are given.
        log_dir: the folder of the log itself, NAMESPACE/RECORDER below that of a collector.

    Raises:
        CouldNotRun: there is none, or more than one.
    """
    if log_dir is not None and (folder is not None or state is not None):
        raise CouldNotRun("name the log once: by --log-dir, or by DIR and --state")
    rows = log_dir.resolve() if log_dir is not None else (_find_state(folder, state) / "audit").resolve()
    if not rows.is_dir() and log_dir is None:
        raise CouldNotRun(f"there is no audit log in {rows.parent}; has `callkeeper up` run for this folder?")
    if not rows.is_dir() or not _is_log(rows):
        raise CouldNotRun(f"there is no audit log in {rows}; {_near(rows)}")
    return rows


def _is_log(folder: Path) -> bool:
    from callkeeper.audit.layout import is_store  # noqa: PLC0415 - loaded when run

    try:
        return is_store(folder)
    except OSError as error:
        raise CouldNotRun(f"{folder} cannot be read: {error.strerror}; see whose it is") from error


def _near(folder: Path) -> str:
    """Where a log may be meant: that of a state folder, or those of a collector's."""
    below = (path for pattern in ("audit", "*", "*/*") for path in sorted(folder.glob(pattern)))
    logs = [str(path) for path in islice(below, _MOST_LOOKED_AT) if path.is_dir() and _is_log(path)]
    return f"name one of {', '.join(dict.fromkeys(logs[:_MOST_SHOWN]))}" if logs else "see its name"


def _find_state(folder: Path | None, state: Path | None) -> Path:
    from callkeeper.local.state import state_folder  # noqa: PLC0415 - imported where a folder is looked for

    if state is not None:
        return state_folder(Path.cwd(), state)
    if folder is not None:
        if not folder.is_dir():
            raise CouldNotRun(f"{folder} is no folder; name the settings folder that `callkeeper up` governs")
        return state_folder(folder)
    home = state_folder(Path.cwd()).parent
    known = sorted(path.parent for path in home.glob("*/audit") if path.is_dir())
    if len(known) == 1:
        return known[0]
    if (own := state_folder(Path.cwd())) in known:
        return own
    found = "there is none yet" if not known else "there are several: " + ", ".join(str(path) for path in known)
    raise CouldNotRun(
        "which audit log? Name the settings folder given to `callkeeper up`, its state folder with --state, or the "
        f"folder of the log itself with --log-dir; {found}"
    )
