"""1,000 calls recorded at once, each sending G.711 as it is spoken: a chunk of 1 s (8,000 bytes) every second.

The recorder runs in a process of its own with all its real parts; another process sends. Measured are the processor
time of the recorder, and how late each chunk is taken: an upload is behind when what it sent 2 s ago has not been.
Chunks come either in one long request per call, which is how live media is meant to come, or in a request per second.
Completing is told apart: here all calls end within the same second, and each is synced, named and told to the store.
"""

import asyncio
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.rows import Row
from callkeeper.policy.config import PolicySection, RecorderConfig
from callkeeper.policy.config_json import to_json

CHUNK = bytes(range(256)) * 31 + bytes(64)
"""One second of G.711: 8,000 bytes."""

BEHIND_SECONDS = 2.0
WAV_HEADER = struct.pack(
    "<4sI4s4sIHHIIHH4sI", b"RIFF", 0xFFFFFFFF, b"WAVE", b"fmt ", 16, 6, 1, 8_000, 8_000, 1, 8, b"data", 0xFFFFFFFF
)

SERVED = """
import asyncio, sys
from pathlib import Path
import uvicorn, uvloop
from callkeeper.audit.mask import NumberMask
from callkeeper.policy.directory import Directory, Licence, Role, User
from callkeeper.recorder.app import create_app
from callkeeper.recorder.clock import SystemClock
from callkeeper.recorder.config_store import DiskConfigStore
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.outbox_audit import OutboxAudit
from callkeeper.recorder.parts import RecorderParts
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.store.sqlite import SqliteStore

folder = Path(sys.argv[1])

class Anybody:
    fault = None
    def principal(self, token):
        return Principal(id=token, roles=frozenset({Role(token)}))

async def main():
    rows = SqliteStore.open(folder / "store")
    audit = OutboxAudit(rows, SystemClock(), sender="recorder")
    ada = User(id="ada", licences=frozenset({Licence.CALL_RECORDING}))
    app = create_app(RecorderParts(
        config_store=DiskConfigStore(folder / "config", LocalDisk()), principals=Anybody(), store=rows,
        media_files=MediaFiles.open(folder / "media", LocalDisk()), audit=audit, audit_reader=None,
        mask=NumberMask(bytes(32)), directory=Directory.of([ada]), directory_source="here",
    ))
    await app.state.recorder.media.start()
    server = uvicorn.Server(uvicorn.Config(app, port=0, loop="none", http="httptools", log_config=None,
        access_log=False, proxy_headers=False, lifespan="off", backlog=2048))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving
uvloop.run(main())
"""


def run(quick: bool) -> list[Row]:
    """Share of one core, and how many were behind."""
    uploads, seconds = (100, 6) if quick else (1_000, 30)
    rows = []
    for way, streamed in (("one request a call", True), ("a request a second", False)):
        with (
            tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name,
            _served(Path(name)) as (process, port),
        ):
            rows.extend(asyncio.run(_measure(process, port, uploads, seconds, way, streamed=streamed)))
            rows.append(_written(Path(name), uploads, seconds, way))
    return rows


