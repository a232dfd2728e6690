"""Recordings, notes, holds and their retention as the plain JSON values that are answered (see `recording_answers`)."""

from datetime import datetime
from itertools import pairwise
from typing import Any

from callkeeper.policy.retention import Hold, RetentionTerms, under_hold, while_held
from callkeeper.recorder.calls.segment import Stretch
from callkeeper.recorder.clock import instant_text
from callkeeper.recorder.media.facts import playable
from callkeeper.recorder.recordings.deleting import Erasure
from callkeeper.recorder.recordings.reading import Details
from callkeeper.recorder.retention.holds import terms_of_holds
from callkeeper.recorder.retention.sweeper import Sweep
from callkeeper.recorder.store.recording import KeptRecording, Note
from callkeeper.recorder.store.retention import KeptHold


def shown_recording(recording: KeptRecording, terms: RetentionTerms, now: datetime) -> dict[str, Any]:
    """A recording in a list, under the rule in force."""
    media = recording.media
    return {
        "id": recording.id,
        "segment": recording.segment,
        "conversation": recording.conversation,
        "user": recording.user,
        "groups": recording.groups,
        "cause": recording.cause,
        "mode": recording.mode,
        "wholeCall": recording.whole_call,
        "sharedLine": recording.shared_line,
        "kind": recording.kind,
        "direction": recording.direction,
        "scope": recording.scope,
        "openedAt": instant_text(recording.opened),
        "closedAt": _text(recording.closed),
        "status": recording.status.value,
        "held": recording.held,
        "heldUntil": _text(held_until(recording, terms, now)),
        "restricted": recording.restricted,
        "parties": [{"role": one.role, "display": one.display, "user": one.user} for one in recording.parties],
        "tags": recording.tags,
        "media": None
        if media is None
        else {
            "contentType": media.content_type,
            "bytes": media.bytes,
            "durationSeconds": None if media.duration is None else media.duration / 1_000_000,
            "sha256": media.sha256,
            "playable": playable(media),
            "channels": media.channels,
        },
    }


def shown_details(details: Details, now: datetime) -> dict[str, Any]:
    """Everything about a recording."""
    recording, decision = details.recording, details.decision
    return shown_recording(recording, details.rule.terms, now) | {
        "decision": None
        if decision is None
        else {
            "outcome": decision.outcome,
            "reason": decision.reason,
            "source": decision.source,
            "configRevision": decision.config_revision,
            "directoryRevision": decision.directory_revision,
        },
        "stretches": [
            {"from": instant_text(one.begun), "to": _text(one.ended), "endedBy": one.ended_by}
            for one in recording.stretches
        ],
        "gaps": [
            {"from": instant_text(one.begun), "to": _text(one.ended), "reason": one.ended_by} for one in gaps(recording)
        ],
        "notes": [shown_note(note) for note in details.notes],
        "holds": [_shown_protection(hold, details, now) for hold in details.holds],
        "retention": {
            "expiresAt": _text(details.expiry.at),
            "why": details.expiry.why.value,
            "minimumUntil": _text(recording.minimum_until),
            "rule": details.rule.text,
            "revision": details.rule.revision,
        },
    }


def held_until(recording: KeptRecording, terms: RetentionTerms, now: datetime) -> datetime | None:
    """Until when holds keep it from expiring; None where none does, or without end, or as long as it is open."""
    if not recording.held or recording.clock is None:
        return None
    return while_held(recording.clock, terms, now).at


def gaps(recording: KeptRecording) -> list[Stretch]:
    """The times inside a recording that were not captured, with what ended the capture before them."""
    found = [
        Stretch(begun=before.ended, ended=after.begun, ended_by=before.ended_by)
        for before, after in pairwise(recording.stretches)
        if before.ended is not None and after.begun > before.ended
    ]
    last = recording.stretches[-1] if recording.stretches else None
    if last is not None and last.ended is not None and (recording.closed is None or recording.closed > last.ended):
        found.append(Stretch(begun=last.ended, ended=recording.closed, ended_by=last.ended_by))
    return found


def shown_note(note: Note) -> dict[str, Any]:
    """A note."""
    return {
        "id": note.id,
        "author": note.author,
        "text": note.text,
        "createdAt": instant_text(note.created),
        "editedAt": _text(note.edited),
    }


def shown_hold(hold: KeptHold) -> dict[str, Any]:
    """A hold."""
    return {
        "id": hold.id,
        "conversation": hold.conversation,
        "owner": hold.owner,
        "reason": hold.reason,
        "placedAt": instant_text(hold.placed),
        "releasedAt": _text(hold.released),
        "releasedBy": hold.released_by,
    }


def shown_erasure(erasure: Erasure) -> dict[str, Any]:
    """What became of a request to erase."""
    return {
        "id": erasure.request.id,
        "recording": erasure.request.recording,
        "requestedAt": instant_text(erasure.request.requested),
        "requestedBy": erasure.request.requested_by,
        "executed": erasure.done,
        "waitsFor": erasure.waits_for,
    }


def shown_sweep(sweep: Sweep) -> dict[str, Any]:
    """A sweep."""
    return {
        "begunAt": instant_text(sweep.begun),
        "endedAt": _text(sweep.ended),
        "lookedAt": sweep.looked_at,
        "expired": sweep.expired,
        "finished": sweep.finished,
        "released": sweep.released,
        "failed": sweep.failed,
        "halted": None if sweep.halted is None else sweep.halted.value,
    }


def _shown_protection(hold: KeptHold, details: Details, now: datetime) -> dict[str, Any]:
    terms: Hold
    (terms,) = terms_of_holds((hold,))
    clock = details.recording.clock
    until = None if clock is None else under_hold(terms, clock, details.rule.terms, now).at
    return shown_hold(hold) | {"protectsUntil": _text(until)}


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)
