"""The taxonomy: every action an audit row may name, its area, who emits it, and what its Details hold.

Names are PascalCase, verb and object. Adding an action means a member here and its entry in `taxonomy`, from which
docs/reference/audit-actions.md is written; nothing else needs to know.
"""

from enum import StrEnum


class Area(StrEnum):
    """The part of the product an action belongs to, as auditors group them."""

    USER_ACCESS = "user access"
    DASHBOARDS = "voice analytics dashboards"
    RECORDINGS = "recordings"
    NOTES_AND_TAGS = "notes and tags"
    LEGAL_HOLD = "legal hold"
    ALARMS = "alarms"
    GROUPS = "groups"
    PLATFORM = "licensing and platform"
    AUDIT = "audit operations"
    SETTINGS = "settings"


class Action(StrEnum):
    """What was done; the text is the row's ActionType."""

    LOGIN = "Login"
    LOGOUT = "Logout"
    CHANGE_PASSWORD = "ChangePassword"  # noqa: S105 - the name of an action

    GET_CALLS_STATISTICS = "GetCallsStatistics"
    GET_CALLS_TREND = "GetCallsTrend"
    GET_OVERALL_SENTIMENT = "GetOverallSentiment"
    GET_SENTIMENT_BY_USER = "GetSentimentByUser"
    GET_SENTIMENT_BY_PARTY = "GetSentimentByParty"
    GET_USERS_RANKING = "GetUsersRanking"

    REFUSE_RECORDING_START = "RefuseRecordingStart"
    START_RECORDING = "StartRecording"
    STOP_RECORDING = "StopRecording"
    PAUSE_RECORDING = "PauseRecording"
    RESUME_RECORDING = "ResumeRecording"
    SEARCH_RECORDINGS = "SearchRecordings"
    GET_RECORDING_DETAILS = "GetRecordingDetails"
    PLAY_RECORDING = "PlayRecording"
    DOWNLOAD_RECORDING = "DownloadRecording"
    DELETE_RECORDING = "DeleteRecording"
    REFUSE_DELETION = "RefuseDeletion"
    EXPIRE_RECORDING = "ExpireRecording"
    REQUEST_ERASURE = "RequestErasure"
    EXECUTE_ERASURE = "ExecuteErasure"
    ACCEPT_CLOCK = "AcceptClock"
    REPAIR_RECORDINGS = "RepairRecordings"
    RESTORE_RECORDINGS = "RestoreRecordings"

    ADD_NOTE = "AddNote"
    UPDATE_NOTE = "UpdateNote"
    DELETE_NOTE = "DeleteNote"
    ADD_TAG = "AddTag"
    REMOVE_TAG = "RemoveTag"

    PLACE_HOLD = "PlaceHold"
    RELEASE_HOLD = "ReleaseHold"
    REFUSE_HOLD = "RefuseHold"

    RAISE_ALARM = "RaiseAlarm"
    ACKNOWLEDGE_ALARM = "AcknowledgeAlarm"
    CLEAR_ALARM = "ClearAlarm"

    CREATE_GROUP = "CreateGroup"
    UPDATE_GROUP = "UpdateGroup"
    DELETE_GROUP = "DeleteGroup"
    ADD_GROUP_MEMBER = "AddGroupMember"
    REMOVE_GROUP_MEMBER = "RemoveGroupMember"

    IMPORT_USERS = "ImportUsers"
    UPDATE_USERS = "UpdateUsers"
    CREATE_USER = "CreateUser"
    UPDATE_USER = "UpdateUser"
    DELETE_USER = "DeleteUser"
    GRANT_LICENSE = "GrantLicense"
    REVOKE_LICENSE = "RevokeLicense"

    DOWNLOAD_CSV_AUDIT = "DownloadCsvAudit"
    VERIFY_AUDIT = "VerifyAudit"
    DELETE_AUDIT_SEGMENT = "DeleteAuditSegment"
    RESTORE_AUDIT = "RestoreAudit"
    REFUSE_AUDIT_ROWS = "RefuseAuditRows"
    ACCEPT_AUDIT_ROWS = "AcceptAuditRows"

    CREATE_SETTINGS = "CreateSettings"
    UPDATE_SETTINGS = "UpdateSettings"
    DELETE_SETTINGS = "DeleteSettings"
    REFUSE_SETTINGS = "RefuseSettings"

    UPDATE_RECORDING_FILTER = "UpdateRecordingFilter"
    UPDATE_BLACKLIST = "UpdateBlacklist"
    UPDATE_DEFAULT_POLICY = "UpdateDefaultPolicy"
    UPDATE_RECORDING_LIMIT = "UpdateRecordingLimit"
    SET_USER_POLICY = "SetUserPolicy"
    UPDATE_RETENTION = "UpdateRetention"
    UPDATE_EXTRA_RETENTION = "UpdateExtraRetention"
    UPDATE_MINIMUM_RETENTION = "UpdateMinimumRetention"
    UPDATE_AUDIT_LOG = "UpdateAuditLog"
    UPDATE_RECORDER = "UpdateRecorder"
    REVERT_DRIFT = "RevertDrift"
    REPORT_DRIFT = "ReportDrift"
    FOREIGN_CONFIG = "ForeignConfig"
    REJECT_CONFIG = "RejectConfig"
    CONFIRM_DELETION = "ConfirmDeletion"
