"""`callkeeper operator`: listing, watching, leading and the HTTP door, in one process.

The composition root. What happens when is here; what it means is in the modules that are composed.
"""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from typing import Any

import structlog

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import KINDS
from callkeeper.operator import paths
from callkeeper.operator.access import Access, find_access
from callkeeper.operator.announcing import Announcer
from callkeeper.operator.api import KubeApi
from callkeeper.operator.attribution.config_maps import ConfigMapBooks
from callkeeper.operator.attribution.counting import show
from callkeeper.operator.attribution.notes import ChangeNotes
from callkeeper.operator.attribution.rows import ChangeRows
from callkeeper.operator.attribution.who import ClusterAttribution
from callkeeper.operator.audit_exports import AuditExports
from callkeeper.operator.audit_keeping import AuditKeeping
from callkeeper.operator.audit_logs import CollectorLogs, NoLog
from callkeeper.operator.door import Door
from callkeeper.operator.errors import ApiDenied, ApiNotFound, ApiUnavailable, CannotStart
from callkeeper.operator.fleet import Fleet, Parts
from callkeeper.operator.lease import Lease, Term
from callkeeper.operator.listing import Listing
from callkeeper.operator.log_style import LogStyle
from callkeeper.operator.memory import give_back, set_apart, start
from callkeeper.operator.metrics import Metrics
from callkeeper.operator.options import Options
from callkeeper.operator.registry import Registry, Seen, key_of
from callkeeper.operator.status_writer import StatusWriter
from callkeeper.operator.watching import Watching
from callkeeper.policy.config import AuditSection
from callkeeper.reconcile.bookkeeping import AuditPort
from callkeeper.reconcile.changes import ShowPattern
from callkeeper.tasks.supervising import Supervisor

log = structlog.get_logger()

COMPILING_AT_ONCE = 2
"""Threads beside the event loop. They share one interpreter with it: more of them compile no faster, and keep the loop
from renewing the lease. With fifty recorders to compile at a restart, the default of six lost it again and again on a
busy machine."""

WATCH_DELAY_SECONDS = 5.0
"""The first pass has the processor to itself for so long; watches begin with what happened since the listing anyway."""

BACKLOG_SECONDS, BACKLOG_POLL_SECONDS = 15.0, 0.2
"""So much longer where thousands of statuses are being written: each is an event, and none of them is news."""

GIVE_BACK_SECONDS = 0.5
"""After the first pass, memory is given back, which takes a tenth of a second."""

STALE_SECONDS = 180.0
"""Three listings missed: what is known here may not be so any more."""

WAIT_SECONDS = 5.0
"""Between looks for a cluster that is not there yet, or has not our kinds."""


