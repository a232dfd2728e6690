"""`RecordingPolicy`: how users are recorded unless a user's override says otherwise. One per recorder is in force."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, Strict

from callkeeper.kinds.finding import Finding
from callkeeper.kinds.override import MAX_OVERRIDES, UserOverride, check_overrides
from callkeeper.kinds.resource import WHOLE_FLOATS, Part, RecorderReference, Resource
from callkeeper.kinds.terms import Capture, Mode, SampledOut

LIMIT_STEP_PERCENT = 5
"""The limit is counted in 20 buckets of conversations, 5 percent each."""


class RecordingPolicySpec(Part):
    """Default mode, always-on limit, and overrides by user."""

    recorder_ref: RecorderReference
    """The Recorder this policy is for, in the same namespace. Required."""
    default_mode: Mode = Mode.ON_DEMAND
    """How users without an override are recorded: `AlwaysOn` or `OnDemand`. Default `OnDemand`."""
    always_on_limit_percent: Annotated[
        int, Strict(), Field(ge=0, le=100, multiple_of=LIMIT_STEP_PERCENT), WHOLE_FLOATS
    ] = 100
    """The share of conversations of always-on users that is recorded, counted after blacklist and filter: 0 to 100 in
    steps of 5. What is recorded at 60 is among what is recorded at 65. Default 100."""
    sampled_out: SampledOut = SampledOut.DENY
    """What becomes of an always-on call outside the limit: `Deny` does not record it, `OnDemand` waits for the user's
    start. Default `Deny`."""
    capture: Capture = Capture.FROM_START
    """What a start on demand captures: `FromStart` from that moment on, `WholeCall` from the beginning of the call.
    Default `FromStart`."""
    overrides: Annotated[tuple[UserOverride, ...], Field(max_length=MAX_OVERRIDES)] = ()
    """Modes by user; order has no meaning. A user may be listed once, with one mode. Default none. At most 100,000
    entries; the API server takes about 1 MB an object, `kubectl apply` without `--server-side` 256 KiB."""


class RecordingPolicy(Resource):
    """How users are recorded: default mode, always-on limit, overrides. One per recorder is in force."""

    api_version: Literal["callkeeper.dev/v1alpha1"]
    """Version of the schema of this object: `callkeeper.dev/v1alpha1`. Required."""
    kind: Literal["RecordingPolicy"]
    """What this object is: `RecordingPolicy`. Required."""
    spec: RecordingPolicySpec
    """Default mode, always-on limit, and overrides by user. Required."""

    def check(self) -> Iterator[Finding]:
        """What is wrong with the list of overrides."""
        yield from check_overrides(self, self.spec.overrides)
