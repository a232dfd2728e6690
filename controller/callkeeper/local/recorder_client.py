"""Asks a recorder over HTTP for the command line: the one of a running `callkeeper up`, or any by its URL.

A token is read from a file and travels in a header only. Redirects are not followed: it would go along.
"""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from callkeeper.local.exits import CannotRun
from callkeeper.local.running import read_running
from callkeeper.local.state import is_held, state_folder
from callkeeper.local.tokens import AUTHORIZATION, given_token

TIMEOUT_SECONDS = 60
"""For each read; an import of 100,000 users is answered within some ten seconds."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""A report of 100,000 lines has some 10 MB."""


class Refusal(CannotRun):
    """The recorder answered with a problem.

    Attributes:
        status: the answer's HTTP status.
        problem: the problem document; empty when it was none.
    """

    def __init__(self, message: str, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.problem = problem

    @property
    def type(self) -> str:
        """The name of the problem's type."""
        return str(self.problem.get("type", "")).removeprefix("/problems/")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderClient:
    """A recorder, and the token to ask it with.

    Attributes:
        url: its base URL.
        token: whose rights hold; None asks without one.
        direct: whether proxies of the environment are left aside, as for a recorder on this machine.
    """

    url: str
    token: str | None
    direct: bool = False

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        csv: bytes | None = None,
    ) -> Any:
        """One request; returns the answer's JSON.

        Args:
            method: `GET`.
            path: absolute, each part percent-encoded.
            query: appended to it.
            body: sent as JSON.
            csv: sent as CSV.

        Raises:
            Refusal: it was answered with a problem.
            CannotRun: it was not answered, or not by a recorder.
        """
        address = self.url.rstrip("/") + path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = {"Accept": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        data = csv
        if csv is not None:
            headers["Content-Type"] = "text/csv"
        elif body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
        if self.direct:
            handlers.append(urllib.request.ProxyHandler({}))
        opener = urllib.request.build_opener(*handlers)
        try:
            request = urllib.request.Request(address, data=data, headers=headers, method=method)  # noqa: S310 - http or https: see `find_recorder`
            with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                answer = response.read(MAX_ANSWER_BYTES + 1)
        except urllib.error.HTTPError as error:
            self._refused(error)
        except urllib.error.URLError as error:
            raise CannotRun(f"the recorder at {self.url} does not answer: {error.reason}") from error
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise CannotRun(f"the recorder at {self.url} broke off: {type(error).__name__}") from error
        if len(answer) > MAX_ANSWER_BYTES:
            raise CannotRun(f"the recorder at {self.url} answers more than {MAX_ANSWER_BYTES // 1024 // 1024} MiB")
        try:
            return json.loads(answer)
        except ValueError as error:
            raise CannotRun(f"what answers at {self.url} is no recorder: the answer is not JSON") from error

    def _refused(self, error: urllib.error.HTTPError) -> NoReturn:
        with error:
            try:
                problem = json.loads(error.read(MAX_ANSWER_BYTES))
                words = f"{problem['detail']}; {problem['next']}"
            except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
                problem, words = {}, f"{error.code} {error.reason}"
        raise Refusal(f"the recorder at {self.url} refused: {words}", error.code, problem) from error


def find_recorder(source: str | None, *, state: Path | None = None, token_file: Path | None = None) -> RecorderClient:
    """The recorder that is meant.

    Args:
        source: a settings folder whose `callkeeper up` runs, or a recorder's base URL; None finds the only one running.
        state: the state folder of the former, when not the usual.
        token_file: with the token alone, or the line `Authorization: Bearer …`; in a folder the own one is known.

    Raises:
        CannotRun: there is none, or the token cannot be read.
    """
    if source is not None and source.lower().startswith(("http://", "https://")):
        return RecorderClient(url=source, token=given_token(token_file) if token_file is not None else None)
    path = _running_state(source, state)
    running = read_running(path) if is_held(path) else None
    if running is None or running.url is None:
        named = source if source is not None else str(path)
        what = "runs no recorder of its own" if running is not None else "does not run"
        raise CannotRun(f"`callkeeper up` {what} for {named}; start it, or name a recorder with --url")
    return RecorderClient(url=running.url, token=given_token(token_file or path / AUTHORIZATION), direct=True)


def _running_state(source: str | None, state: Path | None) -> Path:
    if state is not None:
        return state_folder(Path.cwd(), state)
    if source is not None:
        if not Path(source).is_dir():
            raise CannotRun(
                f"{source} is neither a folder nor a URL; name the settings folder, or a recorder's base URL"
            )
        return state_folder(Path(source))
    own = state_folder(Path.cwd())
    running = sorted(file.parent for file in own.parent.glob("*/up.json") if is_held(file.parent))
    if own in running:
        return own
    if len(running) == 1:
        return running[0]
    found = "none runs" if not running else "several run: " + ", ".join(map(str, running))
    raise CannotRun(f"which recorder? Name the settings folder given to `callkeeper up`, or use --url; {found}")
