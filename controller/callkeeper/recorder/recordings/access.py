"""Who sees which recordings: the one place where a principal becomes what the store looks through.

The store asks it inside every query (`Viewer`), so that nothing is fetched and then thrown away; what is left of a
recording is asked with `visible`, which says the same of a tombstone. Owner and groups are those of the call: who
changes team sees neither the new team's old calls nor loses the own ones.
"""

from callkeeper.policy.directory import Directory, Role
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.store.recording import KeptRecording
from callkeeper.recorder.store.retention import Tombstone
from callkeeper.recorder.store.search import EVERYTHING, Viewer

READING = frozenset({Role.USER, Role.SUPERVISOR, Role.ADMINISTRATOR, Role.AUDITOR})
"""List and details."""

WORKING = frozenset({Role.USER, Role.SUPERVISOR, Role.ADMINISTRATOR})
"""Media, notes, tags and holds."""

DELETING = frozenset({Role.USER, Role.ADMINISTRATOR})
"""Deleting, and asking for erasure."""

_ALL = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})


def known_as(principal: Principal, directory: Directory) -> str:
    """The directory id of this principal; its own where the directory does not know it (any more)."""
    user = directory.find(principal.id) or (directory.find(principal.email) if principal.email else None)
    return principal.id if user is None else user.id


def viewer(principal: Principal, directory: Directory, right: frozenset[Role]) -> Viewer:
    """What of the recordings this right reaches for this principal.

    Args:
        principal: who asks; each role counts for itself, so that an auditor who is a user too deletes own ones only.
        directory: of now; says which groups a supervisor's are.
        right: the roles that have it, one of the sets above.
    """
    roles = principal.roles & right
    if roles & _ALL:
        return EVERYTHING
    own = directory.find(principal.id) or (directory.find(principal.email) if principal.email else None)
    supervised = own.groups if own is not None and Role.SUPERVISOR in roles else ()
    return Viewer(user=known_as(principal, directory) if Role.USER in roles else None, groups=frozenset(supervised))


def visible(seen: Viewer, recording: KeptRecording | Tombstone) -> bool:
    """Whether a recording, or what is left of it, is among what this viewer sees."""
    return seen.everything or recording.user == seen.user or not seen.groups.isdisjoint(recording.groups)
