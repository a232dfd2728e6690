"""The closed sets of words that settings use, as they are written in a manifest."""

from enum import StrEnum

GROUP = "callkeeper.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
DEFAULT_NAMESPACE = "default"
"""Where an object without a namespace lives, as kubectl has it."""

USERS_FILE = "users.csv"
"""The user directory of a settings folder's own recorder, beside the objects."""

CONFIRM_ANNOTATION = f"{GROUP}/confirm"
CHANGED_BY_ANNOTATION = f"{GROUP}/changed-by"
COMMIT_ANNOTATION = f"{GROUP}/commit"
PROTECT_ANNOTATION = f"{GROUP}/protect"
OUR_ANNOTATIONS = f"{GROUP}/"
"""The prefix of every annotation of ours."""
TAKE_OVER_ANNOTATION = f"{GROUP}/take-over"
"""On a Recorder: the owner it may be taken from. It names one, so that it means nothing once that one is gone."""


class Mode(StrEnum):
    """How a user's calls are recorded."""

    ALWAYS_ON = "AlwaysOn"
    ON_DEMAND = "OnDemand"


class OverrideMode(StrEnum):
    """What an override may say; `Default` is the absence of an override."""

    DEFAULT = "Default"
    ALWAYS_ON = "AlwaysOn"
    ON_DEMAND = "OnDemand"


class SampledOut(StrEnum):
    """What becomes of an always-on call outside the always-on limit."""

    DENY = "Deny"
    ON_DEMAND = "OnDemand"


class Capture(StrEnum):
    """What a start on demand captures."""

    FROM_START = "FromStart"
    WHOLE_CALL = "WholeCall"


class UnknownDirection(StrEnum):
    """What becomes of a call without a direction where direction counts."""

    RECORD = "Record"
    SKIP = "Skip"


class DriftPolicy(StrEnum):
    """What to do when somebody else programmed the recorder."""

    CORRECT = "Correct"
    REPORT = "Report"
