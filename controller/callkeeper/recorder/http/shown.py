"""The core's values as the plain JSON values that are answered (see `answers` for their models).

Words of an enum are texts already and are answered as they are: asking each for its value takes a tenth of an answer.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from callkeeper.policy.config import RecorderConfig, Source
from callkeeper.policy.decision import Decision, Step
from callkeeper.policy.directory import User, user_to_json
from callkeeper.policy.rules import Rules
from callkeeper.recorder.calls.segment import Recording, Segment, UserRecordings
from callkeeper.recorder.clock import instant_text
from callkeeper.recorder.locating import Locator
from callkeeper.recorder.store.recording import recording_id


def shown_source(source: Source | None, locator: Locator) -> dict[str, Any] | None:
    """A source with its place in a file, where that is known."""
    if source is None:
        return None
    place = locator.locate(source)
    shown: dict[str, Any] = {"object": source.object, "entry": source.entry}
    if place is not None:
        shown |= {"file": place.file, "line": place.line, "column": place.column}
    return shown


def shown_segment(segment: Segment, locator: Locator, of_users: Container[str] | None = None) -> dict[str, Any]:
    """A segment, without any party.

    Args:
        segment: to be shown.
        locator: finds settings in files.
        of_users: of which users it is told what is decided and recorded; None for all.
    """
    decision = segment.decision
    first = decision.decisions[0] if decision.decisions else None
    return {
        "segment": segment.id,
        "nativeId": segment.call.native_id,
        "conversation": segment.call.conversation,
        "parentSegmentId": segment.parent,
        "kind": segment.call.kind,
        "state": "open" if segment.ended is None else "ended",
        "startedAt": instant_text(segment.started),
        "endedAt": None if segment.ended is None else instant_text(segment.ended),
        "outcome": decision.outcome,
        "reason": decision.reason,
        "message": decision.deciding.message,
        "source": shown_source(decision.source, locator),
        "configRevision": Rules.of(segment.config).revision,
        "directoryRevision": first.directory_revision if first else "",
        "decisions": [
            _decision(found, locator) for found in decision.decisions if of_users is None or found.user in of_users
        ],
        "users": [
            _user(user, segment.id) for user in segment.users.values() if of_users is None or user.user in of_users
        ],
    }


def shown_user(user: User, config: RecorderConfig | None, locator: Locator) -> dict[str, Any]:
    """A user of the directory, with the mode in force."""
    mode = mode_in_force(user, config)
    return {
        **user_to_json(user),
        "mode": None if mode is None else mode.mode,
        "overridden": mode is not None and mode.overridden,
        "source": None if mode is None else shown_source(mode.source, locator),
        "policyActive": user.recordable,
        "inactiveReason": None if user.recordable else "noLicence" if user.in_service else "disabled",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeInForce:
    """How a user's calls are recorded.

    Attributes:
        mode: in the word of the manifest.
        overridden: by an override, not the default.
        source: where that stands; None for the built-in default.
    """

    mode: str
    overridden: bool
    source: Source | None


def mode_in_force(user: User, config: RecorderConfig | None) -> ModeInForce | None:
    """The user's override, else the default; None without a config. Found as the decision finds it."""
    if config is None:
        return None
    rules, policy = Rules.of(config), config.policy
    name = rules.override_of(user)
    if name is None:
        source = None if policy.object is None else Source(object=policy.object, entry="defaultMode")
        return ModeInForce(mode=policy.default_mode, overridden=False, source=source)
    override = rules.settings.overrides[name]
    source = Source(object=override.object, entry=override.user)
    return ModeInForce(mode=override.mode, overridden=True, source=source)


def _step(step: Step, locator: Locator) -> dict[str, Any]:
    return {
        "rule": step.rule,
        "reason": step.reason,
        "stops": step.stops,
        "message": step.message,
        "source": shown_source(step.source, locator),
    }


def _decision(decision: Decision, locator: Locator) -> dict[str, Any]:
    facts = decision.facts
    return {
        "user": decision.user,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "message": decision.deciding.message,
        "source": shown_source(decision.source, locator),
        "steps": [_step(step, locator) for step in decision.steps],
        "facts": {
            "kind": facts.kind,
            "scope": facts.scope,
            "direction": facts.direction,
            "consent": facts.consent,
            "sharedLine": facts.shared_line,
        },
    }


def _user(user: UserRecordings, segment: str) -> dict[str, Any]:
    return {
        "user": user.user,
        "state": user.state,
        "pausedUntil": None if user.paused_until is None else instant_text(user.paused_until),
        "recordings": [_recording(recording, segment) for recording in user.recordings],
    }


def _recording(recording: Recording, segment: str) -> dict[str, Any]:
    return {
        "id": recording_id(segment, recording.ordinal),
        "cause": recording.cause,
        "wholeCall": recording.whole_call,
        "openedAt": instant_text(recording.opened),
        "closedAt": None if recording.closed is None else instant_text(recording.closed),
        "stretches": [
            {
                "from": instant_text(stretch.begun),
                "to": None if stretch.ended is None else instant_text(stretch.ended),
                "endedBy": stretch.ended_by,
            }
            for stretch in recording.stretches
        ],
        "gaps": [
            {
                "from": instant_text(gap.begun),
                "to": None if gap.ended is None else instant_text(gap.ended),
                "reason": gap.ended_by,
            }
            for gap in recording.gaps
        ],
    }
