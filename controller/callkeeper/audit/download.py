"""Downloading the log is itself an action: its row is on disk before the first byte leaves."""

import asyncio
from datetime import datetime

from callkeeper.audit.actions import Action
from callkeeper.audit.export import Export, Totals
from callkeeper.audit.sender import Sender
from callkeeper.audit.time_words import show


def download_details(export: Export, totals: Totals, chain_head: str) -> dict[str, object]:
    """What the row of a download says of it.

    Args:
        export: the range, fixed: the new row is not part of it.
        totals: its rows and bytes.
        chain_head: of the store, taken when the range was fixed.
    """
    details: dict[str, object] = {
        "from": show(export.start),
        "to": show(export.end),
        "rows": totals.rows,
        "bytes": totals.size,
        "chain": chain_head,
    }
    if export.selection.email is not None:
        details["email"] = export.selection.email
    if export.selection.actions:
        details["actions"] = [action.value for action in export.selection.actions]
    return details


async def record_download(
    export: Export, sender: Sender, *, at: datetime, email: str, ip_address: str, chain_head: str
) -> Totals:
    """Audit an export that is about to be sent.

    Args:
        export: the range, fixed: the new row is not part of it.
        sender: whose event it is.
        at: the instant of the request.
        email: who asked.
        ip_address: from where.
        chain_head: of the store, taken when the range was fixed.

    Returns:
        What the row says: rows and bytes of the export.

    Raises:
        StoreError: the row was not acknowledged; nothing may be sent.
        OSError: the range cannot be read.
    """
    totals = await asyncio.to_thread(export.totals)
    details = download_details(export, totals, chain_head)
    await sender.emit(at=at, email=email, ip_address=ip_address, action=Action.DOWNLOAD_CSV_AUDIT, details=details)
    return totals
