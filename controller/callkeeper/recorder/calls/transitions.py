"""What happens to a segment: it begins, changes and ends, its users start, stop, pause and resume.

A segment is decided when it starts and again at every change of parties, kind or consent, under the settings it
started with and the directory of the moment. Whoever speaks a protocol makes `Call` values and an instant; what comes
back is a new `Segment`. No media, no clock, no I/O: capturing follows the stretches found here. What a step means for
one user is `states`; which segments there are, and who may do what to them, is known to `ongoing` and its neighbours.

Facts:
    - No instant lies before the one before it: a clock that steps back makes an empty stretch, not a negative one.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from callkeeper.policy.call import Call
from callkeeper.policy.config import RecorderConfig
from callkeeper.policy.decide import decide
from callkeeper.policy.decision import Decision, Outcome, SegmentDecision
from callkeeper.policy.directory import Directory, User
from callkeeper.recorder.calls import states
from callkeeper.recorder.calls.kept_users import KeptUsers
from callkeeper.recorder.calls.segment import Cause, Segment, State, UserRecordings


def begin(
    *,
    identifier: str,
    number: int,
    call: Call,
    begun_as: Call,
    parent: Segment | None,
    config: RecorderConfig | None,
    directory: Directory,
    started_before: frozenset[str],
    now: datetime,
) -> Segment:
    """A segment starts: decided under the settings and the directory of now.

    Args:
        identifier: the recorder's id for it.
        number: its place in the order of segments.
        call: what starts.
        begun_as: the call as it was sent, before anything was inherited.
        parent: the segment it continues, if any.
        config: the settings in force, pinned from here on.
        directory: the users of now.
        started_before: users whose on-demand start goes on where the new decision is to wait.
        now: the instant.
    """
    segment = Segment(
        id=identifier,
        number=number,
        parent=None if parent is None else parent.id,
        begun_as=begun_as,
        call=call,
        config=config,
        decision=SegmentDecision.of(()),
        users={},
        started=now,
        latest=now,
    )
    return _decided(segment, call, directory, started_before, now)


def change(segment: Segment, call: Call, directory: Directory, now: datetime) -> Segment:
    """Parties, kind or consent have changed: decided again under the pinned settings, with the facts of now."""
    return _decided(segment, call, directory, frozenset(), max(now, segment.latest))


def start(segment: Segment, user: str, directory: Directory, now: datetime, *, ordinal: int | None = None) -> Segment:
    """The user starts on demand; whether the settings let them is asked before (`asked`).

    Args:
        segment: as it is.
        user: who starts.
        directory: the users of now.
        now: the instant.
        ordinal: of the recording that opens, where it was given before; else the next one.
    """
    now = max(now, segment.latest)
    segment = _decided(segment, segment.call, directory, frozenset(), now)
    asking = replace(segment.users[user], started=True)
    known_as, ordinal = directory.find(user), ordinal or _next_ordinal(segment)
    started = states.moved(asking, segment, Cause.STARTED, known_as, ordinal, now)
    return replace(segment, users={**segment.users, user: started}, latest=now)


def stop(segment: Segment, user: str, now: datetime) -> Segment:
    """The user stops what they started: the recording is closed, and the segment waits for another start."""
    now = max(now, segment.latest)
    stopped = states.stopped(segment.users[user], segment, now)
    return replace(segment, users={**segment.users, user: stopped}, latest=now)


def pause(segment: Segment, users: Iterable[str], until: datetime, now: datetime) -> Segment:
    """Nothing of these users' open recordings is captured until then, or until they are resumed.

    A pause of what is suspended holds when the suspension ends; the gap keeps the reason it began with.
    """
    return _paused(segment, users, until, max(now, segment.latest))


def resume(segment: Segment, users: Iterable[str], now: datetime) -> Segment:
    """These users' recordings go on."""
    return _paused(segment, users, None, max(now, segment.latest))


def end(segment: Segment, now: datetime) -> Segment:
    """The segment ends and with it every recording. `started` stays, for a segment that continues this one."""
    now = max(now, segment.latest)
    users = {name: states.ended(user, now) for name, user in segment.users.items()}
    return replace(segment, users=users, ended=now, latest=now)


def asked(segment: Segment, directory: Directory, user: str) -> Decision | None:
    """What the settings say to a start of this user now: facts of now, nobody's licence kept; None: not recorded."""
    decision = decide(segment.config, segment.call, directory)
    return next((found for found in decision.decisions if found.user == user), None)


def _decided(
    segment: Segment, call: Call, directory: Directory, started_before: frozenset[str], now: datetime
) -> Segment:
    directory = KeptUsers.where_needed(directory, _open_users(segment))
    decision = decide(segment.config, call, directory)
    # Filled below, before anybody sees it: a segment is copied once for a decision, not twice.
    users = dict(segment.users)
    segment = replace(segment, call=call, decision=decision, users=users, latest=now)
    ordinal = _next_ordinal(segment)
    for found in decision.decisions:
        before = users.get(found.user)
        started = found.user in started_before and found.outcome is Outcome.WAIT
        recordings = (
            UserRecordings(user=found.user, decision=found, state=State.OFF, started=started)
            if before is None
            else replace(before, decision=found)
        )
        cause = Cause.INHERITED if started else Cause.STARTED if recordings.started else Cause.AUTOMATIC
        moved = states.moved(recordings, segment, cause, directory.find(found.user), ordinal, now)
        ordinal += len(moved.recordings) - len(recordings.recordings)
        users[found.user] = moved
    for gone in users.keys() - {found.user for found in decision.decisions}:
        users[gone] = states.left(users[gone], now)
    return segment


def _paused(segment: Segment, users: Iterable[str], until: datetime | None, now: datetime) -> Segment:
    changed = {name: states.paused(segment.users[name], segment, until, now) for name in users}
    return replace(segment, users={**segment.users, **changed}, latest=now)


def _next_ordinal(segment: Segment) -> int:
    given = [user.recordings[-1].ordinal for user in segment.users.values() if user.recordings]
    return 1 + max(segment.reserved, *given) if given else 1 + segment.reserved


def _open_users(segment: Segment) -> tuple[User, ...]:
    users = segment.users.values()
    return tuple(user.known_as for user in users if user.known_as is not None and user.open_recording is not None)
