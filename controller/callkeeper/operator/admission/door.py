"""The webhook's HTTP door: `/v1/admit` for the API server's questions, `/v1/audit-webhook` for what it did.

Health and metrics have a port of their own, without TLS: the kubelet and Prometheus trust no authority of ours.
"""

import asyncio
import hmac
import ssl
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog
from aiohttp import web

from callkeeper.operator.admission.counting import WebhookMetrics
from callkeeper.operator.admission.deciding import Decider
from callkeeper.operator.admission.noting import MAX_BATCH_BYTES, BatchError, note_of_review, notes_of_batch
from callkeeper.operator.admission.pushing import NotePusher
from callkeeper.operator.admission.review import MAX_REVIEW_BYTES, Review, ReviewError, Verdict, answer, read_review

MAX_REVIEWS_AT_ONCE = 64
"""Answered at the same time; more are told to come again, and the API server goes by the failure policy."""

REVIEW_SECONDS = 3.0
"""After which an object that nothing was found wrong with is let through without warnings; the API server waits 5 s."""

_log = structlog.get_logger()


@dataclass(kw_only=True)
class WebhookDoor:
    """The routes.

    Attributes:
        decider: answers reviews.
        pusher: takes notes to the operator; None makes none.
        metrics: counts.
        own_accounts: users who are ours, whose writes are not noted.
        audit_token_file: holds the token that the API server's audit webhook shows; None goes by the client
            certificate alone.
        ready: why this replica does not do its work, or None.
    """

    decider: Decider
    pusher: NotePusher | None
    metrics: WebhookMetrics
    own_accounts: Collection[str] = ()
    audit_token_file: Path | None = None
    ready: Callable[[], str | None] = lambda: None
    _at_once: int = 0
    _noting: set[asyncio.Task[None]] = field(default_factory=set)

    def app(self) -> web.Application:
        """What the API server speaks to."""
        app = web.Application(client_max_size=MAX_BATCH_BYTES)
        app.add_routes([web.post("/v1/admit", self._admit), web.post("/v1/audit-webhook", self._audit)])
        return app

    def health_app(self) -> web.Application:
        """What the kubelet and Prometheus speak to."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._show_metrics),
            ]
        )
        return app

    async def _admit(self, request: web.Request) -> web.Response:
        if self._at_once >= MAX_REVIEWS_AT_ONCE:
            return web.Response(status=503, headers={"Retry-After": "1"}, text="too many reviews at once\n")
        if (request.content_length or 0) > MAX_REVIEW_BYTES:
            return _too_large()
        self._at_once += 1
        started = time.perf_counter()
        try:
            body = await request.read()
            if len(body) > MAX_REVIEW_BYTES:
                return _too_large()
            return await self._answered(body, started)
        finally:
            self._at_once -= 1

    async def _answered(self, body: bytes, started: float) -> web.Response:
        try:
            review = read_review(body)
        except ReviewError as error:
            self.metrics.reviews.labels("", "", "unreadable").inc()
            if not error.uid:
                return web.Response(status=400, text=f"{error}\n")
            return web.json_response(answer(error.uid, Verdict(warnings=(f"callkeeper: {error}",))))
        try:
            async with asyncio.timeout(REVIEW_SECONDS):
                verdict = await self.decider.decide(review)
        except TimeoutError:
            verdict = Verdict(warnings=("callkeeper: there was no time to look at this object",))
        except Exception:  # noqa: BLE001 - a fault of ours must not keep anybody from writing
            _log.exception("webhook.review-failed")
            verdict = Verdict(warnings=("callkeeper: this object could not be looked at; the operator will say",))
        self.metrics.reviewed(review, verdict, time.perf_counter() - started)
        self._note(review, verdict)
        return web.json_response(answer(review.uid, verdict))

    def _note(self, review: Review, verdict: Verdict) -> None:
        """Make the note once the answer is on its way."""
        if self.pusher is None or review.dry_run:
            return
        task = asyncio.create_task(self._noted(review, verdict, datetime.now(UTC)))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _noted(self, review: Review, verdict: Verdict, at: datetime) -> None:
        assert self.pusher is not None
        note = await asyncio.to_thread(note_of_review, review, verdict, at)
        if note is not None and note.user not in self.own_accounts:
            self.metrics.notes.labels("admission").inc()
            self.pusher.push([note])

    async def _audit(self, request: web.Request) -> web.Response:
        if not self._may_tell(request):
            self.metrics.batches.labels("refused").inc()
            return web.Response(status=401, text="the token or client certificate is missing or wrong\n")
        if self.pusher is None:
            return web.Response(status=404, text="this webhook has no operator to tell; start it with --operator\n")
        body = await request.read()
        try:
            notes = await asyncio.to_thread(notes_of_batch, body, self.own_accounts)
        except BatchError as error:
            self.metrics.batches.labels("unreadable").inc()
            return web.Response(status=400, text=f"{error}\n")
        self.metrics.notes.labels("audit").inc(len(notes))
        if not await self.pusher.deliver(notes):
            self.metrics.batches.labels("not_delivered").inc()
            return web.Response(status=503, headers={"Retry-After": "5"}, text="no operator takes notes now\n")
        self.metrics.batches.labels("taken").inc()
        return web.Response()

    def _may_tell(self, request: web.Request) -> bool:
        """Whether this is the API server: by a client certificate of the given authority, or by the token."""
        tls = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
        if isinstance(tls, ssl.SSLObject) and tls.context.verify_mode is not ssl.CERT_NONE and tls.getpeercert():
            return True
        if self.audit_token_file is None:
            return False
        try:
            expected = self.audit_token_file.read_text(encoding="utf-8").strip()
        except OSError:
            return False
        shown = request.headers.get("Authorization", "")
        return bool(expected) and hmac.compare_digest(shown.encode(), f"Bearer {expected}".encode())

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        why = self.ready()
        return web.Response(text="ready\n") if why is None else web.Response(status=503, text=f"{why}\n")

    async def _show_metrics(self, _: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=self.metrics.exposition(), headers=headers)


def _too_large() -> web.Response:
    return web.Response(status=413, text=f"a review has at most {MAX_REVIEW_BYTES:,} bytes\n")
