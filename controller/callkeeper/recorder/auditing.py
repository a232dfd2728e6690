"""How the recorder leaves audit rows: the ports, and who acts from where.

The event of an action commits with the action, in one transaction: one is never there without the other. When it cannot
commit, an action by a person is refused; what happens by itself (automatic recording) never waits for a row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from callkeeper.audit.actions import Action
from callkeeper.audit.asked import AskedExport
from callkeeper.audit.checkpoints import Checkpoint
from callkeeper.audit.download import Download
from callkeeper.audit.verification import Verification
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.store.port import Writing

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and from where.

    Attributes:
        principal: who.
        ip_address: the peer, or the last untrusted hop behind a listed proxy; empty when unknown.
    """

    principal: Principal
    ip_address: str = ""


class AuditSink(Protocol):
    """Where rows go."""

    async def emit(self, action: Action, *, at: datetime, actor: Actor, details: Mapping[str, Any]) -> None:
        """Make one row durable.

        Raises:
            AuditFault: it is not durable; the action must not be done.
        """
        ...

    async def act_all(
        self,
        doing: Callable[[Writing], T],
        rows: Sequence[tuple[Action, Mapping[str, Any]]],
        *,
        at: datetime,
        actor: Actor,
    ) -> T:
        """Do something that takes several rows, in their order, in one transaction: all of it or nothing.

        Raises:
            AuditFault: it could not be committed; nothing was done. What `doing` raises comes as it is and undoes it.
        """
        ...

    async def act(
        self, doing: Callable[[Writing], T], action: Action, *, at: datetime, actor: Actor, details: Mapping[str, Any]
    ) -> T:
        """Do something to the store and make its row durable, in one transaction; what `doing` returned.

        Raises:
            AuditFault: it could not be committed; nothing was done. What `doing` raises comes as it is and undoes it.
        """
        ...

    async def check(self) -> None:
        """See whether rows can be written.

        Raises:
            AuditFault: they cannot.
        """
        ...


class AuditReader(Protocol):
    """Where rows come from."""

    async def fix(self, asked: AskedExport) -> Download:
        """What is wanted of the log, fixed and counted; nothing of it may leave before `record` has returned.

        Raises:
            AuditFault: the log cannot be read.
        """
        ...

    async def record(self, download: Download, offset: int, *, at: datetime, actor: Actor) -> None:
        """Audit a download that is about to be sent from this byte on.

        Raises:
            AuditFault: the row of the download cannot be written.
        """
        ...

    async def verify(
        self, against: Sequence[Checkpoint], public_keys: Sequence[bytes], *, at: datetime, actor: Actor
    ) -> Verification:
        """Verify the whole log, and audit that.

        Raises:
            AuditFault: the log cannot be read, or the row cannot be written.
        """
        ...
