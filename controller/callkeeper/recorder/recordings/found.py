"""Finding one recording for somebody, or saying what has become of it."""

from collections.abc import Iterable

from callkeeper.recorder.clock import instant_text
from callkeeper.recorder.errors import Gone, Unknown
from callkeeper.recorder.recordings.access import visible
from callkeeper.recorder.store.port import Reading
from callkeeper.recorder.store.recording import KeptRecording
from callkeeper.recorder.store.retention import Tombstone
from callkeeper.recorder.store.search import Viewer


def find(rows: Reading, identifier: str, seen: Viewer) -> KeptRecording:
    """The recording of this id, as this viewer may see it.

    Raises:
        Gone: it was removed, and this viewer could see it.
        Unknown: there is none, or not for this viewer; the two are not told apart.
    """
    found = rows.recording(identifier, seen)
    if found is not None:
        return found
    tombstone = rows.tombstone(identifier)
    if tombstone is not None and visible(seen, tombstone):
        raise gone((tombstone,))
    raise Unknown(
        "unknown-recording",
        "there is no such recording, or not one you may see",
        "POST /v1/recordings:search lists those there are",
    )


def gone(tombstones: Iterable[Tombstone]) -> Gone:
    """What is answered about recordings that were removed."""
    return Gone(
        "recording-gone",
        "the recording was removed",
        "nothing brings it back; its tombstone says when and why it went",
        {"tombstones": [shown_tombstone(one) for one in tombstones]},
    )


def shown_tombstone(tombstone: Tombstone) -> dict[str, object]:
    """A tombstone as it is shown."""
    return {
        "recording": tombstone.recording,
        "segment": tombstone.segment,
        "conversation": tombstone.conversation,
        "user": tombstone.user,
        "openedAt": instant_text(tombstone.opened),
        "closedAt": None if tombstone.closed is None else instant_text(tombstone.closed),
        "removedAt": instant_text(tombstone.removed),
        "removedBy": tombstone.removed_by,
        "why": tombstone.why,
        "rule": tombstone.rule,
        "revision": tombstone.revision,
        "sha256": tombstone.sha256,
        "bytes": tombstone.bytes,
    }
