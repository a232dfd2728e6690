"""The recorder's errors, as one tree.

    RecorderError
    ├── Refused                 the request cannot be done; whoever sent it has to do something else
    │   ├── Unknown             no such segment, user or revision
    │   ├── Gone                it was there, and was removed
    │   ├── NotAllowed          it is somebody else's to do
    │   ├── Conflict            it contradicts what is there
    │   ├── Unprocessable       it was understood and is wrong
    │   ├── PreconditionFailed  it was written for another state
    │   └── Full                a bound of this recorder is reached
    └── Fault                   the recorder cannot do its part; the request may be right
        ├── StorageFault        the state on disk cannot be read or written
        │   ├── StorageFull     there is no room for it
        │   └── RowsRefused     it could be, but these rows contradict what is there
        └── AuditFault          the audit row cannot be made durable

Each carries the name of the problem it is answered with (`http/problems.py`, docs/reference/problems.md) and what to do
next.
"""

from collections.abc import Mapping
from typing import Any


class RecorderError(Exception):
    """Base of all.

    Attributes:
        problem: the name of the problem type, `owner-conflict`.
        detail: what failed, on which object.
        next_step: what to do.
        members: further members of the problem document.
        headers: of the answer, besides those of every problem document.
    """

    def __init__(self, problem: str, detail: str, next_step: str, members: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{detail}; {next_step}")
        self.problem = problem
        self.detail = detail
        self.next_step = next_step
        self.members = dict(members or {})
        self.headers: dict[str, str] = {}


class Refused(RecorderError):  # noqa: N818 - the name says whose turn it is
    """The request cannot be done as it stands."""


class Unknown(Refused):
    """There is no such thing, or not for this principal."""


class Gone(Refused):
    """It was there and was removed; what is left of it is told."""


class NotAllowed(Refused):
    """It can be seen, and is somebody else's to do."""


class Conflict(Refused):
    """The request contradicts the state."""


class Unprocessable(Refused):
    """The request was understood and is wrong."""


class PreconditionFailed(Refused):
    """The request was written for another state."""


class Full(Refused):
    """A bound of this recorder is reached."""


class Fault(RecorderError):  # noqa: N818 - the name says whose turn it is
    """The recorder cannot do its part."""


class StorageFault(Fault):
    """State on disk cannot be read or written."""

    def __init__(self, detail: str, next_step: str) -> None:
        super().__init__("storage-failed", detail, next_step)


class RowsRefused(StorageFault):
    """The store can be written, but takes these rows never: they contradict what is there, or cannot be represented."""


class StorageFull(StorageFault):
    """There is no room on the disk."""

    def __init__(self, detail: str, next_step: str) -> None:
        super().__init__(detail, next_step)
        self.problem = "storage-full"


class AuditFault(Fault):
    """An audit row cannot be made durable; raised by an `AuditSink`."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            "audit-unavailable",
            f"the audit row of this action cannot be written ({detail}), so the action was not done",
            "see that the store and the audit folder can be written, then try again",
        )
