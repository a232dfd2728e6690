"""What an owner remembers between two reconciles: what it programmed, and how far its audit rows go.

The order of every change is: note what is about to happen with the rows that will tell of it (`pending`), put, read
back, append the rows, note that it is done. After a crash anywhere in between, what the recorder runs says whether the
put took place; the rows then are the noted ones, under the noted sequences, and the store drops those it has already.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from callkeeper.audit.event import AuditEvent
from callkeeper.policy.config import RecorderConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Something about to be done.

    Attributes:
        put: revision that is about to be put, or None where the rows tell of something that needs no put.
        events: the rows that will tell of it.
        after: fields of the ledger as they will be once it is done.
    """

    put: str | None
    events: tuple[AuditEvent, ...]
    after: "Remembered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What is remembered so that it is told of once.

    Attributes:
        rejected: fingerprint of each object's text that was reported as not accepted, by `kind/namespace/name`.
        drift: the foreign revision that was reported, or None.
        recorder: fields of the Recorder object that have a say here, as of the last row about them; None before.
    """

    rejected: Mapping[str, str] = field(default_factory=dict)
    drift: str | None = None
    recorder: Mapping[str, str | int | bool | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The memory of one owner about one recorder.

    Attributes:
        owner: who this is to the recorder.
        sender: who this is to the audit store; a ledger made anew has another one, for its sequences begin anew.
        epoch: fencing epoch.
        revision: last programmed by this owner and proved by reading it back; None before the first.
        config: its body; None where it is not kept here (the recorder keeps the last 20).
        sequence: of the last audit row.
        remembered: what was told already.
        pending: what is about to be done, or None.
        fence: the recorder shall know at least this epoch, so that it refuses an instance that did not end in an
            orderly way; not kept, whoever keeps the ledger says it anew. 0 where there is no such instance.
    """

    owner: str
    sender: str
    epoch: int = 1
    revision: str | None = None
    config: RecorderConfig | None = None
    sequence: int = 0
    remembered: Remembered = field(default_factory=Remembered)
    pending: Pending | None = None
    fence: int = 0


class LedgerStore(Protocol):
    """Keeps a ledger. Both methods may raise `OSError`."""

    async def load(self) -> Ledger:
        """The ledger as last saved, or a new one."""
        ...

    async def save(self, ledger: Ledger) -> None:
        """Make it durable: the old one or this one is found after a crash, whole."""
        ...
