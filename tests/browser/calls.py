"""A recorder with calls in it, as a browser will find them."""

import csv
import io
import itertools
import math
import struct
import urllib.request
import wave
from typing import Any

from tests.local.running import UpProcess, run


class Recorder:
    """A running `callkeeper up`, and what a telephony platform does to it."""

    def __init__(self, up: UpProcess) -> None:
        self.up = up
        self.url = up.url
        self._numbers = itertools.count(1)

    @property
    def authorization(self) -> str:
        """The header line of whoever started it."""
        return (self.up.state / "authorization").read_text().strip()

    def token_of(self, user: str) -> str:
        """The header line of a user."""
        made = run(self.up.home, "token", self.up.folder, "--user", user, "--state", self.up.state)
        assert made.returncode == 0, made.stderr
        with open(made.stdout.strip()) as file:  # noqa: PTH123 - a path the command printed
            return file.read().strip()

    def recorded(
        self, *, user: str = "ada", caller: str = "+390212345678", seconds: float = 4, media: bytes | None = None
    ) -> str:
        """The id of a recording of a call that is over, with this media, or that of a tone."""
        name = f"call-{next(self._numbers)}"
        body = {
            "nativeId": name,
            "conversation": name,
            "kind": "peerToPeer",
            "calling": {"number": caller},
            "called": {"user": user, "identity": "user"},
        }
        segment = self.up.request("POST", "/v1/calls", body)["segment"]
        self.up.request("POST", f"/v1/calls/{segment}:pause", {})
        self.up.request("POST", f"/v1/calls/{segment}:resume", {})
        header, _, value = self.authorization.partition(": ")
        headers = {header: value, "Upload-Offset": "0", "Upload-Complete": "?1"}
        address = f"{self.url}/v1/recordings/{segment}-1/media"
        request = urllib.request.Request(
            address, data=tone(seconds) if media is None else media, method="PATCH", headers=headers
        )
        urllib.request.urlopen(request, timeout=10).close()
        self.up.request("POST", f"/v1/calls/{segment}:end", {})
        return f"{segment}-1"

    def audited(self) -> list[dict[str, Any]]:
        """The rows of the audit log."""
        done = run(self.up.home, "audit", "export", self.up.folder, "--state", self.up.state, "--from", "today")
        assert done.returncode == 0, done.stderr
        return list(csv.DictReader(io.StringIO(done.stdout)))


def tone(seconds: float, rate: int = 8_000) -> bytes:
    """A WAV of 440 Hz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        waves = (int(8_000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(int(seconds * rate)))
        writer.writeframes(b"".join(struct.pack("<h", one) for one in waves))
    return file.getvalue()
