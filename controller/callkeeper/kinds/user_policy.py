"""`UserPolicy`: a team's own file of overrides by user. All of them for one recorder are in force together."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from callkeeper.kinds.finding import Finding
from callkeeper.kinds.override import MAX_OVERRIDES, UserOverride, check_overrides
from callkeeper.kinds.resource import Part, RecorderReference, Resource


class UserPolicySpec(Part):
    """Overrides by user."""

    recorder_ref: RecorderReference
    """The Recorder these overrides are for, in the same namespace. Required."""
    overrides: Annotated[tuple[UserOverride, ...], Field(max_length=MAX_OVERRIDES)] = ()
    """Modes by user; order has no meaning. A user may be listed once, with one mode; a user with another mode in
    another object is a conflict, and the mode in force stays. Default none. At most 100,000 entries; the API server
    takes about 1 MB an object, `kubectl apply` without `--server-side` 256 KiB."""


class UserPolicy(Resource):
    """A team's file of overrides by user. All of them for one recorder are in force together."""

    api_version: Literal["callkeeper.dev/v1alpha1"]
    """Version of the schema of this object: `callkeeper.dev/v1alpha1`. Required."""
    kind: Literal["UserPolicy"]
    """What this object is: `UserPolicy`. Required."""
    spec: UserPolicySpec
    """Overrides by user. Required."""

    def check(self) -> Iterator[Finding]:
        """What is wrong with the list of overrides."""
        yield from check_overrides(self, self.spec.overrides)
