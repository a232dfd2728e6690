"""Everything the audit room raises.

    AuditError
    ├── EventError (also ValueError)    the caller's event cannot become a row
    ├── RangeError (also ValueError)    the words for a time range cannot be read, or the range is reversed
    ├── SelectionError (also ValueError) which rows of a range are wanted cannot be read
    ├── OutboxUnavailable               an emitter's outbox cannot be read or written
    ├── CollectorError
    │   ├── CollectorUnavailable        it does not answer, is busy, or cannot write now: the same again later helps
    │   └── CollectorRefused            it does not take this token, log or content: the same again does not help
    ├── SettingsError (also ValueError) the settings of a log cannot be read, or ask for something there is not
    ├── CheckpointError (also ValueError)  a text is no checkpoint, or its signature does not fit
    ├── TokenFileError                  a token file is missing, exposed or ill-formed
    ├── KeyUnusable                     a signing key cannot be read or made
    ├── BackupError                     a backup cannot be made, or is not whole, or has no free place to go to
    └── StoreError
        ├── StoreBusy                   another process (or another opening) holds the store
        ├── StoreUnavailable            the folder cannot be opened or recovered: rights, space, a failing disk
        ├── StoreFailed                 a write or sync failed; nothing is accepted until the store has mended itself
        ├── StoreFull                   the disk is nearly full; rows are refused until there is room again
        └── StoreClosed                 the store was closed by its owner

`EventError`, `RangeError`, `SelectionError`, `CollectorRefused` are the caller's fault; a `StoreError` is ours or the
machine's.
"""


class AuditError(Exception):
    """Base of all errors of the audit room."""


class EventError(AuditError, ValueError):
    """The event cannot become a row: the message names the field and what it must be."""


class RangeError(AuditError, ValueError):
    """A time range cannot be read, or ends before it starts."""


class SelectionError(AuditError, ValueError):
    """Which rows of a range are wanted cannot be read; the message says what can."""


class OutboxUnavailable(AuditError):  # noqa: N818 - a state of the outbox, named as its owner says it
    """An emitter's outbox cannot be read or written; the events are where they were."""


class CollectorError(AuditError):
    """The audit collector did not do what was asked; nothing was acknowledged.

    Attributes:
        status: HTTP's number of its answer; None where there was none, or it is of no interest.
    """

    status: int | None = None


class CollectorUnavailable(CollectorError):  # noqa: N818 - a state of the collector, named as its clients say it
    """It cannot be reached, asks to wait, or cannot write now; the same again later may succeed."""


class CollectorRefused(CollectorError):  # noqa: N818 - what it did, named as its clients say it
    """It refuses the token, the log, or what was sent; somebody must mend something first."""


class SettingsError(AuditError, ValueError):
    """The settings of a log cannot be read; the message says which and what they may be."""


class CheckpointError(AuditError, ValueError):
    """A text is no checkpoint of ours, or was altered."""


class TokenFileError(AuditError):
    """A token file is missing, exposed to others, or ill-formed; the message says which, and what to do."""


class KeyUnusable(AuditError):  # noqa: N818 - a state of the key, named as its owner says it
    """A signing key cannot be read or made; the message names the file."""


class BackupError(AuditError):
    """A backup or a restore was not made; nothing was changed."""


class StoreError(AuditError):
    """The store cannot do what was asked; no row was acknowledged."""


class StoreBusy(StoreError):  # noqa: N818 - a state of the store, named as its owner says it
    """Another writer holds the lock of this folder; there is one writer at a time."""


class StoreUnavailable(StoreError):  # noqa: N818 - a state of the store, named as its owner says it
    """The folder cannot be opened or recovered; the cause is the operating system's error."""


class StoreFailed(StoreError):  # noqa: N818 - a state of the store, named as its owner says it
    """A write or sync failed, so what was in flight is not known to be on disk.

    Linux reports a failed sync once and drops the pages, so no later success of the same file proves anything: the
    store takes nothing more until it has mended itself: it tries once a second, when something is appended. What was in
    flight is moved aside, and rows go on in a further file.
    """


class StoreFull(StoreError):  # noqa: N818 - a state of the store, named as its owner says it
    """The disk is nearly full: rows are refused, so that the refusal itself can still be written down.

    Send again later: rows are taken again as soon as there is room.
    """


class StoreClosed(StoreError):  # noqa: N818 - a state of the store, named as its owner says it
    """The store was closed; what is appended after that has nowhere to go."""
