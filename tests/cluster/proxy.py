"""A TCP proxy in front of an API server or a recorder: cuts connections, or lets them fall silent.

Tests of what survives a broken network put it between the program under test and the shared control plane, which stays
as it is for the other tests.
"""

import socket
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

CHUNK_BYTES = 1 << 16


class Proxy:
    """Forwards to one address; a context that closes it."""

    def __init__(self, target: str) -> None:
        """Listen on a port of its own.

        Args:
            target: a URL; its scheme is the one of `url` too, since bytes pass as they are.
        """
        parts = urlsplit(target)
        assert parts.hostname is not None
        assert parts.port is not None
        self._to = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._flows = threading.Event()
        self._flows.set()
        self._refuses = False
        self.connections = 0
        """How many were made since the start."""
        self.url = f"{parts.scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def cut(self) -> None:
        """Break every connection there is; new ones are taken."""
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def silence(self) -> None:
        """Let nothing through, in either direction, and break nothing."""
        self._flows.clear()

    def refuse(self) -> None:
        """Break every connection, and new ones at once."""
        self._refuses = True
        self.cut()

    def heal(self) -> None:
        """Forward again; what was held back by `silence` goes through."""
        self._refuses = False
        self._flows.set()

    def close(self) -> None:
        """Stop listening and break every connection."""
        self.heal()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._refuses:
                client.close()
                continue
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._flows.wait()
        try:
            server = socket.create_connection(self._to, timeout=10)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self._lock:
            self._open |= {client, server}
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                self._flows.wait()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= {source, sink}
        source.close()
