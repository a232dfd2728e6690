"""Rows that share a commit, and what the side file will say of them whatever file they go to.

That is worked out by the event loop in the time the writer's thread takes to wake (`prepare`), or else by whoever needs
it first; it depends on nothing but the rows, so that both may do it at once.
"""

import hashlib
from dataclasses import dataclass

from callkeeper.audit.commits import marks_text
from callkeeper.audit.routing import PreparedRow

PREPARED_BYTES = 256 * 1024
"""Larger batches are hashed by the writer's thread: the loop has others to attend to, and this takes 0.2 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a commit says of its rows.

    Attributes:
        marks: the highest sequence of each sender among them.
        marks_text: the same as it stands in the line.
        sha256: of their bytes, hexadecimal.
    """

    marks: dict[str, int]
    marks_text: str
    sha256: str


class Batch:
    """Rows in the order in which they are to be written."""

    __slots__ = ("_content", "_data", "rows")

    def __init__(self, rows: list[PreparedRow]) -> None:
        self.rows = rows
        self._data: bytes | None = None
        self._content: Content | None = None

    @property
    def data(self) -> bytes:
        """Their bytes."""
        if self._data is None:
            self._data = b"".join([prepared[0] for prepared in self.rows])
        return self._data

    @property
    def content(self) -> Content:
        """What the side file is to say of them."""
        if self._content is None:
            marks = {sender: sequence for _, sender, sequence in self.rows}
            sha256 = hashlib.sha256(self.data).hexdigest()
            self._content = Content(marks=marks, marks_text=marks_text(marks), sha256=sha256)
        return self._content

    def prepare(self) -> None:
        """Work out what will be asked for, unless there is so much of it that it had better be done elsewhere."""
        if len(self.data) <= PREPARED_BYTES:
            self.content  # noqa: B018 - for those who ask later
