"""What the figures were measured on: the processor, the interpreter, and what the disk does."""

import os
import platform
import tempfile
import time
from pathlib import Path

ROW_BYTES = 117
"""An audit row of usual length."""


def machine(folder: Path, *, seconds: float) -> dict[str, str | int]:
    """The machine, as a mapping of text by name; `load` is what else ran on it in the last minute.

    Args:
        folder: on the disk whose fdatasync rate is measured.
        seconds: how long that is measured.
    """
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load": f"{os.getloadavg()[0]:.1f}",
        "fdatasync of a row": f"{_fdatasync_rate(folder, seconds):,.0f} a second",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _fdatasync_rate(folder: Path, seconds: float) -> float:
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        row = b"x" * (ROW_BYTES - 1) + b"\n"
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            os.write(file.fileno(), row)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.perf_counter() - start)
