"""Everything the audit room raises.

    AuditError
    ├── EventError (also ValueError)    the caller's event cannot become a row
    ├── RangeError (also ValueError)    the words for a time range cannot be read, or the range is reversed
    ├── OutboxUnavailable               an emitter's outbox cannot be read or written
    └── StoreError
        ├── StoreBusy                   another process (or another opening) holds the store
        ├── StoreUnavailable            the folder cannot be opened or recovered: rights, space, a failing disk
        ├── StoreFailed                 a write or sync failed; nothing is accepted until the store is opened again
        └── StoreClosed                 the store was closed by its owner

`EventError` and `RangeError` are the caller's fault; a `StoreError` is ours or the machine's.
"""


class AuditError(Exception):
    """Base of all errors of the audit room."""


class EventError(AuditError, ValueError):
    """The event cannot become a row: the message names the field and what it must be."""


class RangeError(AuditError, ValueError):
    """A time range cannot be read, or ends before it starts."""


class OutboxUnavailable(AuditError):  # noqa: N818 - a state of the outbox, named as its owner says it
    """An emitter's outbox cannot be read or written; the events are where they were."""


class StoreError(AuditError):
    """The store cannot do what was asked; no row was acknowledged."""


class StoreBusy(StoreError):  # noqa: N818 - a state of the store, named as its owner says it
    """Another writer holds the lock of this folder; there is one writer at a time."""


class StoreUnavailable(StoreError):  # noqa: N818 - a state of the store, named as its owner says it
    """The folder cannot be opened or recovered; the cause is the operating system's error."""


class StoreFailed(StoreError):  # noqa: N818 - a state of the store, named as its owner says it
    """A write or sync failed, so what was in flight is not known to be on disk.

    Linux reports a failed sync once and drops the pages, so no later success of the same file proves anything: the
    store takes nothing more until it is opened again, which looks at what is really there.
    """


class StoreClosed(StoreError):  # noqa: N818 - a state of the store, named as its owner says it
    """The store was closed; what is appended after that has nowhere to go."""
