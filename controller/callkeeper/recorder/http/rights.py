"""Who may do what: one row per method and address, after the table of the same name in the documentation.

A row says who is let in at all. Where a role sees only a part (its own calls, the users of its own groups), that is a
predicate below, used by every look-up of that kind. An address without a row is a mistake found when the application
is made.
"""

from collections.abc import Mapping

from callkeeper.policy.directory import Directory, Role, User
from callkeeper.recorder.calls.segment import Segment
from callkeeper.recorder.principals import Principal

USER, SUPERVISOR, ADMINISTRATOR = Role.USER, Role.SUPERVISOR, Role.ADMINISTRATOR
AUDITOR, SETTINGS, INGEST = Role.AUDITOR, Role.SETTINGS, Role.INGEST

ANYBODY = None
"""No token is needed: says nothing but whether the recorder is there."""

RIGHTS: Mapping[tuple[str, str], frozenset[Role] | None] = {
    ("GET", "/livez"): ANYBODY,
    ("GET", "/healthz"): ANYBODY,
    ("GET", "/readyz"): ANYBODY,
    # The page for people holds nothing; what it shows it asks for with the token of who looks at it.
    ("GET", "/"): ANYBODY,
    ("GET", "/page/{name}"): ANYBODY,
    ("GET", "/v1/principal"): frozenset(Role),
    ("GET", "/metrics"): frozenset({ADMINISTRATOR, AUDITOR, SETTINGS}),
    # A user reads what holds for them; whoever programs reads back what it programmed.
    ("GET", "/v1/config"): frozenset({USER, ADMINISTRATOR, AUDITOR, SETTINGS}),
    ("GET", "/v1/config/{revision}"): frozenset({ADMINISTRATOR, AUDITOR, SETTINGS}),
    ("PUT", "/v1/config"): frozenset({SETTINGS}),
    ("POST", "/v1/config:check"): frozenset({SETTINGS}),
    ("POST", "/v1/calls"): frozenset({INGEST}),
    ("POST", "/v1/calls:graph"): frozenset({INGEST}),
    ("POST", "/v1/calls/{segment}:update"): frozenset({INGEST}),
    ("POST", "/v1/calls/{segment}:end"): frozenset({INGEST}),
    ("POST", "/v1/calls/{segment}:start"): frozenset({USER}),
    ("POST", "/v1/calls/{segment}:stop"): frozenset({USER}),
    # A user pauses what records them, the platform all of a call.
    ("POST", "/v1/calls/{segment}:pause"): frozenset({USER, INGEST}),
    ("POST", "/v1/calls/{segment}:resume"): frozenset({USER, INGEST}),
    ("HEAD", "/v1/calls/{segment}/media"): frozenset({INGEST}),
    ("PATCH", "/v1/calls/{segment}/media"): frozenset({INGEST}),
    ("GET", "/v1/calls"): frozenset({USER, SUPERVISOR, ADMINISTRATOR, AUDITOR, INGEST}),
    ("GET", "/v1/calls/{segment}"): frozenset({USER, SUPERVISOR, ADMINISTRATOR, AUDITOR, INGEST}),
    ("GET", "/v1/recordings/{recording}/media"): frozenset({USER, SUPERVISOR, ADMINISTRATOR}),
    ("POST", "/v1/recordings/{recording}:playTicket"): frozenset({USER, SUPERVISOR, ADMINISTRATOR}),
    # The ticket says who asks; whether they may is asked again.
    ("GET", "/v1/play/{ticket}"): ANYBODY,
    ("HEAD", "/v1/recordings/{recording}/media"): frozenset({INGEST}),
    ("PATCH", "/v1/recordings/{recording}/media"): frozenset({INGEST}),
    ("PUT", "/v1/recordings/{recording}/channels"): frozenset({INGEST}),
    ("POST", "/v1/recordings:search"): frozenset({USER, SUPERVISOR, ADMINISTRATOR, AUDITOR}),
    ("POST", "/v1/recordings:export"): frozenset({USER, SUPERVISOR, ADMINISTRATOR, AUDITOR}),
    ("GET", "/v1/recordings/{recording}"): frozenset({USER, SUPERVISOR, ADMINISTRATOR, AUDITOR}),
    ("DELETE", "/v1/recordings/{recording}"): frozenset({USER, ADMINISTRATOR}),
    ("POST", "/v1/recordings/{recording}:erase"): frozenset({USER, ADMINISTRATOR}),
    ("POST", "/v1/recordings/{recording}/notes"): frozenset({USER, SUPERVISOR, ADMINISTRATOR}),
    ("PUT", "/v1/recordings/{recording}/notes/{note}"): frozenset({USER, SUPERVISOR, ADMINISTRATOR}),
    ("DELETE", "/v1/recordings/{recording}/notes/{note}"): frozenset({USER, SUPERVISOR, ADMINISTRATOR}),
    ("PUT", "/v1/recordings/{recording}/tags/{tag}"): frozenset({USER, SUPERVISOR, ADMINISTRATOR}),
    ("DELETE", "/v1/recordings/{recording}/tags/{tag}"): frozenset({USER, SUPERVISOR, ADMINISTRATOR}),
    ("POST", "/v1/conversations/{conversation}/holds"): frozenset({USER, SUPERVISOR, ADMINISTRATOR}),
    ("POST", "/v1/conversations/{conversation}/holds/{hold}:release"): frozenset({USER, SUPERVISOR, ADMINISTRATOR}),
    ("GET", "/v1/retention"): frozenset({ADMINISTRATOR, AUDITOR, SETTINGS}),
    ("POST", "/v1/retention:accept-clock"): frozenset({ADMINISTRATOR}),
    ("GET", "/v1/users"): frozenset({SUPERVISOR, ADMINISTRATOR, AUDITOR}),
    ("GET", "/v1/users/{id}"): frozenset({SUPERVISOR, ADMINISTRATOR, AUDITOR}),
    ("PUT", "/v1/users"): frozenset({ADMINISTRATOR}),
    ("DELETE", "/v1/users"): frozenset({ADMINISTRATOR}),
    ("POST", "/v1/users:import"): frozenset({ADMINISTRATOR}),
    ("PUT", "/v1/users/{id}"): frozenset({ADMINISTRATOR}),
    ("DELETE", "/v1/users/{id}"): frozenset({ADMINISTRATOR}),
    ("POST", "/v1/users/{id}:grant"): frozenset({ADMINISTRATOR}),
    ("POST", "/v1/users/{id}:revoke"): frozenset({ADMINISTRATOR}),
    ("GET", "/v1/audit"): frozenset({ADMINISTRATOR, AUDITOR}),
    ("POST", "/v1/audit:verify"): frozenset({ADMINISTRATOR, AUDITOR}),
    ("GET", "/v1/ledger"): frozenset({ADMINISTRATOR, AUDITOR}),
}


