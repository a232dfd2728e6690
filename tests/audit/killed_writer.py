"""A process that appends as fast as it can until it is killed, and says on its output what was acknowledged.

    python -m tests.audit.killed_writer FOLDER TASKS

One line per acknowledged batch, `<sender> <sequence>`, written unbuffered after `append` has returned. Every sender
goes on after its mark, sometimes repeats, and sometimes claims an instant of the past.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.store import AuditStore


def one_event(sender: str, sequence: int) -> AuditEvent:
    """The event of that number, the same every time but for its instant."""
    late = timedelta(seconds=sequence % 7 * 40_000) if sequence % 11 == 0 else timedelta()
    return AuditEvent(
        sender=sender,
        sequence=sequence,
        at=datetime.now(UTC) - late,
        email="ada@example.com",
        ip_address="192.0.2.7",
        app_name="callkeeper",
        action=Action.START_RECORDING,
        details={"text": "x" * (sequence % 50)},
    )


async def write(store: AuditStore, sender: str) -> None:
    """Append without end, two events at a time, now and then one that was sent before."""
    while True:
        first = store.mark(sender) + 1
        again = [one_event(sender, first - 1)] if first % 3 == 0 else []
        await store.append([*again, one_event(sender, first), one_event(sender, first + 1)])
        os.write(1, f"{sender} {first + 1}\n".encode())


async def main(folder: Path, tasks: int) -> None:
    """Run all senders."""
    store = AuditStore.open(folder)
    os.write(1, b"ready 0\n")
    await asyncio.gather(*(write(store, f"sender-{number}") for number in range(tasks)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
