"""Refused attempts: one row each, once however often they are repeated, and never more than a log can bear.

Who is refused may try again and again, and whoever may speak to the API server at all can be refused. The same attempt
(user, object, verb) within a minute is one row that counts; beyond a number of rows a minute one row counts the rest.
An attempt that both webhooks saw is one attempt.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from callkeeper.audit.actions import Action
from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.attribution.book import row_key
from callkeeper.operator.attribution.note import Note, Source
from callkeeper.operator.attribution.notes import note_name
from callkeeper.operator.attribution.planning import Circumstances, Due
from callkeeper.operator.attribution.row import Telling, refusal_extra
from callkeeper.operator.attribution.sightings import Sightings
from callkeeper.operator.attribution.who import Evidence, Who, who_wrote
from callkeeper.reconcile.attribution import Actor

REFUSAL_SECONDS = 60.0
"""Within which the same attempt is told once."""

MAX_REFUSALS_TOLD = 60
"""Rows of refused attempts a namespace and minute; one more row counts the rest."""

Attempt = tuple[str, ObjectKey, str]


@dataclass(slots=True)
class _Told:
    at: float
    unmatched: int


class Refusals:
    """The refused attempts of one namespace that were told within the last minute."""

    def __init__(self) -> None:
        self._told: dict[Attempt, _Told] = {}
        self._window = 0.0
        self._rows = 0
        self.untold = 0

    def due(self, sightings: Sightings, found: Collection[tuple[float, Note]], about: Circumstances) -> Due:
        """Rows about refused attempts.

        Args:
            sightings: which Recorders there are.
            found: open notes of this namespace about refused attempts, with the time they came; oldest first.
            about: the rest.
        """
        due = Due()
        self._begin(about.now)
        groups: dict[Attempt, list[tuple[float, Note]]] = {}
        for came, note in found:
            if row_key(note_name(note), None, "refused") in about.told or self._matches(note):
                due.settled.append(note_name(note))
            elif not sightings.recorders():
                # Without a Recorder there is no log; whoever can name a namespace would make one.
                self.untold += 1
                due.settled.append(note_name(note))
            else:
                groups.setdefault(_attempt(note), []).append((came, note))
        rest: list[Note] = []
        for attempt, group in groups.items():
            ripe_at = self._ripe_at(attempt, group, about)
            if ripe_at > about.now:
                due.wait_until(ripe_at)
            elif len(due.tellings) >= about.most:
                due.wait_until(about.now)
            elif self._rows >= MAX_REFUSALS_TOLD:
                rest += [note for _, note in group]
            else:
                self._tell(attempt, [note for _, note in group], sightings, about, due)
        if rest:
            self._summary(rest, sightings, about, due)
        return due

    def _begin(self, now: float) -> None:
        self._told = {name: told for name, told in self._told.items() if now - told.at < REFUSAL_SECONDS}
        if now - self._window >= REFUSAL_SECONDS:
            self._window, self._rows = now, 0

    def _matches(self, note: Note) -> bool:
        """Whether this is the audit webhook's word about an attempt that the admission webhook's note told."""
        told = self._told.get(_attempt(note))
        if told is None or note.source is not Source.AUDIT or not told.unmatched:
            return False
        told.unmatched -= 1
        return True

    def _ripe_at(self, attempt: Attempt, group: list[tuple[float, Note]], about: Circumstances) -> float:
        told = self._told.get(attempt)
        if told is not None:
            return told.at + REFUSAL_SECONDS
        audit = any(note.source is Source.AUDIT for _, note in group)
        if audit or not about.notes.expects_audit:
            return about.now
        return group[0][0] + about.waits.audit_seconds

    def _tell(self, attempt: Attempt, group: list[Note], sightings: Sightings, about: Circumstances, due: Due) -> None:
        audit = [note for note in group if note.source is Source.AUDIT]
        admission = [note for note in group if note.source is Source.ADMISSION]
        note = (audit or admission)[0]
        rules = next((one.rules for one in admission), ())
        extra = refusal_extra(note, max(len(audit), len(admission)))
        if rules and not note.rules:
            extra = (*(pair for pair in extra if pair[0] != "rules"), ("rules", list(rules)))
        due.tellings.append(
            Telling(
                action=Action.REFUSE_SETTINGS,
                key=note.key,
                recorder=sightings.log_of(note.recorder),
                at=note.at,
                who=who_wrote(note, None, about.trusted),
                row_key=row_key(note_name(note), None, "refused"),
                uid=note.uid,
                generation=note.generation,
                extra=extra,
                settles=tuple(note_name(one) for one in group),
            )
        )
        self._told[attempt] = _Told(at=about.now, unmatched=max(0, len(admission) - len(audit)))
        self._rows += 1

    def _summary(self, rest: list[Note], sightings: Sightings, about: Circumstances, due: Due) -> None:
        """One row that counts what is beyond the bound, at the end of the minute."""
        if about.now - self._window < REFUSAL_SECONDS - 1:
            due.wait_until(self._window + REFUSAL_SECONDS - 1)
            return
        users = Counter(note.user for note in rest)
        text = f"{len(rest):,} more refused attempts within a minute, by {len(users):,} users"
        due.tellings.append(
            Telling(
                action=Action.REFUSE_SETTINGS,
                key=rest[0].key,
                recorder=sightings.log_of(""),
                at=rest[-1].at,
                who=Who(actor=Actor(email="system:operator"), evidence=Evidence.NOTHING),
                row_key=row_key(note_name(rest[0]), None, "refused"),
                extra=(("summary", text), ("attempts", len(rest))),
                settles=tuple(note_name(note) for note in rest),
            )
        )


def _attempt(note: Note) -> Attempt:
    return note.user, note.key, note.verb.value
