"""Where an export goes: a file, complete or not at all, or standard output; with a bar where somebody looks on."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from callkeeper.audit.disk import sync_folder
from callkeeper.audit.sending import send
from callkeeper.cli.main import CouldNotRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from callkeeper.audit.merge import Stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedExport:
    """An export that is audited, and may leave.

    Attributes:
        pieces: the CSV.
        size: its bytes; None where that is not known.
    """

    pieces: Iterable[bytes | Stretch]
    size: int | None


def see_target(output: Path | None, *, parquet: bool) -> None:
    """See that it can be written, before the download is audited.

    Raises:
        CouldNotRun: there is no folder for it.
        ParquetMissing: what writes Parquet is not installed.
    """
    if output is not None and not output.parent.is_dir():
        raise CouldNotRun(f"{output} cannot be written: there is no folder {output.parent}; make it, or name another")
    if parquet:
        from callkeeper.audit.parquet import see_installed  # noqa: PLC0415 - imported where it is wanted

        see_installed()


def write_export(fixed: FixedExport, output: Path | None, *, parquet: bool) -> str:
    """Write everything and say how much that was."""
    if output is not None:
        with _complete_file(output) as file, _progress(fixed.size, show_it=sys.stderr.isatty()) as advance:
            if parquet:
                from callkeeper.audit.parquet import write_parquet  # noqa: PLC0415 - imported where it is wanted

                return f"{write_parquet(_bytes(fixed.pieces, advance), file):,} rows"
            return f"{send(fixed.pieces, file.fileno(), advance):,} bytes"
    try:
        sys.stdout.flush()
        with _progress(fixed.size, show_it=sys.stderr.isatty() and not sys.stdout.isatty()) as advance:
            return f"{_to_standard_output(fixed, advance):,} bytes"
    except BrokenPipeError:
        # Who read it has seen enough, `head` for one. Nothing more can be said there, the final flush included.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _to_standard_output(fixed: FixedExport, advance: Callable[[int], None]) -> int:
    try:
        descriptor = sys.stdout.fileno()
    except OSError:  # not a file, as under a test runner
        return sum(sys.stdout.buffer.write(chunk) for chunk in _bytes(fixed.pieces, advance))
    return send(fixed.pieces, descriptor, advance)


def _bytes(pieces: Iterable[bytes | Stretch], advance: Callable[[int], None]) -> Iterator[bytes]:
    from callkeeper.audit.scan import read_stretch  # noqa: PLC0415 - imported where bytes pass through this process

    for piece in pieces:
        for chunk in (piece,) if isinstance(piece, bytes) else read_stretch(piece.path, piece.start, piece.end):
            advance(len(chunk))
            yield chunk


@contextmanager
def _progress(size: int | None, *, show_it: bool) -> Iterator[Callable[[int], None]]:
    if not show_it:
        yield lambda _: None
        return
    # Imported where somebody looks on.
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn  # noqa: PLC0415 - see above

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("export", total=size)
        yield lambda count: progress.advance(task, count)


@contextmanager
def _complete_file(output: Path) -> Iterator[IO[bytes]]:
    with tempfile.NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as file:
        unfinished = Path(file.name)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            unfinished.replace(output)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    sync_folder(output.parent)
