"""Taking a range out of the audit log: a day, an hour, a selection, out of ten days; beside what others need for it."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks.rows import Row
from callkeeper.audit.actions import Action
from callkeeper.audit.asked import AskedExport
from callkeeper.audit.commits import GENESIS, Commit, State
from callkeeper.audit.download import Download, fix_download
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.row import HEADER, row
from callkeeper.audit.select import Selection

DAYS = 10
COMMITTED = 64
"""Rows of a commit."""

FIRST = datetime(2026, 11, 20, tzinfo=UTC)
WANTED = FIRST + timedelta(days=5)
"""The day that is taken out."""

OURS = """
import sys
from datetime import datetime
from pathlib import Path
from callkeeper.audit.asked import AskedExport
from callkeeper.audit.download import fix_download
from callkeeper.audit.select import Selection
from callkeeper.audit.sending import send
if len(sys.argv) > 2:
    start, end = map(datetime.fromisoformat, sys.argv[2:])
    asked = AskedExport(start=start, end=end, selection=Selection())
    send(fix_download(Path(sys.argv[1]), asked, "").pieces(), 1, lambda _: None)
# Not getrusage, which remembers the process that started this one.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
"""

POLARS = """
import sys, polars
from pathlib import Path
frame = polars.scan_csv(sys.argv[1] + "/*.csv", infer_schema=False)
wanted = frame.filter((polars.col("Date") >= sys.argv[2]) & (polars.col("Date") < sys.argv[3]))
sys.stdout.write(wanted.collect().write_csv())
"""

DUCKDB = """
import sys, duckdb
duckdb.sql(f"copy (select * from read_csv('{sys.argv[1]}/*.csv', all_varchar=true) "
           f"where Date >= '{sys.argv[2]}' and Date < '{sys.argv[3]}' order by Date) to '/dev/stdout' (header)")
"""

CSV = """
import csv, sys
from pathlib import Path
writer = csv.writer(sys.stdout, lineterminator="\\r\\n")
for path in sorted(Path(sys.argv[1]).glob("*.csv")):
    with path.open(newline="") as file:
        for fields in csv.reader(file):
            if sys.argv[2] <= fields[0] < sys.argv[3]:
                writer.writerow(fields)
