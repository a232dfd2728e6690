"""Asking a recorder or a collector over HTTP, for the command line: blocking, standard library only, to start quickly.

Not here: what is asked (`remote_download`, `remote_verification`).
"""

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from callkeeper.audit.errors import CollectorRefused, CollectorUnavailable

MAX_PROBLEM_BYTES = 64 * 1024
"""Of an answer that is a refusal."""

_BUSY = 429


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

    def ask(
        self, path: str, *, headers: Mapping[str, str], timeout_seconds: float, body: bytes | None = None
    ) -> http.client.HTTPResponse:
        """Ask for this path, with POST where there is a body.

        Raises:
            CollectorUnavailable: nobody answers, or not now.
            CollectorRefused: the other side refuses, or this is no address to ask.
        """
        address = self.url.rstrip("/") + path
        if urllib.parse.urlsplit(address).scheme not in {"http", "https"}:
            raise CollectorRefused(f"{self.url} is no http:// or https:// address")
        request = urllib.request.Request(address, data=body, headers={**self.headers, **headers})  # noqa: S310 - http(s), see above
        try:
            answer: http.client.HTTPResponse = self._opener().open(request, timeout=timeout_seconds)
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from error
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "reason", None) or error
            raise CollectorUnavailable(f"{self.url} does not answer: {why}") from error
        return answer

    def _opener(self) -> urllib.request.OpenerDirector:
        handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=self.context)]
        if self.direct:
            handlers.append(urllib.request.ProxyHandler({}))
        return urllib.request.build_opener(_NoRedirect(), *handlers)

    def _refusal(self, error: urllib.error.HTTPError) -> CollectorRefused | CollectorUnavailable:
        said = f"{error.code} {error.reason}"
        with error, suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            problem = json.loads(error.read(MAX_PROBLEM_BYTES))
            said = str(problem.get("detail") or problem.get("title") or said)
            if step := problem.get("next"):
                said = f"{said}; {step}"
        kind = CollectorUnavailable if error.code == _BUSY or error.code >= 500 else CollectorRefused  # noqa: PLR2004 - HTTP's numbers
        refusal = kind(f"{self.url} refused: {said}")
        refusal.status = error.code
        return refusal


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token is for the address it was given for."""

    def redirect_request(self, *_arguments: object, **_named: object) -> None:
        """Follow nothing: a redirection is an answer like any other that is no success."""
        return
