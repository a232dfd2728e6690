"""Downloading the log is itself an action: its row is on disk before the first byte leaves.

A download is fixed and counted first, then audited, then sent; in between nothing of it can change.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from callkeeper.audit.actions import Action
from callkeeper.audit.asked import AskedExport
from callkeeper.audit.export import Export, Totals, prepare
from callkeeper.audit.merge import Stretch
from callkeeper.audit.scan import read_stretch
from callkeeper.audit.sender import Sender
from callkeeper.audit.time_words import show

KEPT_BYTES = 8 * 1024 * 1024
"""Of a selection, what is kept from counting to sending, so that the range is searched once and not twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A range fixed and counted, ready to be audited and sent.

    Attributes:
        export: the range; the row of the download is not part of it.
        totals: its rows and bytes.
        chain_head: of the store, taken before the range was fixed.
        found: the whole answer, where it is a selection of at most `KEPT_BYTES`; else None.
    """

    export: Export
    totals: Totals
    chain_head: str
    found: bytes | None = None

    @property
    def resumable(self) -> bool:
        """A part of it can be asked for."""
        return self.export.as_stored

    def details(self, offset: int = 0) -> dict[str, object]:
        """What the row of the download says of it.

        Args:
            offset: the first byte that is sent.
        """
        selection = self.export.selection
        details: dict[str, object] = {
            "from": show(self.export.start),
            "to": show(self.export.end),
            "rows": self.totals.rows,
            "bytes": self.totals.size,
            "chain": self.chain_head,
        }
        if selection.email is not None:
            details["email"] = selection.email
        if selection.actions:
            details["actions"] = [action.value for action in selection.actions]
        if selection.app is not None:
            details["app"] = selection.app
        if self.export.spreadsheet_safe:
            details["spreadsheetSafe"] = True
        if offset:
            details["resumedAt"] = offset
        return details

    def pieces(self, offset: int = 0) -> Iterator[bytes | Stretch]:
        """What is sent from an offset on.

        Raises:
            OSError: a file cannot be read.
        """
        if self.found is not None:
            return iter((self.found[offset:],))
        return self.export.pieces(offset)

    def chunks(self, offset: int = 0) -> Iterator[bytes]:
        """The same as bytes, 1 MiB at most at a time.

        Raises:
            OSError: a file cannot be read.
        """
        for piece in self.pieces(offset):
            if isinstance(piece, Stretch):
                yield from read_stretch(piece.path, piece.start, piece.end)
            else:
                yield piece


def fix_download(folder: Path, asked: AskedExport, chain_head: str) -> Download:
    """Fix a range of a store and count it; blocks while it reads.

    Args:
        folder: the store's.
        asked: what is wanted.
        chain_head: of the store, as it is now.

    Raises:
        OSError: the range cannot be read.
    """
    export = prepare(folder, asked.start, asked.end, asked.selection)
    export = replace(export, spreadsheet_safe=asked.spreadsheet_safe)
    if export.as_stored:
        return Download(export=export, totals=export.totals(), chain_head=chain_head)
    rows, size = -1, 0
    kept: list[bytes] | None = []
    for chunk in export.chunks():
        rows += chunk.count(b"\n")
        size += len(chunk)
        if kept is not None:
            kept.append(chunk)
            if size > KEPT_BYTES:
                kept = None
    found = b"".join(kept) if kept is not None else None
    return Download(export=export, totals=Totals(rows=rows, size=size), chain_head=chain_head, found=found)


async def record_download(
    download: Download, sender: Sender, *, at: datetime, email: str, ip_address: str, offset: int = 0
) -> None:
    """Audit a download that is about to be sent.

    Args:
        download: fixed and counted.
        sender: whose event it is.
        at: the instant of the request.
        email: who asked.
        ip_address: from where.
        offset: the first byte that is sent.

    Raises:
        StoreError: the row was not acknowledged; nothing may be sent.
    """
    await sender.emit(
        at=at, email=email, ip_address=ip_address, action=Action.DOWNLOAD_CSV_AUDIT, details=download.details(offset)
    )
