"""The name of a log: `<namespace>/<recorder>`, the recorder whose rows it holds. It is also its folder."""

import re
from dataclasses import dataclass

from callkeeper.audit.errors import AuditError

_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_NAMESPACE = re.compile(_LABEL)
_RECORDER = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
MAX_RECORDER_NAME = 253
"""Characters of a recorder's name: a DNS subdomain, as Kubernetes names objects."""


class LogNameError(AuditError, ValueError):
    """The text names no log; the message says what one looks like."""


@dataclass(frozen=True, slots=True, order=True)
class LogName:
    """Which log.

    Attributes:
        namespace: a DNS label.
        recorder: a DNS subdomain.

    Raises:
        LogNameError: a part is something else; so it never leads out of the collector's folder.
    """

    namespace: str
    recorder: str

    def __post_init__(self) -> None:
        if _NAMESPACE.fullmatch(self.namespace) is None:
            raise LogNameError(f"{self.namespace[:80]!r} is no namespace: a DNS label of at most 63 characters")
        if len(self.recorder) > MAX_RECORDER_NAME or _RECORDER.fullmatch(self.recorder) is None:
            raise LogNameError(
                f"{self.recorder[:80]!r} is no recorder's name: a DNS subdomain of at most 253 characters"
            )

    def __str__(self) -> str:
        return f"{self.namespace}/{self.recorder}"

    @classmethod
    def parse(cls, text: str) -> "LogName":
        """Read `namespace/recorder`.

        Raises:
            LogNameError: it is something else.
        """
        namespace, slash, recorder = text.partition("/")
        if not slash:
            raise LogNameError(f"{text[:80]!r} names no log; write namespace/recorder, such as voice/teams")
        return cls(namespace, recorder)
