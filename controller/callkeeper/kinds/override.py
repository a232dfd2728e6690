"""An override: one user's mode, in a RecordingPolicy or a team's UserPolicy, and the rules of a list of them."""

from collections.abc import Iterator, Sequence

from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.resource import Comment, Part, Resource, UserReference, shorten
from callkeeper.kinds.terms import OverrideMode

MAX_OVERRIDES = 100_000
"""More users than one recorder serves; the API server's limit on an object's size comes first."""


class UserOverride(Part):
    """One user's mode, whatever the default mode says."""

    user: UserReference
    """Directory id or e-mail address, compared without regard to case. Required. 1 to 254 characters, no white
    space."""
    mode: OverrideMode
    """`AlwaysOn` records every call inside the always-on limit, `OnDemand` waits for the user's start, `Default` is the
    absence of an override. Required."""
    comment: Comment | None = None
    """Why this user has a mode of their own. At most 256 characters. Absent: nothing is said."""


def check_overrides(resource: Resource, overrides: Sequence[UserOverride]) -> Iterator[Finding]:
    """One user with two modes is an error, the same entry again a warning; `Default` conflicts with nothing."""
    first_with_mode: dict[str, int] = {}
    seen: dict[tuple[str, OverrideMode], int] = {}
    for index, override in enumerate(overrides):
        user = override.user.casefold()
        first = seen.setdefault((user, override.mode), index)
        if first != index:
            yield resource.finding(
                "duplicate",
                Severity.WARNING,
                f"{shorten(override.user)} is listed again; overrides[{first}] says the same",
                ("spec", "overrides", index),
                hint="remove one of the two",
            )
            continue
        if override.mode is OverrideMode.DEFAULT:
            continue
        other = first_with_mode.setdefault(user, index)
        if other != index:
            yield resource.finding(
                "user-conflict",
                Severity.ERROR,
                f"{shorten(override.user)} has two modes: {overrides[other].mode} in overrides[{other}] "
                f"and {override.mode} here",
                ("spec", "overrides", index, "mode"),
                hint="keep one of the two",
            )
