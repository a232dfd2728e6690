"""The log taken from whoever keeps it, over HTTP: a recorder or a collector. Broken off, it goes on where it was."""

import http.client
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence

from callkeeper.audit.errors import CollectorRefused, CollectorUnavailable
from callkeeper.audit.remote import Source
from callkeeper.audit.row import HEADER

TIMEOUT_SECONDS = 30
"""For each read: the range is counted before the first byte, a few seconds for the largest."""

READ_BYTES = 256 * 1024
"""What is taken from the answer at a time."""

MAX_RESUMES = 5
"""How often a download that broke off goes on by itself."""

_PART = 206


class RemoteDownload:
    """A download from a `Source`."""

    def __init__(self, source: Source, parameters: Sequence[tuple[str, str]]) -> None:
        """Ask for it; the other side has audited the download when this returns.

        Raises:
            CollectorUnavailable: nobody answers, or not now.
            CollectorRefused: the other side refuses, or is something else.
        """
        self._source = source
        self._path = f"/v1/audit?{urllib.parse.urlencode(parameters)}"
        self._answer = self._ask({})
        self._tag = self._answer.headers.get("ETag") if self._answer.headers.get("Accept-Ranges") == "bytes" else None
        length = self._answer.headers.get("Content-Length", "")
        self.size = int(length) if length.isascii() and length.isdigit() else None

    def chunks(self) -> Iterator[bytes]:
        """The bytes.

        Raises:
            CollectorUnavailable: it broke off and could not be resumed.
            CollectorRefused: it is no audit log.
        """
        received, broke = 0, ""
        for resumes in range(MAX_RESUMES + 1):
            with self._answer as answer:
                try:
                    if received == 0:
                        yield self._header(answer)
                        received = len(HEADER)
                    while chunk := answer.read(READ_BYTES):
                        received += len(chunk)
                        yield chunk
                    if self.size is None or received >= self.size:
                        return
                    broke = "it ended too soon"
                except (OSError, http.client.HTTPException) as error:
                    broke = str(error) or type(error).__name__
            if self._tag is None or resumes == MAX_RESUMES:
                break
            self._answer = self._ask({"Range": f"bytes={received}-", "If-Range": self._tag})
            if self._answer.status != _PART:
                self._answer.close()
                broke = "the log has changed in this range meanwhile"
                break
        raise CollectorUnavailable(
            f"{self._source.url} broke off after {received} of {self.size or 'unknown'} bytes ({broke}); export again"
        )

    def _header(self, answer: http.client.HTTPResponse) -> bytes:
        begin = answer.read(len(HEADER))
        if begin != HEADER:
            raise CollectorRefused(f"what answers at {self._source.url} is no audit log")
        return begin

    def _ask(self, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        return self._source.ask(self._path, headers=headers, timeout_seconds=TIMEOUT_SECONDS)
