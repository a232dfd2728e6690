"""Verifying the log is itself an action: what its row says."""

from datetime import datetime

from callkeeper.audit.actions import Action
from callkeeper.audit.sender import Sender
from callkeeper.audit.verification import Verification


def verification_details(found: Verification, against: int) -> dict[str, object]:
    """Details of the row.

    Args:
        found: what was found.
        against: how many checkpoints kept elsewhere it was held against.
    """
    return {
        "sound": found.sound,
        "chain": found.chain,
        "rows": found.rows,
        "problems": len(found.problems),
        "against": against,
    }


async def record_verification(
    found: Verification, against: int, sender: Sender, *, at: datetime, email: str, ip_address: str
) -> None:
    """Audit a verification.

    Raises:
        StoreError: the row was not acknowledged.
    """
    details = verification_details(found, against)
    await sender.emit(at=at, email=email, ip_address=ip_address, action=Action.VERIFY_AUDIT, details=details)
