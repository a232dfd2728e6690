"""What a store found when it was opened: the run before may have died in the middle of calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from callkeeper.policy.directory import User
from callkeeper.recorder.retired_users import Retired


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What opening the store found and did.

    Attributes:
        last_number: the highest number a segment has; 0 without any.
        segments: those that a run which ended without closing them had left open; they are closed as interrupted.
        recordings: likewise.
        users: those of the directory that is kept.
        retired: the deleted ones by id.
    """

    last_number: int
    segments: int
    recordings: int
    users: tuple[User, ...] = ()
    retired: Mapping[str, Retired] = field(default_factory=dict)