async def run(options: Options) -> None:
    """Run until a signal ends it.

    Raises:
        CannotStart: it cannot run like this.
    """
    start()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(COMPILING_AT_ONCE, thread_name_prefix="beside the loop"))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        operator = Operator(options, find_access(os.environ), stack)
        running = asyncio.create_task(operator.run(), name="operator")
        stopped = asyncio.create_task(stopping.wait(), name="wait for the end")
        try:
            await asyncio.wait((running, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            if not running.done():
                running.cancel()
            with suppress(asyncio.CancelledError):
                await running


class Operator:
    """One replica."""

    def __init__(self, options: Options, access: Access, stack: AsyncExitStack) -> None:
        """Put the parts together.

        Args:
            options: what the command line said.
            access: how to reach the API server.
            stack: what is to be closed, in reverse order.
        """
        self._options = options
        self._access = access
        self._stack = stack
        self._api = KubeApi(access)
        self._registry = Registry()
        self._metrics = Metrics()
        self._supervisor = Supervisor(self._metrics.task_failed, fatal=(CannotStart,))
        self._metrics.objects.set_function(lambda: len(self._registry))
        self._listing = Listing(self._api, self._registry, options.namespaces, self._count_listing)
        identity = f"{socket.gethostname()}_{secrets.token_hex(4)}"
        self._home = options.lease_namespace or access.namespace
        self._lease = Lease(self._api, self._home, options.lease_name, identity)
        self._announcer = Announcer(self._api, identity, self._may_write)
        self._writer = StatusWriter(self._api, self._registry, self._metrics, self._may_write)
        self._notes = ChangeNotes()
        self._attribution = ClusterAttribution(self._notes, trusted=options.trusted_gitops)
        self._logs = CollectorLogs(options.collector) if options.collector is not None else None
        self._rows: ChangeRows | None = None
        self._settled = asyncio.Event()
        self._fleet: Fleet | None = None
        self._exports: AuditExports | None = None
        self._cluster = ""

    async def run(self) -> None:
        """Serve, list, watch, and lead when it is this replica's turn; until cancelled."""
        self._stack.push_async_callback(self._api.close)
        if self._logs is not None:
            self._stack.push_async_callback(self._logs.close)
        door = Door(
            ready=self._why_not_ready,
            metrics=self._metrics.exposition,
            take_notes=self._notes.take_body,
            changes_token_file=self._options.changes_token_file,
        )
        self._stack.push_async_callback(door.close)
        try:
            port = await door.open(self._options.host, self._options.port)
        except OSError as error:
            raise CannotStart(
                f"cannot listen on {self._options.host}:{self._options.port}: {error.strerror}"
            ) from error
        log.info("listening", address=f"{self._options.host}:{port}", identity=self._lease.identity)
        await self._wait_for_cluster()
        self._observe_changes()
        async with asyncio.TaskGroup() as group:
            keep = self._supervisor.keep
            group.create_task(keep("list", self._listing.run))
            group.create_task(keep("announce", self._announce))
            group.create_task(keep("watch", self._watch))
            await self._listing.complete.wait()
            log.info("listed", objects=len(self._registry))
            set_apart()
            if self._rows is not None:
                self._rows.complete(self._options.namespaces or None)
            group.create_task(keep("lead", lambda: self._lease.run(self._lead)))

    async def _wait_for_cluster(self) -> None:
        """Wait until our kinds are served and the cluster has a name.

        Raises:
            CannotStart: a permission is missing that waiting does not bring.
        """
        scope = self._options.namespaces[0] if self._options.namespaces else None
        while True:
            try:
                looks = [
                    self._api.ask("GET", paths.collection(kind, scope), parameters={"limit": "1"}) for kind in KINDS
                ]
                await asyncio.gather(*looks)
                self._cluster = self._options.cluster or await self._cluster_id()
            except ApiNotFound as error:
                log.warning("kinds_missing", error=str(error), next="apply the files in crds/")
            except ApiDenied as error:
                log.warning(
                    "not_allowed", error=str(error), next="see docs/reference/operator.md for the rights it needs"
                )
            except ApiUnavailable as error:
                log.warning("no_cluster", error=str(error))
            else:
                return
            await asyncio.sleep(WAIT_SECONDS)

    async def _cluster_id(self) -> str:
        try:
            return str((await self._api.get(paths.KUBE_SYSTEM))["metadata"]["uid"])
        except ApiDenied as error:
            raise CannotStart(
                "the operator may not read namespace kube-system, whose UID names the cluster; give --cluster NAME, "
                "the same for ever, or grant `get` on that namespace"
            ) from error

    async def _announce(self) -> None:
        await self._settled.wait()  # statuses come first: they say the same
        await self._announcer.run()

    async def _watch(self) -> None:
        await self._listing.complete.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(WATCH_DELAY_SECONDS):
                await self._settled.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(BACKLOG_SECONDS):
                while self._writer.backlog and not self._settled.is_set():  # noqa: ASYNC110 - others empty it
                    await asyncio.sleep(BACKLOG_POLL_SECONDS)
        watching = Watching(
            self._access,
            self._options.namespaces,
            listing=self._listing,
            registry=self._registry,
            told=self._take_event,
        )
        watching.start()
        try:
            await asyncio.Event().wait()
        finally:
            await watching.stop()

    def _take_event(self, kind: str, document: Mapping[str, Any]) -> None:
        self._metrics.events.inc()
        if kind == "DELETED":
            version = int(document["metadata"].get("resourceVersion") or 0)
            self._registry.gone(key_of(document), version, document, listed=False)
        else:
            self._registry.observe(document)

    def _observe_changes(self) -> None:
        """Let who tells of changes see every version of every object."""
        if self._logs is not None:
            self._rows = ChangeRows(
                notes=self._notes,
                attribution=self._attribution,
                books=ConfigMapBooks(self._api, self._home, self._options.lease_name),
                log_of=self._logs.log,
                cluster=self._cluster,
                show_of=self._show_of,
                app_name=self._app_name,
            )
            show(self._metrics.registry, self._notes, self._rows)
        self._registry.observers.append(self._see)

    def _see(self, seen: Seen) -> None:
        # Without rows nobody asks who changed what.
        if self._rows is not None and seen.deleted:
            self._rows.removed(seen.key, seen.uid)
        elif self._rows is not None and seen.document is not None:
            self._rows.observe(seen.document)
        if self._exports is not None and seen.key.kind in {"AuditExport", "Recorder"}:
            self._exports.wake()

    async def _lead(self, term: Term) -> None:
        parts = Parts(
            api=self._api,
            registry=self._registry,
            metrics=self._metrics,
            writer=self._writer,
            announcer=self._announcer,
            log_of=self._log_of,
            attribution=self._attribution,
            supervisor=self._supervisor,
            cluster=self._cluster,
            home=self._home,
            scope=self._options.namespaces,
            term=lambda: self._lease.term,
            may_write=self._may_write,
        )
        self._metrics.leader.set(1)
        self._metrics.epoch.set(term.epoch)
        fleet = self._fleet = Fleet(parts=parts)
        if self._logs is not None:
            fleet.keeping = AuditKeeping(logs=self._logs, changed=fleet.look_again)
            fleet.style = LogStyle(registry=self._registry, governed=fleet.governed, keeping=fleet.keeping)
        self._exports = AuditExports(
            api=self._api,
            registry=self._registry,
            writer=self._writer,
            logs=self._logs,
            attribution=self._attribution,
            home=self._home,
            scope=self._options.namespaces,
        )
        settling = asyncio.create_task(self._fleet.settled.wait())
        settling.add_done_callback(self._first_pass_is_over)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fleet.run(), name="fleet")
                # What fails in a fleet ends the term: everything of it is over before the lease is given back.
                keep = self._supervisor.keep
                group.create_task(keep("exports", self._exports.run))
                if fleet.keeping is not None:
                    group.create_task(keep("keep audit logs", fleet.keeping.run))
                if self._rows is not None:
                    group.create_task(keep("tell changes", self._rows.run))
        finally:
            settling.cancel()
            self._fleet = self._exports = None
            self._metrics.leader.set(0)

    def _first_pass_is_over(self, settling: asyncio.Task[bool]) -> None:
        self._settled.set()
        if not settling.cancelled():
            # Who asks whether it is ready is answered first.
            asyncio.get_running_loop().call_later(GIVE_BACK_SECONDS, give_back)

    def _log_of(self, recorder: ObjectKey) -> AuditPort:
        return self._logs.log(recorder.namespace, recorder.name) if self._logs is not None else NoLog()

    def _show_of(self, namespace: str, recorder: str) -> ShowPattern | None:
        style = self._fleet.style if self._fleet is not None else None
        return style.show(namespace, recorder) if style is not None else None

    def _app_name(self, namespace: str, recorder: str) -> str:
        style = self._fleet.style if self._fleet is not None else None
        return style.app_name(namespace, recorder) if style is not None else AuditSection().application_name

    def _count_listing(self, result: str) -> None:
        self._metrics.relists.labels(result).inc()

    def _may_write(self) -> bool:
        return self._lease.valid

    def _why_not_ready(self) -> str | None:
        if not self._listing.complete.is_set():
            return "not everything is listed yet"
        if self._fleet is not None and not self._fleet.settled.is_set():
            return "leads, and the first pass is not over yet"
        if self._listing.age_seconds > STALE_SECONDS:
            return f"nothing could be listed for {STALE_SECONDS:g} seconds"
        return self._supervisor.problem
