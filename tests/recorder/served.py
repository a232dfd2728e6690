"""A recorder in a process of its own, with its real adapters: `python served.py FOLDER`.

Prints the port it listens on. Tokens are those of FOLDER/tokens.json. Without FOLDER, it forks a recorder for each line
it reads, which is a folder, and prints its process and its port: what is killed again and again imports all of it once.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog
import uvicorn

from callkeeper.audit.mask import NumberMask
from callkeeper.audit.outbox import OutboxSender
from callkeeper.audit.store import AuditStore
from callkeeper.policy.directory import Directory, Licence, User
from callkeeper.recorder.app import create_app
from callkeeper.recorder.clock import Clock, SystemClock
from callkeeper.recorder.config_store import DiskConfigStore
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.http.protocol import BoundedProtocol
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.outbox_audit import OutboxAudit, StoreOutbox
from callkeeper.recorder.parts import RecorderParts
from callkeeper.recorder.principals import TokenFile
from callkeeper.recorder.retention.clock_guard import SteadyClock
from callkeeper.recorder.store.sqlite import SqliteStore
from callkeeper.recorder.stored_audit import StoredAuditReader


async def main(folder: Path, clock: Clock, steady_clock: SteadyClock, *, sweeping: bool = False) -> None:
    """Serve until killed.

    Args:
        folder: what is kept.
        clock: tells the time.
        steady_clock: counts what passes.
        sweeping: whether recordings expire.
    """
    ada = User(id="ada", email="ada@example.com", licences=frozenset({Licence.CALL_RECORDING}))
    async with AuditStore.open(folder / "audit") as store:
        rows = SqliteStore.open(folder / "recorder" / "store")
        audit = OutboxAudit(rows, clock, sender="recorder")
        delivery = OutboxSender(StoreOutbox(rows, "recorder"), store, "recorder")
        rows.watch_outbox(delivery.wake)
        await delivery.start()
        app = create_app(
            RecorderParts(
                config_store=DiskConfigStore(folder / "recorder", LocalDisk()),
                principals=TokenFile(folder / "tokens.json"),
                store=rows,
                media_files=MediaFiles.open(folder / "recorder" / "media", LocalDisk()),
                audit=audit,
                mask=NumberMask(bytes(16)),
                audit_reader=StoredAuditReader(store, audit, delivery),
                directory=Directory.of([ada]),
                directory_source="users.csv",
                clock=clock,
                steady_clock=steady_clock,
            )
        )
        await app.state.recorder.media.start()
        sweeper = asyncio.create_task(app.state.recorder.sweeper.run()) if sweeping else None
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                port=0,
                http=BoundedProtocol,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                lifespan="off",
            )
        )
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - the server tells it by an attribute only
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)  # noqa: T201 - said to the test
        await serving
        del sweeper


def fork_for_each_line() -> None:
    """Serve the folder that a line names, in a process of its own, until there are no more lines."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            print(os.getpid(), end=" ")  # noqa: T201 - said to the test, with the port behind it
            asyncio.run(main(Path(line.strip()), SystemClock(), SteadyClock()))
            return


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(Path(sys.argv[1]), SystemClock(), SteadyClock()))
    else:
        fork_for_each_line()
