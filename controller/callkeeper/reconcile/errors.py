"""What can go wrong between an owner and its recorder, as one tree.

    RecorderError
    ├── Unreachable       no answer in time: try again
    ├── Mismatch          another config is in force than the one this put was written for: read again
    │   └── Unconfirmed   the recorder counted more than was confirmed: read and ask again
    ├── Lies              it answered, and what it says does not hold together: named, and tried again
    ├── Unrecorded        what would be done cannot be noted on this side, so it is not done: try again
    └── Terminal          trying again helps nobody; somebody has to act
        ├── Refused       the credentials are missing, wrong or lack the role `settings`
        ├── OwnerConflict another owner programs this recorder
        ├── StaleEpoch    a newer instance of this owner is at work
        ├── Withheld      the Recorder goes away with all its settings: nothing is programmed on the way
        └── Rejected      the recorder does not take this config, or is no recorder of ours

Each carries the reason its conditions show, and a message that says what to do next.
"""

from callkeeper.policy.compile import AcceptedReason
from callkeeper.reconcile.reasons import AnyReason, Reason


class RecorderError(Exception):
    """Base of all.

    Attributes:
        reason: the reason that conditions show.
        message: what failed, and what to do next.
    """

    reason: AnyReason = Reason.UNREACHABLE
    terminal: bool = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unreachable(RecorderError):  # noqa: N818 - a state of the recorder, named as a condition names it
    """No answer, or none in time, or one that says the recorder cannot do its part just now."""


class Mismatch(RecorderError):  # noqa: N818 - the precondition of RFC 9110 by its outcome
    """Another config is in force than the one the put was written for (412)."""

    reason: AnyReason = Reason.PENDING


class Unconfirmed(Mismatch):
    """The put takes away more than its confirmations cover, as the recorder counts it now (409)."""

    reason = AcceptedReason.CONFIRMATION_REQUIRED


class Lies(RecorderError):  # noqa: N818 - says what the recorder does
    """The answer contradicts itself, or what was accepted is not what is served."""

    reason = Reason.READ_BACK_MISMATCH


class Unrecorded(RecorderError):  # noqa: N818 - says what the change would be
    """The ledger or the audit store cannot be written: ours, not the recorder's."""

    reason = Reason.AUDIT_UNAVAILABLE


class Terminal(RecorderError):  # noqa: N818 - the group's name
    """Trying again does not help."""

    terminal = True


class Refused(Terminal):
    """The credentials do not do (401, 403), or none could be read."""

    reason = Reason.REFUSED


class OwnerConflict(Terminal):
    """Another owner programs this recorder (409)."""

    reason = Reason.OWNER_CONFLICT


class StaleEpoch(Terminal):
    """A newer instance of this owner is at work (409)."""

    reason = Reason.STALE_EPOCH


class Withheld(Terminal):
    """The Recorder, or all there is around it, is being deleted."""

    reason = Reason.RECORDER_DELETING


class Rejected(Terminal):
    """The recorder does not take this config (422), or speaks another contract."""

    reason = Reason.CONFIG_REJECTED
