"""`callkeeper webhook`: certificates, the door, and notes on their way, in one process. The composition root."""

import asyncio
import gc
import os
import signal
import ssl
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import structlog
from aiohttp import web

from callkeeper.operator.access import find_access
from callkeeper.operator.admission.counting import WebhookMetrics, seconds_since_epoch
from callkeeper.operator.admission.deciding import Decider
from callkeeper.operator.admission.door import WebhookDoor
from callkeeper.operator.admission.pushing import NotePusher
from callkeeper.operator.api import KubeApi
from callkeeper.operator.certificates.authority import Lifetimes
from callkeeper.operator.certificates.given import GivenFiles
from callkeeper.operator.certificates.keeping import SelfManaged
from callkeeper.operator.certificates.kept import CertificateSecret
from callkeeper.operator.certificates.served import CertificateUnusable, ServedCertificate
from callkeeper.operator.errors import CannotStart
from callkeeper.operator.memory import give_back

GARBAGE_THRESHOLD = 100_000
"""Objects made before a search for cycles begins: a Blacklist of 20,000 numbers makes as many, and no cycle."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """What the command line of `callkeeper webhook` says.

    Attributes:
        host: where the API server reaches it.
        port: likewise; 0 picks a free one.
        health_host: where the kubelet and Prometheus reach it, without TLS.
        health_port: likewise.
        certificate: the files given, certificate and key; None for self-managed ones.
        secret: name of the Secret with self-managed certificates, in the namespace of this process.
        secret_namespace: where it is; None for the namespace this process runs in.
        configuration: name of the ValidatingWebhookConfiguration.
        names: what the API server calls this webhook: DNS names or addresses.
        lifetimes: of self-managed certificates.
        operators: base URLs of operators.
        operator_ca: PEM certificates to trust for them, or None.
        changes_token_file: the token shown to them.
        audit_token_file: the token the API server's audit webhook shows.
        audit_client_ca: PEM certificates whose clients may tell audit events.
        own_accounts: users whose writes are not noted.
        ask_recorders: whether running recorders are asked what a change takes away.
    """

    host: str = "127.0.0.1"
    port: int = 8443
    health_host: str = "127.0.0.1"
    health_port: int = 8481
    certificate: tuple[Path, Path] | None = None
    secret: str = "callkeeper-webhook-certificates"  # noqa: S105 - the name of an object
    secret_namespace: str | None = None
    configuration: str = "callkeeper"
    names: tuple[str, ...] = ()
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    operators: tuple[str, ...] = ()
    operator_ca: Path | None = None
    changes_token_file: Path | None = None
    audit_token_file: Path | None = None
    audit_client_ca: Path | None = None
    own_accounts: tuple[str, ...] = ()
    ask_recorders: bool = True


async def run(options: WebhookOptions) -> None:
    """Run until a signal ends it.

    Raises:
        CannotStart: it cannot run like this.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with Webhook(options):
        # What is there now stays: searching it for reference cycles again and again would cost every large review.
        give_back()
        gc.set_threshold(GARBAGE_THRESHOLD, 10, 10)
        await stopping.wait()


class Webhook:
    """One replica; an asynchronous context that serves."""

    def __init__(self, options: WebhookOptions) -> None:
        """Prepare; nothing is opened yet."""
        self._options = options
        self._stack = AsyncExitStack()
        self.metrics = WebhookMetrics()
        self.port = 0
        self.health_port = 0
        self._certificates: SelfManaged | GivenFiles | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        options = self._options
        access = find_access(os.environ)
        api = KubeApi(access)
        self._stack.push_async_callback(api.close)
        served = self._served()
        pusher = self._pusher()
        door = WebhookDoor(
            decider=Decider(api, ask_recorders=options.ask_recorders),
            pusher=pusher,
            metrics=self.metrics,
            own_accounts=options.own_accounts,
            audit_token_file=options.audit_token_file,
            ready=lambda: self._why_not_ready(served),
        )
        self.health_port = await self._listen(door.health_app(), options.health_host, options.health_port, None)
        self._show(served, pusher)
        if options.certificate is not None:
            given = self._certificates = GivenFiles(served, *options.certificate)
            try:
                given.look()
            except CertificateUnusable as error:
                raise CannotStart(str(error)) from error
            self._start(given.run)
        else:
            secret = CertificateSecret(api, options.secret_namespace or access.namespace, options.secret)
            own = self._certificates = SelfManaged(
                api,
                secret,
                served,
                configuration=options.configuration,
                names=options.names,
                lifetimes=options.lifetimes,
            )
            self._start(own.run)
        if pusher is not None:
            self._start(pusher.run)
        self.port = await self._listen(door.app(), options.host, options.port, served.context)
        _log.info("webhook.listening", host=options.host, port=self.port, health_port=self.health_port)

    def _served(self) -> ServedCertificate:
        try:
            return ServedCertificate(client_authority=self._options.audit_client_ca)
        except (ssl.SSLError, OSError) as error:
            raise CannotStart(f"{self._options.audit_client_ca} holds no certificates to trust: {error}") from error

    def _pusher(self) -> NotePusher | None:
        options = self._options
        if not options.operators:
            return None
        tls = ssl.create_default_context(cafile=options.operator_ca) if options.operator_ca is not None else None
        return NotePusher(options.operators, lambda: _token(options.changes_token_file), tls=tls)

    def _start(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        task = asyncio.create_task(work())
        self._stack.push_async_callback(_ended, task)

    async def _listen(self, app: web.Application, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
        except OSError as error:
            raise CannotStart(f"cannot listen on {host}:{port}: {error.strerror}") from error
        return int(runner.addresses[0][1])

    def _why_not_ready(self, served: ServedCertificate) -> str | None:
        failure = self._certificates.failure if self._certificates is not None else None
        if served.ends is None:
            return f"has no certificate yet: {failure or 'being made'}"
        if served.ends <= datetime.now(UTC):
            return f"its certificate ended at {served.ends.isoformat()}: {failure or 'being renewed'}"
        return None

    def _show(self, served: ServedCertificate, pusher: NotePusher | None) -> None:
        def authority_ends() -> float:
            own = self._certificates
            return seconds_since_epoch(own.authority_ends if isinstance(own, SelfManaged) else None)

        gauge = self.metrics.gauge
        gauge(
            "callkeeper_webhook_certificate_expiry_timestamp_seconds",
            "When the certificate that is served ends, seconds since 1970; 0 where there is none yet.",
            lambda: seconds_since_epoch(served.ends),
        )
        gauge(
            "callkeeper_webhook_authority_expiry_timestamp_seconds",
            "When the self-managed authority ends, seconds since 1970; 0 where certificates are given.",
            authority_ends,
        )
        if pusher is not None:
            gauge("callkeeper_webhook_notes_queued", "Notes waiting for the operator replica that lags most.",
                  lambda: pusher.queued)  # fmt: skip
            gauge("callkeeper_webhook_notes_dropped", "Notes dropped because a queue was full.",
                  lambda: pusher.dropped)  # fmt: skip
            gauge("callkeeper_webhook_operators_reachable", "Operator replicas that take notes.",
                  lambda: pusher.reachable)  # fmt: skip


def _token(path: Path | None) -> str | None:
    """The token as it stands in its file now."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
