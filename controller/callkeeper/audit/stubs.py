"""What is left of a file that retention has deleted: a signed line with its rows, its hash, its range.

    audit-2026-10-01.deleted    a line per deleted file of that day (`signed_line`), kind `deleted`

Facts:
    - of a file with rows: `rows`, `bytes`, `from` and `to` (its first and last Date), `sha256` of the file as it was
      before compression
    - of a side file: `before` and `chain`, the chain before its first and after its last line, and `commits`, all that
      were made up to there, so that chain and count go on over the gap; its rows and bytes are its own
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from callkeeper.audit.errors import CheckpointError
from callkeeper.audit.layout import SegmentName, deleted_name
from callkeeper.audit.signed_line import SignedLine, read_signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """A deleted file.

    Attributes:
        file: its name.
        segment: its name as of a file with rows; None for a side file.
        fields: what the line says.
        line: as it stands in the file.
    """

    file: str
    segment: SegmentName | None
    fields: Mapping[str, str]
    line: SignedLine

    @property
    def store(self) -> str:
        """Names the store it was deleted from."""
        return self.fields.get("store", "")

    @property
    def extent(self) -> tuple[int, int]:
        """The rows and bytes it had."""
        return self.number("rows"), self.number("bytes")

    def number(self, name: str) -> int:
        """A field that is a count."""
        return int(self.fields[name])


def read_stubs(folder: Path, day: str) -> tuple[Stub, ...]:
    """What retention has deleted of a day; lines that are none of ours are left out (`bad_lines` counts them).

    Raises:
        OSError: the file cannot be read.
    """
    return read_stub_file(folder / deleted_name(day))[0]


def read_stub_file(path: Path) -> tuple[tuple[Stub, ...], int]:
    """The stubs of a file, and how many of its lines are none of ours.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except FileNotFoundError:
        return (), 0
    found, bad = [], 0
    for text in lines:
        try:
            line = read_signed(text, "deleted")
            found.append(_stub(line))
        except (CheckpointError, KeyError, ValueError):
            bad += 1
    return tuple(found), bad


def _stub(line: SignedLine) -> Stub:
    file = line.fields["file"]
    segment = SegmentName.parse(file)
    for name in ("rows", "bytes"):
        int(line.fields[name])
    if segment is None:
        int(line.fields["commits"])
        bytes.fromhex(line.fields["chain"])
        bytes.fromhex(line.fields["before"])
    return Stub(file=file, segment=segment, fields=line.fields, line=line)
