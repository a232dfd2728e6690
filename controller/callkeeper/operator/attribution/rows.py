"""`ChangeRows`: every accepted change of a settings object becomes one audit row, whatever happens in between.

The operator tells it every state of every object it sees, and every removal; who leads runs `run`. Rows are numbered
per log under one sender, `settings/<cluster>`. The order of doing is what makes each appear once: find what is due,
note rows and new state in the book and save it, append, go on (see `book`). The rows of a crash in between are in the
book.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from callkeeper.audit.errors import AuditError
from callkeeper.audit.event import SENDER, AuditEvent
from callkeeper.audit.mask import NumberMask
from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.attribution.book import (
    MAX_ROWS_A_BATCH,
    Book,
    BookError,
    Books,
    BookTaken,
    LoggedRow,
    Told,
)
from callkeeper.operator.attribution.note import Note
from callkeeper.operator.attribution.notes import ChangeNotes
from callkeeper.operator.attribution.planning import Circumstances, Due, Waits, due_changes, due_unseen
from callkeeper.operator.attribution.refusals import Refusals
from callkeeper.operator.attribution.row import Telling, make_event
from callkeeper.operator.attribution.sightings import Sightings
from callkeeper.operator.attribution.versions import ObjectVersion, read_version
from callkeeper.operator.attribution.who import ClusterAttribution
from callkeeper.reconcile.changes import ShowPattern

IDLE_SECONDS = 60.0
"""Without anything due it is looked again that often, for the sake of whatever was overlooked."""

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.5, 30.0
"""Between attempts of a namespace whose book or log is not to be had: doubled up to the last."""

_log = structlog.get_logger()


class RowLog(Protocol):
    """The audit log of one recorder; `audit.collector_client.CollectorClient` is one. It may raise `AuditError`."""

    async def append(self, events: Iterable[AuditEvent]) -> None:
        """Make rows durable; those it has already are dropped."""
        ...

    async def load_marks(self, prefix: str = "") -> Mapping[str, int]:
        """Ask for the number of the last row of each sender whose name begins so."""
        ...

    def mark(self, sender: str) -> int:
        """The number of the last row of a sender, as asked for before."""
        ...


@dataclass(slots=True)
class _Namespace:
    """What is known of one namespace."""

    sightings: Sightings = field(default_factory=Sightings)
    refusals: Refusals = field(default_factory=Refusals)
    book: Book | None = None
    keys: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    unconfirmed: bool = False
    failures: int = 0
    not_before: float = 0.0


class ChangeRows:
    """Observes objects, and writes the rows."""

    def __init__(
        self,
        *,
        notes: ChangeNotes,
        attribution: ClusterAttribution,
        books: Books,
        log_of: Callable[[str, str], RowLog],
        cluster: str,
        show_of: Callable[[str, str], ShowPattern | None] = lambda _namespace, _recorder: None,
        app_name: Callable[[str, str], str] = lambda _namespace, _recorder: "callkeeper",
        waits: Waits | None = None,
        clock: Callable[[], float] = time.monotonic,
        instant: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Know nothing yet.

        Args:
            notes: the notes that come.
            attribution: is told of every state as well.
            books: keep what was told.
            log_of: the log of a namespace and Recorder.
            cluster: the cluster's name, part of the sender's.
            show_of: masks a pattern in the log of a namespace and Recorder; None: under the book's own key.
            app_name: what AppName says in the rows of a namespace and Recorder.
            waits: how long to wait for notes.
            clock: monotonic seconds.
            instant: the time, UTC.

        Raises:
            ValueError: the cluster's name cannot be part of a sender's.
        """
        self.sender = f"settings/{cluster}"
        if SENDER.fullmatch(self.sender) is None:
            raise ValueError(f"the cluster's name {cluster!r} must be 1 to 100 letters, digits, '.', '_' or '-'")
        self._notes = notes
        self._attribution = attribution
        self._books = books
        self._log_of = log_of
        self._show_of = show_of
        self._app_name = app_name
        self._waits = waits or Waits()
        self._clock = clock
        self._instant = instant
        self._namespaces: dict[str, _Namespace] = defaultdict(_Namespace)
        self._complete_since: float | None = None
        self._wake = asyncio.Event()
        self.told = 0
        notes.on_arrival(self._wake.set)

    @property
    def untold_refusals(self) -> int:
        """Refused attempts in namespaces without a Recorder, which have no log."""
        return sum(one.refusals.untold for one in self._namespaces.values())

    @property
    def waiting(self) -> int:
        """Objects with a change that has no row yet."""
        return sum(len(one.sightings.dirty) for one in self._namespaces.values())

    def observe(self, document: Mapping[str, Any]) -> None:
        """An object is there in this state, as a watch event or a listing shows it."""
        version = read_version(document)
        if version is None:
            return
        self._attribution.observe(version)
        if self._namespaces[version.key.namespace].sightings.observe(version, document, self._clock()):
            self._wake.set()

    def removed(self, key: ObjectKey, uid: str) -> None:
        """An object is gone: a watch said so, or it is absent from a complete listing."""
        last = self._namespaces[key.namespace].sightings.removed(uid, self._clock())
        if last is not None:
            self._attribution.removed(last)
            self._wake.set()

    def complete(self, namespaces: Collection[str] | None = None) -> None:
        """Every object of these namespaces (None: of all) was observed by now: what a book holds beside them is gone.

        To be called once the first full listing was given to `observe`, and before `run`.
        """
        now = self._clock()
        if namespaces is None:
            self._complete_since = now
        for name in self._namespaces if namespaces is None else namespaces:
            self._namespaces[name].sightings.complete_since = now
        self._wake.set()

    async def run(self) -> None:
        """Write rows as they become due, until cancelled. For who leads only."""
        await self._load()
        while True:
            self._wake.clear()
            again_at = await self._round()
            pause = min(IDLE_SECONDS, max(0.0, again_at - self._clock()))
            with suppress(TimeoutError):
                # Not `wait_for`: it forgets that it was cancelled when the event comes at the same time.
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _load(self) -> None:
        """Read the books; whoever led before wrote in them last."""
        pause = FIRST_PAUSE_SECONDS
        while (books := await self._read_books()) is None:
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_PAUSE_SECONDS)
        for one in self._namespaces.values():
            one.book = None
            one.asked.clear()
        for name, book in books.items():
            one = self._namespaces[name]
            _take(one, book, unconfirmed=bool(book.rows))
            if self._complete_since is not None and one.sightings.complete_since is None:
                one.sightings.complete_since = self._complete_since

    async def _read_books(self) -> Mapping[str, Book] | None:
        try:
            return await self._books.load()
        except BookError as error:
            _log.warning("settings-rows.books-not-read", problem=str(error))
            return None

    async def _round(self) -> float:
        """Do what is due in every namespace; when to look again."""
        notes: dict[str, list[tuple[float, Note]]] = defaultdict(list)
        for came, note in self._notes.open_notes():
            notes[note.key.namespace].append((came, note))
        again_at = self._clock() + IDLE_SECONDS
        for name in {*self._namespaces, *notes}:
            one = self._namespaces[name]
            if not _anything(one, notes[name]):
                continue
            if one.not_before > self._clock():
                again_at = min(again_at, one.not_before)
                continue
            try:
                found = await self._settle(name, one, notes[name])
            except BookTaken:
                _log.warning("settings-rows.book-taken", namespace=name)
                await self._load()
                return self._clock()
            except (BookError, AuditError) as error:
                found = self._failed(name, one, error)
            again_at = again_at if found is None else min(again_at, found)
        return again_at

    def _failed(self, name: str, one: _Namespace, error: Exception) -> float:
        one.failures += 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** min(one.failures - 1, 10), LAST_PAUSE_SECONDS)
        one.not_before = self._clock() + pause
        _log.warning("settings-rows.not-written", namespace=name, problem=str(error), retry_seconds=pause)
        return one.not_before

    async def _settle(self, name: str, one: _Namespace, notes: list[tuple[float, Note]]) -> float | None:
        """One batch of a namespace; when to look again."""
        if one.book is None:
            await self._adopt(name, one)
        assert one.book is not None
        if one.unconfirmed:
            await self._append(name, one)
        about = Circumstances(
            notes=self._notes,
            trusted=self._attribution.trusted,
            now=self._clock(),
            instant=self._instant(),
            waits=self._waits,
            most=MAX_ROWS_A_BATCH,
            told=one.keys,
        )
        seen = due_changes(one.sightings, one.book, about)
        # What is told by what was seen is not told by a note as well.
        after = replace(about, told={*one.keys, *(telling.row_key for telling in seen.tellings)})
        unseen = due_unseen(one.sightings, one.book, [pair for pair in notes if not pair[1].refused], after)
        refused = one.refusals.due(one.sightings, [pair for pair in notes if pair[1].refused], about)
        await self._write(name, one, [seen, unseen, refused])
        times = [due.again_at for due in (seen, unseen, refused) if due.again_at is not None]
        return min(times, default=None)

    async def _write(self, name: str, one: _Namespace, dues: list[Due]) -> None:
        """Save the book with the rows that are due, then append them."""
        assert one.book is not None
        tellings = [telling for due in dues for telling in due.tellings]
        told = {uid: line for due in dues for uid, line in due.told.items()}
        looked_at = {uid: one.sightings.objects[uid] for due in dues for uid in due.seen}
        were_gone = {uid for uid, seen in looked_at.items() if seen.removed}
        if tellings or told:
            marks = {telling.recorder: await self._mark(name, one, telling.recorder) for telling in tellings}
            book = await asyncio.to_thread(self._next_book, name, one.book, tellings, told, marks)
            await self._books.save(name, book)
            _take(one, book, unconfirmed=bool(book.rows))
        for uid, seen in looked_at.items():
            # Another state may have been seen meanwhile.
            if one.sightings.objects.get(uid) is seen and seen.removed == (uid in were_gone):
                one.sightings.told(uid)
        for note in (*(note for due in dues for note in due.settled), *(n for one in tellings for n in one.settles)):
            self._notes.settle(note)
        self._remember(tellings, {uid: seen.version for uid, seen in looked_at.items()})
        if one.unconfirmed:
            await self._append(name, one)

    async def _mark(self, name: str, one: _Namespace, recorder: str) -> int:
        """The number of our last row in a log: asked once, in case the book is older than the log."""
        log = self._log_of(name, recorder)
        if recorder not in one.asked:
            await log.load_marks(self.sender)
            one.asked.add(recorder)
            return log.mark(self.sender)
        return 0

    def _remember(self, tellings: list[Telling], versions: Mapping[str, ObjectVersion]) -> None:
        for telling in tellings:
            version = versions.get(telling.uid)
            if version is not None and (telling.mark is None or telling.mark == version.mark):
                self._attribution.remember(version, telling.who)

    def _next_book(
        self,
        name: str,
        book: Book,
        tellings: list[Telling],
        told: Mapping[str, Told | None],
        marks: Mapping[str, int],
    ) -> Book:
        """The book with these rows in it, numbered on."""
        sequences = {**book.sequences}
        for recorder, mark in marks.items():
            sequences[recorder] = max(sequences.get(recorder, 0), mark)
        rows = []
        own = NumberMask(book.mask_key).mask_pattern
        for telling in tellings:
            sequences[telling.recorder] = number = sequences.get(telling.recorder, 0) + 1
            event = make_event(
                telling,
                self._show_of(name, telling.recorder) or own,
                sender=self.sender,
                sequence=number,
                app_name=self._app_name(name, telling.recorder),
            )
            rows.append(LoggedRow(recorder=telling.recorder, event=event))
        objects = {**book.objects, **told}
        lines = {uid: line for uid, line in objects.items() if line is not None}
        moved = replace(book, objects=lines, sequences=sequences, rows=tuple(rows))
        return moved.with_keys(tuple(telling.row_key for telling in tellings))

    async def _append(self, name: str, one: _Namespace) -> None:
        assert one.book is not None
        by_log: dict[str, list[AuditEvent]] = defaultdict(list)
        for row in one.book.rows:
            by_log[row.recorder].append(row.event)
        for recorder, events in by_log.items():
            await self._log_of(name, recorder).append(events)
        self.told += len(one.book.rows)
        one.unconfirmed, one.failures, one.not_before = False, 0, 0.0

    async def _adopt(self, name: str, one: _Namespace) -> None:
        """Begin a book, where there is none.

        Its log says whether there was one: then it was lost, and what is there now counts as told.
        """
        recorders = {one.sightings.log_of(seen.version.recorder) for seen in one.sightings.objects.values()}
        marks = {recorder: await self._mark(name, one, recorder) for recorder in sorted(recorders)}
        book = Book(sequences={recorder: mark for recorder, mark in marks.items() if mark})
        if book.sequences:
            _log.warning("settings-rows.book-lost", namespace=name, objects=len(one.sightings.objects))
            book = replace(book, objects=one.sightings.lines())
        _take(one, book, unconfirmed=False)


def _take(one: _Namespace, book: Book, *, unconfirmed: bool) -> None:
    one.book, one.keys, one.unconfirmed = book, set(book.keys), unconfirmed


def _anything(one: _Namespace, notes: list[tuple[float, Note]]) -> bool:
    """Whether there may be something to do."""
    if one.sightings.dirty or notes or one.unconfirmed:
        return True
    book = one.book
    return bool(
        book is not None
        and one.sightings.complete_since is not None
        and len(book.objects.keys() - one.sightings.objects.keys())
    )