@contextmanager
def _served(folder: Path) -> Iterator[tuple[int, int]]:
    process = subprocess.Popen([sys.executable, "-c", SERVED, str(folder)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = next(int(line) for line in process.stdout if line.strip().isdigit())
        yield process.pid, port
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _cpu_seconds(process: int) -> float:
    """Processor time of all of a process's threads, kernel included."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _measure(process: int, port: int, uploads: int, seconds: int, way: str, *, streamed: bool) -> list[Row]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    names = await _calls(port, uploads)
    begun = asyncio.get_running_loop().time() + 1.0
    send = _stream if streamed else _requests
    sending = [
        asyncio.create_task(send(port, name, begun + place / uploads, seconds)) for place, name in enumerate(names)
    ]
    # The first two seconds make files and connections; the last one completes.
    await asyncio.sleep(3.0)
    cpu, at = _cpu_seconds(process), time.perf_counter()
    await asyncio.sleep(seconds - 3.0)
    share = (_cpu_seconds(process) - cpu) / (time.perf_counter() - at)
    found = await asyncio.gather(*sending)
    late = sorted(one for chunks, _ in found for one in chunks)
    completing = sorted(one for _, one in found)
    behind = sum(one > BEHIND_SECONDS for one in late)
    return [
        Row(
            what=f"{uploads:,} uploads of G.711, {way}: processor time of the recorder",
            figure=share * 100,
            unit="% of a core",
            bar="≤ 60" if streamed and uploads == 1_000 else None,
            note=f"{seconds} s, chunks of 1 s, synced at least every 5 s",
        ),
        Row(
            what=f"{uploads:,} uploads of G.711, {way}: chunks behind",
            figure=behind,
            unit="chunks",
            bar="0" if streamed else None,
            note=f"of {len(late):,}; the latest taken after {late[-1] * 1000:,.0f} ms, "
            f"99 % within {late[len(late) * 99 // 100] * 1000:,.0f} ms",
        ),
        Row(
            what=f"{uploads:,} uploads of G.711, {way}: last byte to stored, all in the same second",
            figure=completing[len(completing) // 2] * 1000,
            unit="ms",
            note=f"the median; the latest after {completing[-1] * 1000:,.0f} ms",
        ),
    ]


def _written(folder: Path, uploads: int, seconds: int, way: str) -> Row:
    """How many of the uploads are stored whole."""
    wanted = len(WAV_HEADER) + seconds * len(CHUNK)
    whole = sum(path.stat().st_size == wanted for path in (folder / "media").glob("*/*/*/*.wav"))
    return Row(
        what=f"{uploads:,} uploads of G.711, {way}: stored whole", figure=whole, unit="files", bar=f"{uploads:,}"
    )


async def _calls(port: int, count: int) -> list[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    always = type(PolicySection().default_mode)("AlwaysOn")
    settings = RecorderConfig(policy=PolicySection(default_mode=always, object="RecordingPolicy/voice/default"))
    config = json.dumps({"owner": "folder:x", "epoch": 1, "config": to_json(settings)}).encode()
    extra = "Content-Type: application/json\r\nIf-None-Match: *\r\n"
    await _ask(reader, writer, "settings", "PUT", "/v1/config", config, extra)
    names = []
    for number in range(count):
        call = {"nativeId": f"n-{number}", "conversation": f"c-{number}", "called": {"user": "ada"}}
        body = json.dumps(call).encode()
        _, text = await _ask(reader, writer, "ingest", "POST", "/v1/calls", body, "Content-Type: application/json\r\n")
        names.append(f"{json.loads(text)['segment']}-1")
    writer.close()
    return names


async def _ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    token: str,
    method: str,
    path: str,
    body: bytes,
    extra: str = "",
) -> tuple[int, bytes]:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{extra}"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return await _answer(reader)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    text = await reader.readexactly(length)
    if status >= 400:
        raise RuntimeError(f"{status}: {text.decode()}")
    return status, text


async def _stream(port: int, name: str, begun: float, seconds: int) -> tuple[list[float], float]:
    """One request; a chunk counts as taken when the socket has taken it. How late each was, and the completing."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(begun - loop.time())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.transport.set_write_buffer_limits(0)  # what is not taken shows at once
    writer.write(
        f"PATCH /v1/recordings/{name}/media HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ingest\r\n"
        "Upload-Offset: 0\r\nUpload-Complete: ?1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    late = []
    for second in range(seconds):
        due = begun + second
        await asyncio.sleep(due - loop.time())
        data = WAV_HEADER + CHUNK if second == 0 else CHUNK
        writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await writer.drain()
        late.append(loop.time() - due)
    asked = loop.time()
    writer.write(b"0\r\n\r\n")
    await _answer(reader)
    writer.close()
    return late, loop.time() - asked


async def _requests(port: int, name: str, begun: float, seconds: int) -> tuple[list[float], float]:
    """A request per chunk on a kept connection; a chunk counts as taken when it is answered."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(begun - loop.time())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    late, offset = [], 0
    for second in range(seconds):
        due = begun + second
        await asyncio.sleep(due - loop.time())
        data = WAV_HEADER + CHUNK if second == 0 else CHUNK
        last = "Upload-Complete: ?1\r\n" if second == seconds - 1 else ""
        extra = f"Upload-Offset: {offset}\r\n{last}"
        await _ask(reader, writer, "ingest", "PATCH", f"/v1/recordings/{name}/media", data, extra)
        offset += len(data)
        late.append(loop.time() - due)
    writer.close()
    return late[:-1], late[-1]
