"""Puts configs in a loop until it is killed, over and over: run by `test_config_store` as a process of its own.

A process without threads forks a writer, kills it at a random moment, and looks at what it left. Prints how many kills
there were and how many of them hit each of the two answers; exits 1 at the first state that is none of the two.
"""

import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from callkeeper.policy.config import BlacklistEntry, RecorderConfig
from callkeeper.policy.config_json import canonical_bytes, revision
from callkeeper.recorder.config_store import DiskConfigStore, Pointer
from callkeeper.recorder.files import LocalDisk

CALIBRATION = 20
"""Saves that tell how long one takes here and now."""

OBJECT = "Blacklist/voice/numbers"


def numbered(number: int) -> RecorderConfig:
    """A config that says its number, with a body of some 20 kB."""
    patterns = [*(f"+39{entry:08}" for entry in range(200)), f"{number:06}"]
    return RecorderConfig(blacklist=tuple(BlacklistEntry(pattern=text, object=OBJECT, entry=text) for text in patterns))


def save(store: DiskConfigStore, epoch: int, history: tuple[str, ...]) -> tuple[str, ...]:
    """Save the config of this number; the new history."""
    config = numbered(epoch)
    history = (revision(config), *history)[:20]
    pointer = Pointer(
        revision=revision(config), owner="folder:here", epoch=epoch, programmed_at=datetime.now(UTC), history=history
    )
    store.save(pointer, canonical_bytes(config))
    return history


def write_on(store: DiskConfigStore, pipe: int, epoch: int, history: tuple[str, ...]) -> None:
    """Save one config after the other, telling each acknowledged epoch through the pipe, at first the one found."""
    os.write(pipe, epoch.to_bytes(8, "big"))
    while True:
        epoch += 1
        history = save(store, epoch, history)
        os.write(pipe, epoch.to_bytes(8, "big"))


def main(folder: Path, kills: int, seed: int) -> None:
    """Kill that many writers."""
    chance = random.Random(seed)
    store = DiskConfigStore(folder, LocalDisk())
    epoch, history, ahead = 0, (), 0
    begun = time.perf_counter()
    for epoch in range(1, CALIBRATION + 1):
        history = save(store, epoch, history)
    # As slow as this machine is just now: each writer gets to save three configs on the average.
    longest_seconds = 6 * (time.perf_counter() - begun) / CALIBRATION
    for _ in range(kills):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            write_on(store, writer, epoch, history)
        os.close(writer)
        acknowledged = int.from_bytes(os.read(reader, 8), "big")
        time.sleep(min(0.15, chance.uniform(0.0, longest_seconds)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while chunk := os.read(reader, 8):
            acknowledged = int.from_bytes(chunk, "big")
        os.close(reader)
        found = store.load()
        if found is None:
            sys.exit("no config is left")
        if found.pointer.epoch not in {acknowledged, acknowledged + 1}:
            sys.exit(f"acknowledged {acknowledged}, found {found.pointer.epoch}")
        if found.config != numbered(found.pointer.epoch):
            sys.exit("the config is not the one that was put")
        missing = [kept for kept in found.pointer.history if store.body(kept) is None]
        if missing:
            sys.exit(f"{len(missing)} bodies of the history are missing")
        ahead += found.pointer.epoch > acknowledged
        epoch, history = found.pointer.epoch, found.pointer.history
    print(f"{kills} kills, {epoch} configs, {ahead} on disk before they were acknowledged")  # noqa: T201 - said to the test


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
