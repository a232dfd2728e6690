"""Overrides for users whom `users.csv` does not list: a misspelt address is a user who is silently not recorded.

Only where the folder's own recorder takes its users from that file; another recorder knows its users by itself.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from callkeeper.kinds.finding import Finding, ObjectKey, Severity
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recording_policy import RecordingPolicy
from callkeeper.kinds.resource import shorten
from callkeeper.kinds.user_policy import UserPolicy
from callkeeper.policy.cross_check import embedded_recorders
from callkeeper.policy.directory import Directory

MOST_UNKNOWN = 100
"""Of each object; a list of other people altogether is not answered by a finding for each of them."""

LARGEST_SEARCHED = 2_000
"""Users among whom a similar one is looked for: some milliseconds for each finding."""


def unknown_users(readings: Iterable[ObjectReading], directory: Directory) -> Iterator[Finding]:
    """A warning for each override of a user who is not in the directory."""
    readings = tuple(readings)
    embedded = embedded_recorders(readings)
    for reading in readings:
        if reading.recorder is None or not isinstance(reading.resource, RecordingPolicy | UserPolicy):
            continue
        if ObjectKey(kind="Recorder", namespace=reading.key.namespace, name=reading.recorder) in embedded:
            yield from _of_object(reading.key, reading.resource, directory)


def _of_object(key: ObjectKey, resource: RecordingPolicy | UserPolicy, directory: Directory) -> Iterator[Finding]:
    found = 0
    for index, override in enumerate(resource.spec.overrides or ()):
        if directory.find(override.user) is not None:
            continue
        found += 1
        if found > MOST_UNKNOWN:
            return
        yield Finding(
            rule=f"{key.kind.lower()}.user-unknown",
            severity=Severity.WARNING,
            message=f"users.csv lists nobody with the id or e-mail address {shorten(override.user)}",
            hint=_hint(override.user, directory),
            key=key,
            path=("spec", "overrides", index, "user"),
        )


def _hint(user: str, directory: Directory) -> str:
    names = [name for one in directory.users.values() for name in (one.id, one.email) if name]
    near = get_close_matches(user, names, n=1) if len(directory.users) <= LARGEST_SEARCHED else []
    return f"did you mean `{near[0]}`?" if near else "add the user to users.csv, or remove the override"
