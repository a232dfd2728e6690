"""The log taken from whoever keeps it, over HTTP: a recorder or a collector. Broken off, it goes on where it was.

For the command line: blocking, standard library only, so that it starts quickly.
"""

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from callkeeper.audit.errors import CollectorRefused, CollectorUnavailable
from callkeeper.audit.row import HEADER

TIMEOUT_SECONDS = 30
"""For each read: the range is counted before the first byte, a few seconds for the largest."""

READ_BYTES = 256 * 1024
"""What is taken from the answer at a time."""

MAX_RESUMES = 5
"""How often a download that broke off goes on by itself."""

MAX_PROBLEM_BYTES = 64 * 1024
"""Of an answer that is a refusal."""

_PART, _BUSY = 206, 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where to ask.

    Attributes:
        url: base address of a recorder or a collector.
        headers: that say who asks.
        context: whom to trust; the system's authorities by default.
        direct: past any proxy of the environment, for an address of this machine.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    direct: bool = False


class RemoteDownload:
    """A download from a `Source`."""

    def __init__(self, source: Source, parameters: Sequence[tuple[str, str]]) -> None:
        """Ask for it; the other side has audited the download when this returns.

        Raises:
            CollectorUnavailable: nobody answers, or not now.
            CollectorRefused: the other side refuses, or is something else.
        """
        self._source = source
        query = urllib.parse.urlencode(parameters)
        self._address = f"{source.url.rstrip('/')}/v1/audit?{query}"
        if urllib.parse.urlsplit(self._address).scheme not in {"http", "https"}:
            raise CollectorRefused(f"{source.url} is no http:// or https:// address")
        handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=source.context)]
        if source.direct:
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(_NoRedirect(), *handlers)
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
        request = urllib.request.Request(self._address, headers={**self._source.headers, **headers})  # noqa: S310 - http(s), see above
        try:
            answer: http.client.HTTPResponse = self._opener.open(request, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from error
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "reason", None) or error
            raise CollectorUnavailable(f"{self._source.url} does not answer: {why}") from error
        return answer

    def _refusal(self, error: urllib.error.HTTPError) -> CollectorRefused | CollectorUnavailable:
        said = f"{error.code} {error.reason}"
        with error, suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            problem = json.loads(error.read(MAX_PROBLEM_BYTES))
            said = str(problem.get("detail") or problem.get("title") or said)
        kind = CollectorUnavailable if error.code == _BUSY or error.code >= 500 else CollectorRefused  # noqa: PLR2004 - HTTP's numbers
        return kind(f"{self._source.url} refused: {said}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token is for the address it was given for."""

    def redirect_request(self, *_arguments: object, **_named: object) -> None:
        """Follow nothing: a redirection is an answer like any other that is no success."""
        return
