"""The least a Kopf operator does, for comparison: `on.event`, one status patch an object, no more.

`python -m benchmarks.scale.bare_kopf FILE COUNT` ends when COUNT objects were patched, and writes seconds and memory
into the file. Two settings are as in our operator: without them the same work takes twice the time.
"""

import json
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import kopf

from callkeeper.kinds.terms import GROUP, VERSION

SEEN: set[str] = set()
ENDED = threading.Event()


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Keep no slot for an object after its last event."""
    settings.queueing.idle_timeout = 0.05
    settings.queueing.worker_limit = 50
    settings.scanning.disabled = True
    settings.posting.enabled = False


@kopf.on.event(GROUP, VERSION, kopf.EVERYTHING)
def seen(*, uid: str, patch: kopf.Patch, **_: Any) -> None:
    """Patch each object once."""
    if uid in SEEN:
        return
    SEEN.add(uid)
    patch.status["lastHandledReconcileAt"] = "seen"


def main(result: Path, count: int) -> None:
    """Run until COUNT objects were patched."""
    begun = time.monotonic()

    def end_when_done() -> None:
        while len(SEEN) < count:
            time.sleep(0.05)
        time.sleep(0.5)  # the last patches are on their way
        ENDED.set()

    threading.Thread(target=end_when_done, daemon=True).start()
    kopf.run(standalone=True, clusterwide=True, stop_flag=ENDED)
    seconds, used = time.monotonic() - begun - 0.5, resource.getrusage(resource.RUSAGE_SELF)
    figures = {"seconds": seconds, "processorSeconds": used.ru_utime + used.ru_stime, "peakMiB": used.ru_maxrss / 1024}
    result.write_text(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
