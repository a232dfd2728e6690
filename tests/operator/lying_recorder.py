"""Recorders that do not keep what they say, each in its own way; served on a port of its own."""

import json
import threading
import time
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import SECTIONS, from_json, revision, to_json


class Lie(StrEnum):
    """How it lies.

    Attributes:
        KEEPS_THE_OLD: answers a put with success and goes on with what it had.
        SERVES_ANOTHER: takes the put and serves something else than was put.
        CONTRADICTS: serves a config under a revision that is not the config's.
        DRIPS: answers a byte now and then, for ever.
    """

    KEEPS_THE_OLD = "keeps the old"
    SERVES_ANOTHER = "serves another"
    CONTRADICTS = "contradicts itself"
    DRIPS = "drips"


class LyingRecorder:
    """Keeps the contract but for its lie; a context that closes it."""

    def __init__(self, lie: Lie | None) -> None:
        self.lie = lie
        self.config: RecorderConfig | None = None
        self.owner: str | None = None
        self.epoch = 0
        self.puts = 0
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if recorder.lie is Lie.DRIPS:
                    self._drip()
                else:
                    self._answer(recorder.state())

            def do_PUT(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer({"revision": recorder.put(body), "changed": True})

            def _drip(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "100000")
                self.end_headers()
                for _ in range(600):
                    try:
                        self.wfile.write(b" ")
                        self.wfile.flush()
                    except OSError:
                        return
                    time.sleep(0.1)

            def _answer(self, value: dict[str, Any]) -> None:
                data = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def state(self) -> dict[str, Any]:
        """The answer of GET /v1/config."""
        served = revision(self.config) if self.config is not None else None
        if self.lie is Lie.CONTRADICTS and served is not None:
            served = "0" * 64
        return {
            "revision": served,
            "owner": self.owner,
            "epoch": self.epoch,
            "sections": dict(SECTIONS),
            "spentConfirmations": [],
            "config": None if self.config is None else to_json(self.config),
        }

    def put(self, body: dict[str, Any]) -> str:
        """Take a config, after its own fashion."""
        self.puts += 1
        put = from_json(body["config"])
        if self.lie is not Lie.KEEPS_THE_OLD:
            self.config = RecorderConfig() if self.lie is Lie.SERVES_ANOTHER else put
            self.owner, self.epoch = body["owner"], body["epoch"]
        return revision(put)
