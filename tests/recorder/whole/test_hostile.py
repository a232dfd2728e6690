"""What is sent to a recorder over a real connection by whoever means it harm, or knows no better; and what it logs."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.recorder import served
from tests.recorder.media import made

from callkeeper.kinds.terms import Mode
from callkeeper.policy.config import PolicySection, RecorderConfig
from callkeeper.policy.config_json import to_json
from callkeeper.policy.directory import Role
from callkeeper.recorder import bounds
from callkeeper.recorder.principals import Principal, create_principal

TEN_GIGABYTES = 10 * 1024**3
NUMBER = "+390212345678"
# ruff: noqa: RUF001 - that they look like others is what they are for
HOSTILE = (
    "٠١٢٣",
    "+39०२",
    "１１２",
    "²³",
    "1\u202e2",
    "tel:+39%D9%A0",
    "\u0661",
    "+39\u200b06",
    "9" * 256,
    "%00",
    "🔟",
)


class Recorder:
    """A recorder in a process of its own."""

    def __init__(self, folder: Path) -> None:
        roles = {"ingest": Role.INGEST, "settings": Role.SETTINGS, "administrator": Role.ADMINISTRATOR}
        self.tokens = {
            name: create_principal(folder / "tokens.json", Principal(id=name, roles=frozenset({role})))
            for name, role in roles.items()
        }
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, served.__file__, str(folder)], stdout=subprocess.PIPE, stderr=log
            )
        self.said = [b""]
        assert self.process.stdout is not None
        while not self.said[-1].strip().isdigit():
            self.said.append(self.process.stdout.readline())
        self.port = int(self.said[-1])

    def end(self) -> bytes:
        """Kill it; all it has ever written."""
        self.process.kill()
        assert self.process.stdout is not None
        rest = self.process.stdout.read()
        self.process.wait()
        self.process.stdout.close()
        return b"".join(self.said) + rest + self.log.read_bytes()

    async def send(self, *pieces: bytes) -> tuple[int, dict[str, Any]]:
        """Send these bytes and read the answer: its status, and what it says."""
        for _ in range(20):
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                return await self._send_once(*pieces)
            # Who closes before all was read resets the connection, and the answer may be lost on its way: that is TCP.
        raise AssertionError("no answer came through in twenty attempts")

    async def _send_once(self, *pieces: bytes) -> tuple[int, dict[str, Any]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            try:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
            except ConnectionError:
                pass  # it has answered and closed before all was sent
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            body = await asyncio.wait_for(reader.readexactly(int(length[15:])), 60)
            assert b"application/problem+json" in head or head[9:10] == b"2"
            return int(head[9:12]), json.loads(body)
        finally:
            writer.close()

    def head(self, method: str, path: str, role: str, *headers: str) -> bytes:
        lines = (f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.tokens[role]}", *headers, "", "")
        return "\r\n".join(lines).encode()

    async def ask(self, role: str, method: str, path: str, body: Any, *headers: str) -> tuple[int, dict[str, Any]]:
        """Send a request with a JSON body, or with bytes as they are."""
        as_json = not isinstance(body, bytes)
        data = json.dumps(body).encode() if as_json else body
        more = ("Content-Type: application/json",) if as_json else ()
        return await self.send(self.head(method, path, role, *headers, *more, f"Content-Length: {len(data)}") + data)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    running = Recorder(tmp_path_factory.mktemp("hostile"))
    yield running
    running.end()


def refused(answer: tuple[int, dict[str, Any]], status: int, name: str) -> None:
    assert (answer[0], answer[1]["type"], answer[1]["status"]) == (status, f"/problems/{name}", status)


async def test_a_body_of_10_gb_is_refused_by_what_it_says_of_itself(recorder: Recorder) -> None:
    for path, method in (("/v1/calls", "POST"), ("/v1/recordings/x/media", "PATCH"), ("/v1/config", "PUT")):
        role = "settings" if path == "/v1/config" else "ingest"
        head = recorder.head(method, path, role, "Content-Type: application/json", f"Content-Length: {TEN_GIGABYTES}")
        refused(await recorder.send(head), 413, "body-too-large")


async def test_a_body_without_an_end_is_cut_off(recorder: Recorder) -> None:
    head = recorder.head("POST", "/v1/calls", "ingest", "Content-Type: application/json", "Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    refused(await recorder.send(head, *[chunk] * 40), 413, "body-too-large")


async def test_headers_of_1_mb_are_refused_however_they_come(recorder: Recorder) -> None:
    one = recorder.head("GET", "/v1/calls", "ingest", f"X-Long: {'a' * 1024**2}")
    refused(await recorder.send(one), 431, "headers-too-large")
    many = recorder.head("GET", "/v1/calls", "ingest", *[f"X-{n}: {'a' * 1000}" for n in range(1_000)])
    refused(await recorder.send(many), 431, "headers-too-large")
    without_end = recorder.head("GET", "/v1/calls", "ingest")[:-2] + b"X-Long: "
    refused(await recorder.send(without_end, *[b"a" * 16_384] * 64), 431, "headers-too-large")
    few_but_many = recorder.head("GET", "/v1/calls", "ingest", *[f"X-{n}: a" for n in range(bounds.HEADERS)])
    refused(await recorder.send(few_but_many), 431, "headers-too-large")


async def test_what_is_no_http_is_refused(recorder: Recorder) -> None:
    for nonsense in (b"\x16\x03\x01\x02\x00\x01", b"HELO example.com\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        refused(await recorder.send(nonsense + bytes(100)), 400, "malformed-request")


async def test_an_address_does_not_lead_out_of_its_folder(recorder: Recorder) -> None:
    for path in (
        "/v1/recordings/../../etc/passwd/media", "/v1/recordings/..%2f..%2f..%2fetc%2fpasswd/media",
        "/v1/recordings/%2e%2e/media", "/v1/recordings/....//media", "/../../../../etc/passwd",
        "/v1/recordings/..;/media", "/v1/recordings/..%5c..%5cwindows/media", "/v1/recordings/%00/media",
    ):  # fmt: skip
        status, answer = await recorder.send(recorder.head("GET", path, "administrator"))
        assert status == 404, (path, answer)
        assert "passwd" not in answer["detail"]
    for name in ("..", "%2e%2e", "..%2fx", "x%00"):
        answer = await recorder.ask("ingest", "PATCH", f"/v1/recordings/{name}/media", b"RIFF", "Upload-Offset: 0")
        refused(answer, 404, answer[1]["type"].rpartition("/")[2])


async def test_numbers_in_hostile_unicode_are_no_numbers_and_harm_nobody(recorder: Recorder) -> None:
    for place, number in enumerate(HOSTILE):
        call = {"nativeId": f"h-{place}", "conversation": "h", "calling": {"number": number}, "called": {"user": "ada"}}
        status, answer = await recorder.ask("ingest", "POST", "/v1/calls", call)
        assert status == 201, (number, answer)
        assert "number" not in answer
    status, answer = await recorder.ask(
        "ingest", "POST", "/v1/calls", {"nativeId": "long", "conversation": "h", "calling": {"number": "9" * 257}}
    )
    refused((status, answer), 422, "invalid-request")
    for raw in (b'{"nativeId": "\xff"}', b'{"nativeId": "\\ud800", "conversation": "h"}', b"\xef\xbb\xbf{}"):
        head = recorder.head(
            "POST", "/v1/calls", "ingest", "Content-Type: application/json", f"Content-Length: {len(raw)}"
        )
        status, answer = await recorder.send(head + raw)
        assert status in {400, 422}, answer


async def test_a_connection_that_brings_no_request_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 0.2)
    # In this process: the bound of another cannot be changed from here.
    import uvicorn  # noqa: PLC0415 - only here

    from callkeeper.recorder.http.protocol import BoundedProtocol  # noqa: PLC0415 - only here

    async def app(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 204, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    server = uvicorn.Server(
        uvicorn.Config(app, port=0, http=BoundedProtocol, ws="none", log_config=None, lifespan="off", loop="none")
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server tells it by an attribute only
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    for sent in (b"", b"GET / HTTP/1.1\r\nHost", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answered = await asyncio.wait_for(reader.read(), 30)
        assert answered.count(b"204 No Content") == sent.count(b"\r\n\r\n")
        writer.close()
    server.should_exit = True
    await serving


async def test_no_number_token_or_media_is_in_what_a_recorder_writes_under_load(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    media = made.wav(1.0)
    try:
        config = RecorderConfig(
            policy=PolicySection(default_mode=Mode.ALWAYS_ON, object="RecordingPolicy/voice/default")
        )
        envelope = {"owner": "folder:here", "epoch": 1, "config": to_json(config)}
        status, answer = await recorder.ask("settings", "PUT", "/v1/config", envelope, "If-None-Match: *")
        assert status == 200, answer

        async def one(number: int) -> None:
            call = {"nativeId": f"n-{number}", "conversation": "c", "called": {"user": "ada"}}
            call["calling"] = {"number": f"{NUMBER}{number:03}"}
            _, begun = await recorder.ask("ingest", "POST", "/v1/calls", call)
            path = f"/v1/recordings/{begun['segment']}-1/media"
            broken = media if number % 3 else b"this is no media at all" * 10
            await recorder.ask("ingest", "PATCH", path, broken, "Upload-Offset: 0", "Upload-Complete: ?1")
            await recorder.ask("administrator", "POST", "/v1/recordings:search", {"number": f"{NUMBER}{number:03}"})
            await recorder.ask(
                "ingest", "POST", "/v1/calls", {"nativeId": NUMBER, "calling": {"number": NUMBER, "x": 1}}
            )
            await recorder.ask("ingest", "POST", "/v1/calls", b'{"number": "' + NUMBER.encode())
            await recorder.send(
                f"GET /v1/calls?number={NUMBER} HTTP/1.1\r\nHost: x\r\nX: {'a' * 70_000}\r\n\r\n".encode()
            )

        for begun in range(0, 30, 10):
            await asyncio.gather(*[one(number) for number in range(begun, begun + 10)])
    finally:
        written = recorder.end()
    assert b"config_programmed" in written, "it wrote nothing"
    for secret in (NUMBER, NUMBER[1:], NUMBER[3:], *recorder.tokens.values()):
        assert secret.encode() not in written
    assert media[44:76] not in written
    assert b"no media at all" not in written
