"""One program of the control plane as a process: started, found ready, paused, stopped, started again.

Facts
    A child dies with the thread that started it where the system can arrange that (Linux), so that a test process that
    is killed leaves nothing behind; only the main thread asks for it, since another thread may end before its process.
    Ports are taken from below the range the system picks from for clients, or a neighbour's connection takes them.
"""

import ctypes
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

READY_SECONDS = 60.0
"""A loaded machine takes ten times what an idle one does (4 s)."""

STOP_SECONDS = 3.0
"""An API server that clients still watch would take a minute; nothing of value is lost when it is killed."""

_PORTS = range(12_000, 32_000)
_SET_PARENT_DEATH_SIGNAL = 1


class StartError(Exception):
    """A program did not become ready; the message holds the end of its log and says where the rest is."""


class Program:
    """A program with its arguments; at most one process of it runs at a time."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            name: for messages.
            command: with all arguments.
            log: its output is appended here.
            ready: whether it answers, asked over and over; may raise OSError.
            environment: its environment variables; ours by default.
        """
        self._name = name
        self._command = [str(part) for part in command]
        self._log = log
        self._ready = ready
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, while it runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self) -> None:
        """Start it; `wait` says when it is ready."""
        assert self.pid is None, f"{self._name} runs already"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # Ctrl-C is for whoever started us, who then stops it in order
                preexec_fn=_die_with_parent(),  # noqa: PLW1509 - it calls the system and nothing of Python's
            )

    def wait(self, seconds: float = READY_SECONDS) -> None:
        """Wait until it is ready.

        Raises:
            StartError: it ended, or time is over.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self._ready():
                    return
            except OSError:
                pass
            if self.pid is None:
                raise StartError(f"{self._name} ended before it was ready: {self._said()}")
            if time.monotonic() > deadline:
                raise StartError(f"{self._name} was not ready within {seconds:g} s: {self._said()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it as an administrator would; kill it where it does not listen."""
        if self.pid is None:
            return
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Stop it, start it, wait until it is ready."""
        self.stop()
        self.start()
        self.wait()

    def pause(self) -> None:
        """Let it stand still: it keeps its connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _said(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-3:]
        return f"{' | '.join(lines) or 'it said nothing'} (all of it: {self._log})"


def answers(url: str, verify: ssl.SSLContext | bool = True) -> bool:
    """Whether a server says that it is well."""
    try:
        return httpx.get(url, verify=verify, timeout=5).is_success
    except httpx.HTTPError:
        return False


def free_port() -> int:
    """A port that nobody listens on now."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StartError("none of 100 ports tried is free on this machine; see what listens there")


def _die_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return ask
