"""The recorder over HTTP: the adapter of `RecorderPort` for the API in schemas/recorder-api.json.

Every answer is bounded in time and size, and believed only as far as it holds together: the config served must have the
revision it is served under.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self

import aiohttp

from callkeeper.policy.compile import Effects
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.config_json import ConfigError, canonical_bytes, from_json, revision
from callkeeper.reconcile.errors import (
    Lies,
    Mismatch,
    OwnerConflict,
    RecorderError,
    Refused,
    Rejected,
    StaleEpoch,
    Unconfirmed,
    Unreachable,
)
from callkeeper.reconcile.plan import short
from callkeeper.reconcile.port import Envelope, RecorderState

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 30.0
"""A config of 100,000 entries (50 MB) is validated and written in a few seconds on a small machine."""

MAX_ANSWER_BYTES = 80 * 1024 * 1024
"""A config of the largest size a recorder takes (64 MiB) and its envelope."""

MAX_DETAIL = 300
"""Characters of a recorder's own words that are passed on."""


class HttpRecorder:
    """A recorder behind a URL. To be closed, or used as an asynchronous context."""

    def __init__(
        self,
        endpoint: str,
        token: Callable[[], str | None],
        *,
        tls: SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            endpoint: base URL.
            token: gives the bearer token whenever one is needed, or None; may raise `Refused`.
            tls: whom to trust; the system's authorities by default.
            total_seconds: the longest a whole answer may take.
        """
        self._endpoint = endpoint.rstrip("/")
        self._token = token
        self._tls = tls
        self._timeout = aiohttp.ClientTimeout(total=total_seconds, sock_connect=CONNECT_SECONDS)
        self._session: aiohttp.ClientSession | None = None
        self._read: tuple[bytes, RecorderState] | None = None
        self._sent: _Sent | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def read(self) -> RecorderState:
        """See `RecorderPort.read`."""
        return await self._parsed(await self._ask("GET", "/v1/config"))

    async def runs(self, state: RecorderState) -> bool:
        """See `RecorderPort.runs`: without its body where the recorder can do that (RFC 9110, section 13.1.2)."""
        precondition = {"If-None-Match": f'"{state.revision}"'} if state.revision else {}
        data = await self._ask("GET", "/v1/config", headers=precondition, unchanged_ok=True)
        return not data or (await self._parsed(data)).revision == state.revision

    async def check(self, envelope: Envelope) -> Effects:
        """See `RecorderPort.check`."""
        body = await asyncio.to_thread(envelope_json, envelope)
        answer = self._json(await self._ask("POST", "/v1/config:check", body))
        try:
            counts = answer["effects"]
            return Effects(
                shortens=_count(counts, "shortens"),
                deletes=_count(counts, "deletes"),
                holds=_count(counts, "holds"),
                considered_calls=_count(counts, "consideredCalls"),
                changed_decisions=_count(counts, "changedDecisions"),
                spent=frozenset(str(text) for text in answer.get("spent", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Lies(
                f"the recorder's answer to a check cannot be read: {error!r}; see that it is a recorder"
            ) from error

    async def put(self, envelope: Envelope, *, if_match: str | None) -> str:
        """See `RecorderPort.put`."""
        precondition = {"If-None-Match": "*"} if if_match is None else {"If-Match": f'"{if_match}"'}
        body, self._sent = await asyncio.to_thread(_sent, envelope)
        answer = self._json(await self._ask("PUT", "/v1/config", body, precondition))
        return str(answer.get("revision"))

    async def body(self, revision: str) -> RecorderConfig | None:
        """See `RecorderPort.body`."""
        data = await self._ask("GET", f"/v1/config/{revision}", absent_ok=True)
        if not data:
            return None
        return await asyncio.to_thread(self._config_of, revision, data)

    def _config_of(self, revision: str, data: bytes) -> RecorderConfig | None:
        answer = self._json(data)
        config = _config(answer.get("config", answer))
        return config if config is not None and _revision(config) == revision else None

    async def _parsed(self, data: bytes) -> RecorderState:
        digest = sha256(data).digest()
        if self._read is None or self._read[0] != digest:
            # The same bytes mean the same: a config of 100,000 entries is not validated at every look for drift.
            # Nor on the event loop, where a lease is to be renewed meanwhile.
            self._read = digest, await asyncio.to_thread(self._state, data)
        return self._read[1]

    def _state(self, data: bytes) -> RecorderState:
        """What the recorder runs; a config that comes back as it was put from here is known by its bytes."""
        if self._sent is not None and (head := self._sent.head_of(data)) is not None:
            answer = self._json(head)
            if next(reversed(answer), None) == "config":
                return _state(answer, self._sent.config)
        answer = self._json(data)
        return _state(answer, _config(answer.get("config")))

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        absent_ok: bool = False,
        unchanged_ok: bool = False,
    ) -> bytes:
        """Send and receive, within the bounds.

        Raises:
            RecorderError: whatever went wrong, by whose turn it is.
        """
        token = self._token()
        sent = {"Accept": "application/json", **(headers or {})}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            async with self._connected().request(
                method, self._endpoint + path, data=body, headers=sent, allow_redirects=False
            ) as response:
                data = await _bounded(response)
        except TimeoutError as error:
            raise Unreachable(
                f"{self._endpoint} did not answer within {self._timeout.total:g} s; see that the recorder is well"
            ) from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise Refused(f"the certificate of {self._endpoint} is not trusted; see caRef of the Recorder") from error
        except (aiohttp.ClientError, OSError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise Unreachable(f"{self._endpoint} cannot be reached ({why}); see that the recorder runs") from error
        if (response.status == 404 and absent_ok) or (response.status == 304 and unchanged_ok):  # noqa: PLR2004 - HTTP's
            return b""
        if not 200 <= response.status < 300:  # noqa: PLR2004 - HTTP's numbers
            raise _problem(self._endpoint, response.status, data)
        return data

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=4, ssl=self._tls if self._tls is not None else True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self._session

    def _json(self, data: bytes) -> dict[str, Any]:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise Lies(f"{self._endpoint} answers something else than JSON; see that a recorder is there") from error
        if not isinstance(value, dict):
            raise Lies(f"{self._endpoint} answers no JSON object; see that a recorder is there")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A config that was put from here, and how its bytes are known again.

    Attributes:
        config: what was put.
        length: of its canonical bytes.
        digest: SHA-256 of them.
    """

    config: RecorderConfig
    length: int
    digest: bytes

    def head_of(self, data: bytes) -> bytes | None:
        """An answer that ends with exactly this config, without it; None for any other answer."""
        start = len(data) - 1 - self.length
        if start <= 0 or data[-1:] != b"}" or sha256(memoryview(data)[start:-1]).digest() != self.digest:
            return None
        return data[:start] + b"null}"


def envelope_json(envelope: Envelope) -> bytes:
    """The body of a put or check."""
    return _envelope(envelope, canonical_bytes(envelope.config))


def _sent(envelope: Envelope) -> tuple[bytes, _Sent]:
    config = canonical_bytes(envelope.config)
    sent = _Sent(config=envelope.config, length=len(config), digest=sha256(config).digest())
    return _envelope(envelope, config), sent


def _envelope(envelope: Envelope, config: bytes) -> bytes:
    head = {
        "owner": envelope.owner,
        "epoch": envelope.epoch,
        "takeOver": envelope.take_over,
        "confirmations": [{"object": one.object, "text": one.text} for one in envelope.confirmations],
    }
    return json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"config":' + config + b"}"


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_chunked(1 << 16):
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            response.close()
            raise Lies(f"the recorder's answer is larger than {MAX_ANSWER_BYTES} bytes; see that it is a recorder")
        chunks.append(chunk)
    return b"".join(chunks)


def _state(answer: Mapping[str, Any], config: RecorderConfig | None) -> RecorderState:
    said = answer.get("revision")
    if config is not None and _revision(config) != said:
        raise Lies(
            f"the recorder says it runs revision {short(str(said))} and serves {short(_revision(config))}; "
            "restart it, and program it anew"
        )
    sections, spent, epoch = answer.get("sections"), answer.get("spentConfirmations"), answer.get("epoch")
    return RecorderState(
        revision=said if config is not None else None,
        owner=answer.get("owner") if isinstance(answer.get("owner"), str) else None,
        epoch=epoch if isinstance(epoch, int) else 0,
        config=config,
        sections={name: version for name, version in sections.items() if isinstance(version, int)}
        if isinstance(sections, dict)
        else {},
        spent=frozenset(text for text in spent if isinstance(text, str)) if isinstance(spent, list) else frozenset(),
    )


def _config(value: object) -> RecorderConfig | None:
    if value is None:
        return None
    try:
        return from_json(value)
    except ConfigError as error:
        raise Lies(f"the recorder serves a config that is none: {error}; see whether its release is newer") from error


def _revision(config: RecorderConfig) -> str:
    return revision(config)


def _count(counts: Mapping[str, Any], name: str) -> int:
    count = counts.get(name, 0)
    if not isinstance(count, int) or count < 0:
        raise ValueError(f"{name} is no count")
    return count


def _problem(endpoint: str, status: int, data: bytes) -> RecorderError:
    """The error for an answer that is none (RFC 9457 where the recorder keeps to it)."""
    try:
        problem = json.loads(data)
        kind, detail = str(problem.get("type", "")), str(problem.get("detail") or problem.get("title") or "")
    except (ValueError, AttributeError, RecursionError):
        problem, kind, detail = {}, "", ""
    said = f" ({detail[:MAX_DETAIL]})" if detail else ""
    kinds: dict[int, tuple[type[RecorderError], str]] = {
        401: (Refused, f"{endpoint} refuses the credentials{said}; see that the token is right and may put settings"),
        409: (OwnerConflict, f"another owner programs this recorder{said}; end it, and take over from it"),
        412: (Mismatch, f"the recorder's config changed in between{said}"),
        422: (Rejected, f"the recorder does not take this config{said}; see that its release is not older"),
        404: (Rejected, f"{endpoint} knows no /v1/config; see that it is a recorder's base URL"),
    }
    same = {403: 401, 400: 422, 413: 422, 428: 422, 405: 404}
    if status == 409 and kind.endswith("stale-epoch"):  # noqa: PLR2004 - HTTP's numbers
        return StaleEpoch(f"a newer instance programs this recorder{said}")
    if status == 409 and kind.endswith("confirmation-required"):  # noqa: PLR2004 - HTTP's numbers
        # It counted more than when it was asked: compiled anew, the object says which line is missing.
        step = str(problem.get("next") or "see what its settings take away")[:MAX_DETAIL]
        return Unconfirmed(f"the recorder asks for a confirmation{said}; {step}")
    found = kinds.get(same.get(status, status))
    if found is None:
        return Unreachable(f"{endpoint} answers {status}{said}; see the recorder's log")
    error, message = found
    return error(message)
