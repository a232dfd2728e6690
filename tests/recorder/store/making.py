"""Segments, recordings and events to fill a store with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from callkeeper.audit.actions import Action
from callkeeper.policy.call import Call, Identity, Party
from callkeeper.policy.config import PolicySection, RecorderConfig
from callkeeper.policy.directory import Directory, Licence, User
from callkeeper.recorder.calls import transitions
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.retired_users import Retired
from callkeeper.recorder.store.outbox import Event
from callkeeper.recorder.store.port import Writing
from callkeeper.recorder.store.recording import KeptRecording, Media, Note, Status
from callkeeper.recorder.store.retention import ErasureRequest, KeptHold, Tombstone
from callkeeper.recorder.store.search import EVERYTHING, Search

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LICENSED = frozenset({Licence.CALL_RECORDING})
PEOPLE = Directory.of(
    [
        User(id="ada", licences=LICENSED, groups=("sales", "board")),
        User(id="bob", licences=LICENSED, groups=("support",)),
    ]
)
ALWAYS = RecorderConfig(policy=PolicySection(default_mode=type(PolicySection().default_mode)("AlwaysOn")))
ON_DEMAND = RecorderConfig()
MEDIA = Media(content_type="audio/wav", bytes=480, duration=60_000_000, sha256="ab" * 32, path="a/b.wav")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def segment(number: int, config: RecorderConfig = ALWAYS, **call: Any) -> Segment:
    """The n-th segment, started n seconds after `NOW`."""
    told = Call(native_id=f"n-{number}", conversation=f"c-{number}", calling=Party(number="+390212345"))
    told = replace(told, **({"called": Party(user="ada")} | call))
    return transitions.begin(
        identifier=f"segment{number}",
        number=number,
        call=told,
        begun_as=told,
        parent=None,
        config=config,
        directory=PEOPLE,
        started_before=frozenset(),
        now=later(number),
    )


def ended(found: Segment, seconds: float = 60) -> Segment:
    return transitions.end(found, found.started + timedelta(seconds=seconds))


def event(number: int = 1, action: Action = Action.ADD_NOTE) -> Event:
    return Event(
        at=later(number), email="ada@example.com", ip_address="192.0.2.7", app_name="callkeeper", action=action,
        details={"n": number},
    )  # fmt: skip


def hold(name: str, conversation: str) -> KeptHold:
    return KeptHold(id=name, conversation=conversation, owner="ada", reason="a claim", placed=later(100))


def note(name: str, recording: int, text: str = "Said Hello") -> Note:
    return Note(id=name, recording=recording, author="ada", text=text, created=later(200))


def erasure(recording: str) -> ErasureRequest:
    return ErasureRequest(id="e-1", recording=recording, requested_by="ada", requested=later(300))


def tombstone(found: KeptRecording) -> Tombstone:
    return Tombstone(
        recording=found.id, key=found.key, segment=found.segment, conversation=found.conversation, user=found.user,
        groups=found.groups, opened=found.opened, closed=found.closed, clock=found.clock, sha256="ab" * 32, bytes=480,
        removed=later(1_000), removed_by="system:retention", why="expired", rule="RetentionRule/v/r 90d", revision="r",
    )  # fmt: skip


def all_recordings(rows: Any) -> list[KeptRecording]:
    found: list[KeptRecording] = rows.search(Search(), EVERYTHING, None, 1_000)
    return found


def filled(rows: Writing) -> None:
    """Something in every table."""
    rows.save_segments([ended(segment(1)), segment(2, called=Party(user="bob")), segment(3, ON_DEMAND)])
    first, second = sorted(all_recordings(rows), key=lambda found: found.key)
    rows.set_media(first.key, MEDIA, status=Status.COMPLETE, last_media=later(61))
    rows.grow_minimum(first.key, later(5_000))
    rows.add_tag(first.key, "claim", by="ada", at=later(70))
    rows.add_note(note("note-1", first.key))
    rows.add_hold(hold("hold-1", first.conversation))
    rows.add_erasure(erasure(first.id))
    rows.save_users([User(id="ada", email="ada@example.com"), User(id="bob")])
    rows.retire_users({"bob": Retired(at="2026-03-01T00:00:00.000000Z", email="")})
    rows.add_event(event(1))
    rows.add_event(event(2))
    rows.set_meta("clock", "1")
    rows.save_segments([ended(segment(4))])
    buried = next(found for found in all_recordings(rows) if found.segment == "segment4")
    rows.bury(tombstone(buried))
    assert second.user == "bob"


WITHHELD = Party(number="+39066", identity=Identity.ANONYMOUS)
