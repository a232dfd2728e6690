"""The operator's HTTP door: health, readiness, metrics, and the notes of who changed what.

`/healthz` says that the process answers. `/readyz` says that it does its work: everything was listed, and it leads with
reconciles that end, or stands by.
"""

import hmac
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

MAX_NOTES_BYTES = 8 * 1024 * 1024
"""Of one push of notes: an API server's batch of audit events with whole objects has a few MB."""


class Door:
    """Serves until it is closed."""

    def __init__(
        self,
        *,
        ready: Callable[[], str | None],
        metrics: Callable[[], bytes],
        take_notes: Callable[[bytes], int] | None,
        changes_token_file: Path | None,
    ) -> None:
        """Prepare.

        Args:
            ready: why this replica does not do its work, or None.
            metrics: the exposition.
            take_notes: takes the notes of a body, ValueError where it holds none; None where notes are not taken.
            changes_token_file: holds the token that senders of notes show; without it nobody is let in.
        """
        self._ready = ready
        self._metrics = metrics
        self._take_notes = take_notes
        self._token_file = changes_token_file
        self._runner: web.AppRunner | None = None

    async def open(self, host: str, port: int) -> int:
        """Listen; the port that is listened on.

        Raises:
            OSError: the address is taken, or not this machine's.
        """
        app = web.Application(client_max_size=MAX_NOTES_BYTES)
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._show_metrics),
                web.post("/v1/changes", self._changes),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        addresses = self._runner.addresses
        return int(addresses[0][1])

    async def close(self) -> None:
        """Close it."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        why = self._ready()
        return web.Response(text="ready\n") if why is None else web.Response(status=503, text=f"{why}\n")

    async def _show_metrics(self, _: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=self._metrics(), headers=headers)

    async def _changes(self, request: web.Request) -> web.Response:
        if self._take_notes is None or self._token_file is None:
            return _problem(404, "unknown-path", "this operator takes no notes; start it with --changes-token-file")
        if not self._may_tell(request.headers.get("Authorization", "")):
            return _problem(401, "unauthorized", "the token is missing or wrong")
        try:
            taken = self._take_notes(await request.read())
        except ValueError as error:
            return _problem(422, "invalid-notes", str(error)[:300])
        return web.json_response({"taken": taken})

    def _may_tell(self, header: str) -> bool:
        assert self._token_file is not None
        try:
            expected = self._token_file.read_text(encoding="utf-8").strip()
        except OSError:
            return False
        return bool(expected) and hmac.compare_digest(header.encode(), f"Bearer {expected}".encode())


def _problem(status: int, kind: str, detail: str) -> web.Response:
    value = {"type": f"/problems/{kind}", "title": kind.replace("-", " "), "status": status, "detail": detail}
    return web.json_response(value, status=status, content_type="application/problem+json")