"""


def run(quick: bool) -> list[Row]:
    """Seconds, milliseconds, megabytes a second and megabytes of memory."""
    rows = 10_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        fill(folder, rows)
        return [*_day(folder, rows, quick), _hour(folder, rows), *_selections(folder)]


def fill(folder: Path, rows: int) -> None:
    """Ten days with their side files, as 64 waiting senders leave them."""
    chain = GENESIS
    for day in range(DAYS):
        at = FIRST + timedelta(days=day)
        _write_day(folder, at, rows)
        chain = _write_side_file(folder, at, chain)


def _write_side_file(folder: Path, day: datetime, chain: bytes) -> bytes:
    name = f"audit-{day.date()}.csv"
    line, chain = State(files={name: (0, 0)}, at=f"{day.date()} 00:00:00", store="0" * 16).line(chain)
    with (folder / name).open("rb") as file, (folder / f"audit-{day.date()}.commits").open("wb") as side:
        side.write(line)
        offset, count = len(file.readline()), 0
        while lines := list(islice(file, COMMITTED)):
            data = b"".join(lines)
            commit = Commit(
                file=name,
                offset=offset,
                row=count,
                size=len(data),
                rows=len(lines),
                at=data[:19].decode(),
                marks={"sender-1": count + len(lines)},
                sha256=sha256(data).hexdigest(),
            )
            line, chain = commit.line(chain)
            side.write(line)
            offset, count = offset + len(data), count + len(lines)
    return chain


def _write_day(folder: Path, day: datetime, rows: int) -> None:
    with (folder / f"audit-{day.date()}.csv").open("wb") as file:
        file.write(HEADER)
        for second in range(86_400):
            first, last = rows * second // 86_400, rows * (second + 1) // 86_400
            if first == last:
                continue
            at = day + timedelta(seconds=second)
            begin = rows * ((day - FIRST).days)
            event = AuditEvent(
                sender="sender-1",
                sequence=1,
                at=at,
                email="ada@example.com",
                ip_address="192.0.2.7",
                app_name="callkeeper",
                action=Action.PLAY_RECORDING,
                details={"recording": "r-1234"},
            )
            line = row(event)
            file.writelines(
                line.replace(b"sender-1:1", b"sender-1:%d" % (begin + number)) for number in range(first + 1, last + 1)
            )


def _day(folder: Path, rows: int, quick: bool) -> list[Row]:
    path = folder / f"audit-{WANTED.date()}.csv"
    span = [WANTED.isoformat(), (WANTED + timedelta(days=1)).isoformat()]
    dates = [str(WANTED.date()), str((WANTED + timedelta(days=1)).date())]
    cat, bare, ours = [], [], []
    memory = 0.0
    for _ in range(3 if quick else 7):
        cat.append(_process(["cat", str(path)])[0])
        bare.append(_process([sys.executable, "-c", OURS, str(folder)])[0])
        took, size, said = _process([sys.executable, "-c", OURS, str(folder), *span])
        ours.append(took)
        memory = max(memory, int(said) / 1024)
        if size != path.stat().st_size:
            raise RuntimeError(f"the export has {size} bytes, the day {path.stat().st_size}")
    alone, megabytes = median(ours) - median(bare), path.stat().st_size / 1e6
    files = sorted(str(one) for one in folder.glob("*.csv"))
    others = {
        "polars": [sys.executable, "-c", POLARS, str(folder), *dates],
        "DuckDB": [sys.executable, "-c", DUCKDB, str(folder), *dates],
        "awk": ["awk", f'substr($0,1,10)>="{dates[0]}" && substr($0,1,10)<"{dates[1]}"', *files],
        "csv module": [sys.executable, "-c", CSV, str(folder), *dates],
    }
    peers = {"cat of the same bytes": median(cat), "with the interpreter's start": median(ours)}
    peers |= {name: _process(command)[0] for name, command in others.items()}
    return [
        Row(
            what=f"a day of {rows:,} rows ({megabytes:,.0f} MB) out of {DAYS}, fixed, counted and written to a pipe",
            figure=alone,
            unit="s",
            bar=f"≤ {median(cat) / 0.9:.3f} (0.9 times the speed of cat)",
            peers=peers,
            note=f"{megabytes / alone:,.0f} MB/s, {median(cat) / alone:.2f} times cat; without the interpreter's start",
        ),
        Row(what="memory of that process, the interpreter included", figure=memory, unit="MB", bar="≤ 30"),
    ]


def _hour(folder: Path, rows: int) -> Row:
    start = WANTED + timedelta(hours=9)
    asked = AskedExport(start=start, end=start + timedelta(hours=1), selection=Selection())

    def read() -> int:
        return sum(len(chunk) for chunk in fix_download(folder, asked, "").chunks())

    took, size = _timed(read)
    note = f"{rows // 24:,} rows, {size / 1e6:.1f} MB"
    return Row(what="an hour, in process", figure=took * 1000, unit="ms", bar="≤ 20", note=note)


def _selections(folder: Path) -> list[Row]:
    found = []
    size = (folder / f"audit-{WANTED.date()}.csv").stat().st_size
    for what, selection in (
        ("an address that is not there", Selection(email="eve@example.com")),
        ("an action that is not there", Selection(actions=(Action.LOGIN,))),
        ("an address that is in every row", Selection(email="ada@example.com")),
    ):
        asked = AskedExport(start=WANTED, end=WANTED + timedelta(days=1), selection=selection)
        took, _ = _timed(lambda asked=asked: fix_download(folder, asked, ""), clock=time.process_time)
        figure = size / took / 1e6
        found.append(Row(what=f"scanned for {what}", figure=figure, unit="MB/s a core", bar="≥ 300"))
    return found


def _timed(work: Callable[[], int | Download], clock: Callable[[], float] = time.perf_counter) -> tuple[float, int]:
    """The best of five, in seconds, and what it returned where that is a number."""
    times, result = [], 0
    for _ in range(5):
        begun = clock()
        made = work()
        times.append(clock() - begun)
        result = made if isinstance(made, int) else 0
    return min(times), result


def _process(command: list[str]) -> tuple[float, int, str]:
    """Seconds until a command has written everything to a pipe that is read as fast as can be; bytes; what it said."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        begun, size = time.perf_counter(), 0
        buffer = bytearray(1024 * 1024)
        while count := os.readv(process.stdout.fileno(), [buffer]):
            size += count
        took = time.perf_counter() - begun
        said = process.stderr.read().decode()
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {said}")
    return took, size, said
