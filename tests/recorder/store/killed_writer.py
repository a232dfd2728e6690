"""Writes segments, notes of its own and audit events until it is killed; prints each number once it is acknowledged."""

import asyncio
import sys
from pathlib import Path

from tests.recorder.store.making import ended, event, hold, segment

from callkeeper.recorder.store.port import Writing
from callkeeper.recorder.store.sqlite import SqliteStore


async def main(folder: Path, workers: int) -> None:
    """Never ends by itself."""
    store = SqliteStore.open(folder)
    last = store.recovery.last_number

    async def work(worker: int) -> None:
        number = last + 1 + worker
        while True:

            def unit(rows: Writing, number: int = number) -> None:
                rows.save_segments([ended(segment(number))])
                rows.add_hold(hold(f"h-{number}", f"c-{number}"))
                rows.add_event(event(number))

            await store.write(unit)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            number += workers

    await asyncio.gather(*[work(worker) for worker in range(workers)])


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
