"""What comes out of Teams: a segment started, its parties changed, it ended.

Frozen values; sending them to the recorder's calls is the route's business. Ids are the platform's call ids.
"""

from dataclasses import dataclass

from callkeeper.policy.call import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentStarted:
    """A call is there to be decided about.

    Attributes:
        call: what is known of it; its kind is stated.
        parent: the call it continues, or None.
    """

    call: Call
    parent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartiesChanged:
    """Parties, kind or consent are others than before.

    Attributes:
        call: all of it, as it is now.
    """

    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentEnded:
    """A call is over.

    Attributes:
        native_id: which.
    """

    native_id: str


Event = SegmentStarted | PartiesChanged | SegmentEnded
