"""The conditions of every object and the reasons they carry: constants with their meaning and polarity.

docs/reference/conditions.md has a line for each. Reasons of `Accepted` that say what is wrong with the object itself
are `AcceptedReason` in `policy`; here are those that come from programming a recorder.
"""

from enum import StrEnum

from callkeeper.policy.compile import AcceptedReason


class ConditionType(StrEnum):
    """What a condition is about. Those that are always there are good when True.

    Attributes:
        ACCEPTED: settings objects; the object is valid, its Recorder exists, and nothing stands in its way.
        PROGRAMMED: settings objects; the recorder runs what this generation says, proved by reading it back.
        REACHABLE: Recorder; it answered the last question.
        SYNCED: Recorder; it runs the config that the settings objects make.
        READY: every object; all of the others are True.
        RECONCILING: only while True: something is still being done about it, without anybody's help.
        STALLED: only while True: nothing more happens until somebody acts.
        DISK_PRESSURE: AuditLog, only while True: the collector's disk is low or full.
    """

    ACCEPTED = "Accepted"
    PROGRAMMED = "Programmed"
    REACHABLE = "Reachable"
    SYNCED = "Synced"
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    DISK_PRESSURE = "DiskPressure"


class ConditionStatus(StrEnum):
    """The three answers of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Why a condition has its status, where that comes from programming.

    Attributes:
        PROGRAMMED: the recorder runs what the object says.
        NOT_ACCEPTED: the object as it is now is not accepted; what was in force of it stays.
        PENDING: being programmed.
        NOT_SUPPORTED: this kind is carried out elsewhere.
        REACHABLE: the recorder answered.
        UNREACHABLE: the recorder did not answer in time; tried again with growing pauses.
        REFUSED: the recorder does not take the credentials, or none could be read.
        SYNCED: the recorder runs the config the objects make.
        DRIFTED: somebody else programmed the recorder, and the drift policy says to leave that.
        OWNER_CONFLICT: another owner programs this recorder.
        STALE_EPOCH: a newer instance of the same owner programs this recorder.
        READ_BACK_MISMATCH: the recorder accepted a config and serves another, or contradicts itself.
        CONFIG_REJECTED: the recorder does not take the config.
        SECTIONS_UNSUPPORTED: the recorder does not know a section of the config.
        SETTINGS_INCOMPLETE: nothing is recorded while a settings object is invalid that had nothing in force before.
        SUSPENDED: `spec.suspend` is true.
        RECORDER_DELETING: the Recorder is being deleted; what it runs stays as it is.
        RECORDER_INVALID: the Recorder object itself is not valid.
        ENDPOINT_MISSING: the Recorder names no endpoint, and in a cluster there is no embedded recorder.
        IN_FORCE_LOST: what is in force is not known any more, and not every object is valid.
        AUDIT_UNAVAILABLE: what would be done cannot be noted durably, so it is not done.
        DISK_LOW: the collector's disk is low or full.
        EXPORTED: the file of an AuditExport is complete.
        EXPORT_FAILED: the collector cannot make the file as it is asked for.
        READY: nothing is amiss.
    """

    PROGRAMMED = "Programmed"
    NOT_ACCEPTED = "NotAccepted"
    PENDING = "Pending"
    NOT_SUPPORTED = "NotSupported"
    REACHABLE = "Reachable"
    UNREACHABLE = "Unreachable"
    REFUSED = "Refused"
    SYNCED = "Synced"
    DRIFTED = "Drifted"
    OWNER_CONFLICT = "OwnerConflict"
    STALE_EPOCH = "StaleEpoch"
    READ_BACK_MISMATCH = "ReadBackMismatch"
    CONFIG_REJECTED = "ConfigRejected"
    SECTIONS_UNSUPPORTED = "SectionsUnsupported"
    SETTINGS_INCOMPLETE = "SettingsIncomplete"
    SUSPENDED = "Suspended"
    RECORDER_DELETING = "RecorderDeleting"
    RECORDER_INVALID = "RecorderInvalid"
    ENDPOINT_MISSING = "EndpointMissing"
    IN_FORCE_LOST = "InForceLost"
    AUDIT_UNAVAILABLE = "AuditUnavailable"
    DISK_LOW = "DiskLow"
    EXPORTED = "Exported"
    EXPORT_FAILED = "ExportFailed"
    READY = "Ready"


AnyReason = Reason | AcceptedReason
"""Every reason a condition can carry."""
