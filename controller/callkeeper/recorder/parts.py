"""What a recorder is made of: the parts whoever composes it hands in, and the running parts made of them."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from callkeeper.audit.mask import NumberMask
from callkeeper.policy.directory import Directory
from callkeeper.recorder.auditing import AuditReader, AuditSink
from callkeeper.recorder.calls.keeping import SegmentKeeper
from callkeeper.recorder.calls.on_demand import OnDemand
from callkeeper.recorder.calls.ongoing import Calls
from callkeeper.recorder.calls.pausing import Pausing
from callkeeper.recorder.clock import Clock, SystemClock
from callkeeper.recorder.config_store import ConfigStore
from callkeeper.recorder.http.door import Principals
from callkeeper.recorder.locating import Locator, NoLocator
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.media.keeping import MediaKeeper
from callkeeper.recorder.media.playing import Playing
from callkeeper.recorder.media.tickets import PlayTickets
from callkeeper.recorder.metrics import Metrics
from callkeeper.recorder.programming import Programming
from callkeeper.recorder.recordings.annotating import Annotating
from callkeeper.recorder.recordings.deleting import Deleting
from callkeeper.recorder.recordings.holding import Holding
from callkeeper.recorder.recordings.reading import RecordingsReader
from callkeeper.recorder.retention.clock_guard import ClockGuard, SteadyClock
from callkeeper.recorder.retention.gate import RetentionGate
from callkeeper.recorder.retention.sweeper import Sweeper
from callkeeper.recorder.store.port import Store
from callkeeper.recorder.users import Users
from callkeeper.tasks.supervising import Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderParts:
    """What is handed in.

    Attributes:
        config_store: keeps the config.
        principals: tells whose token it is.
        store: keeps segments, recordings and audit events on their way.
        media_files: where media lies.
        audit: takes audit rows.
        audit_reader: gives them back.
        mask: shows numbers as audit rows may hold them.
        directory: the users of an authoritative source; None where those of the store are in force.
        directory_source: that source in words, `users.csv`.
        locator: finds settings in files.
        clock: tells the time.
        steady_clock: counts what passes, whatever the time is set to.
        trusted_proxies: whose X-Forwarded-For is believed.
    """

    config_store: ConfigStore
    principals: Principals
    store: Store
    media_files: MediaFiles
    audit: AuditSink
    audit_reader: AuditReader
    mask: NumberMask
    directory: Directory | None = None
    directory_source: str | None = None
    locator: Locator = field(default_factory=NoLocator)
    clock: Clock = field(default_factory=SystemClock)
    steady_clock: SteadyClock = field(default_factory=SteadyClock)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """A running recorder: what the routes use, and what a front end of another protocol will call in-process.

    Attributes:
        parts: what it was made of.
        programming: the config in force.
        users: the directory in force.
        calls: the segments.
        on_demand: recordings that users start and stop.
        pausing: of what is captured.
        keeper: writes them behind.
        media: takes and keeps what is recorded.
        reader: finds and shows recordings.
        annotating: notes and tags.
        holding: legal holds.
        deleting: deletes and erases for people.
        guard: says whether the clock may be believed.
        sweeper: removes what has expired.
        playing: gives it out.
        tickets: let players in that can send no token.
        metrics: what is counted.
        supervisor: keeps running what runs beside the requests.
    """

    parts: RecorderParts
    programming: Programming
    users: Users
    calls: Calls
    on_demand: OnDemand
    pausing: Pausing
    keeper: SegmentKeeper
    media: MediaKeeper
    reader: RecordingsReader
    annotating: Annotating
    holding: Holding
    deleting: Deleting
    guard: ClockGuard
    sweeper: Sweeper
    playing: Playing
    tickets: PlayTickets
    metrics: Metrics
    supervisor: Supervisor

    @classmethod
    def of(cls, parts: RecorderParts) -> "Recorder":
        """Start from what was kept.

        Raises:
            StorageFault: what was kept cannot be read.
        """
        programming = Programming(parts.config_store, parts.audit, parts.clock, RetentionGate(parts.store))
        users = Users(
            kept=parts.store.recovery,
            audit=parts.audit,
            clock=parts.clock,
            given=parts.directory,
            given_by=parts.directory_source,
        )
        metrics = Metrics()
        supervisor = Supervisor(metrics.task_failed)
        keeper = SegmentKeeper(parts.store)
        calls = Calls(
            programming=programming,
            users=users,
            clock=parts.clock,
            keeper=keeper,
            last_number=parts.store.recovery.last_number,
            on_decision=metrics.decided,
        )
        metrics.watch(programming=programming, clock=parts.clock, keeper=keeper, open_segments=lambda: calls.open_count)
        store, audit, clock = parts.store, parts.audit, parts.clock
        pausing = Pausing(calls=calls, audit=audit, clock=clock)
        media = MediaKeeper(
            files=parts.media_files,
            store=store,
            calls=calls,
            pauses=pausing,
            clock=clock,
            on_end=metrics.upload_ended,
            supervisor=supervisor,
        )
        guard = ClockGuard(store, audit, clock, parts.steady_clock)
        sweeper = Sweeper(
            store=store, media=media, programming=programming, guard=guard, clock=clock, on_sweep=metrics.swept
        )
        metrics.watch_sweeps(sweeper, guard)
        metrics.open_uploads.set_function(lambda: float(len(media.open_uploads.all)))
        metrics.users_unusable.set_function(lambda: float(users.given_fault is not None))
        metrics.buffered_calls.set_function(lambda: float(media.buffers.open_count))
        return cls(
            parts=parts,
            programming=programming,
            users=users,
            calls=calls,
            on_demand=OnDemand(calls=calls, users=users, audit=audit, clock=clock, keeper=keeper),
            pausing=pausing,
            keeper=keeper,
            media=media,
            reader=RecordingsReader(store=store, audit=audit, clock=clock, programming=programming, mask=parts.mask),
            annotating=Annotating(audit=audit, clock=clock),
            holding=Holding(audit=audit, clock=clock, programming=programming, on_release=sweeper.soon),
            deleting=Deleting(store=store, media=media, audit=audit, clock=clock, programming=programming, guard=guard),
            guard=guard,
            sweeper=sweeper,
            playing=Playing(parts.media_files, parts.audit, parts.clock),
            tickets=PlayTickets(parts.clock, parts.steady_clock),
            metrics=metrics,
            supervisor=supervisor,
        )