def own_user(principal: Principal, directory: Directory) -> User | None:
    """The directory's entry of this principal, by id or e-mail address; None when there is none."""
    return directory.find(principal.id) or (directory.find(principal.email) if principal.email else None)


def own_reference(principal: Principal, segment: Segment, directory: Directory) -> str | None:
    """The recorded user of this segment that this principal is, or None.

    A user who was removed from the directory during the call is known by the id or address the decision names.
    """
    user = own_user(principal, directory)
    if user is not None:
        return user.id if user.id in segment.users else None
    names = {principal.id.casefold(), principal.email.casefold()} - {""}
    return next((name for name in segment.users if name.casefold() in names), None)


def users_seen(principal: Principal, segment: Segment, directory: Directory) -> frozenset[str] | None:
    """Of which users of this segment this principal sees what is recorded: those of the own groups, or the own user.

    None is all of them; empty is that the principal does not see the segment.
    """
    if principal.roles & {ADMINISTRATOR, AUDITOR, INGEST}:
        return None
    seen = set()
    if USER in principal.roles and (own := own_reference(principal, segment, directory)) is not None:
        seen.add(own)
    if SUPERVISOR in principal.roles:
        for name in segment.users:
            user = directory.users.get(name)
            if user is not None and in_own_groups(principal, user, directory):
                seen.add(name)
    return frozenset(seen)


def sees_segment(principal: Principal, segment: Segment, directory: Directory) -> bool:
    """Whether this principal may see this segment."""
    seen = users_seen(principal, segment, directory)
    return seen is None or bool(seen)


def groups_seen(principal: Principal, directory: Directory) -> frozenset[str] | None:
    """The groups whose members this principal may see; None for all users there are."""
    if principal.roles & {ADMINISTRATOR, AUDITOR}:
        return None
    own = own_user(principal, directory) if SUPERVISOR in principal.roles else None
    return frozenset(own.groups if own is not None else ())


def sees_user(principal: Principal, user: User, directory: Directory) -> bool:
    """Whether this principal may see this user: all of them, or the members of the own groups."""
    groups = groups_seen(principal, directory)
    return groups is None or not groups.isdisjoint(user.groups)


def in_own_groups(principal: Principal, user: User, directory: Directory) -> bool:
    """Whether the user shares a group with this principal."""
    own = own_user(principal, directory)
    return own is not None and not set(own.groups).isdisjoint(user.groups)
