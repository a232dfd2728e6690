"""The table behind `Action`: area, emitter, meaning and the fields of Details, one entry per action.

docs/reference/audit-actions.md is written from it (`callkeeper audit actions --format markdown`), and a test holds the
page current. Whose emitter does not exist yet says so: a name in the table is a promise about spelling, not about rows.

Long, because it is a table: one entry after the other, and nothing else.
"""

from dataclasses import dataclass
from types import MappingProxyType

from callkeeper.audit.actions import Action, Area


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the taxonomy says about one action.

    Attributes:
        action: the ActionType of the row.
        area: the part of the product.
        meaning: what happened when such a row stands there, in one sentence.
        emitter: the part of Callkeeper that writes the row.
        details: fields of Details after `id`, as (name, JSON type, meaning); a field that does not apply is absent.
        emitted: whether that emitter exists in this version.
    """

    action: Action
    area: Area
    meaning: str
    emitter: str
    details: tuple[tuple[str, str, str], ...] = ()
    emitted: bool = False


RECORDER = "recorder"
RECONCILE = "reconcile"
COLLECTOR = "audit store"
OPERATOR = "operator"
EVERY_DOOR = "recorder, audit collector, command line"
"""Whoever gives the log out, or verifies it, says so."""

_OBJECT = ("object", "text", "kind/namespace/name of the settings object")
_FROM = ("from", "object", "fields as they were")
_TO = ("to", "object", "the same fields as they are now in force")
_REVISION = ("revision", "text", "SHA-256 of the config in force")
_PREVIOUS = ("previousRevision", "text", "SHA-256 of the config in force before")
_AUTHOR = ("author", "text", "who wrote the change, where somebody else applied it")
_COMMIT = ("commit", "text", "git commit that brought the change")
_SEGMENT = ("segment", "text", "id of the call's segment")
_USER = ("user", "text", "directory id of the recorded user")
_REASON = ("reason", "text", "machine-readable reason")
_RULE = ("rule", "text", "the retention rule in force then: its object and words")
_HOLD = ("hold", "text", "id of the hold")
_RECORDING = ("recording", "text", "id of the recording")
_RANGE_FROM = ("from", "instant", "start of the range, RFC 3339, included")
_RANGE_TO = ("to", "instant", "end of the range, RFC 3339, not included")
_FILTER = ("filter", "object", "what was asked for; numbers masked")
_GROUP = ("group", "text", "id of the group")
_DIRECTORY_USER = ("user", "text", "directory id of the user")
_LICENCE = ("licence", "text", "name of the licence")
_DIRECTORY_REVISION = ("revision", "text", "SHA-256 of the directory after it")
_RESTORED = ("restored", "boolean", "the id had been deleted before, and came back for the same person")
_DIRECTORY = (
    ("users", "number", "users in the directory after it"),
    ("added", "number", "users who came"),
    ("changed", "number", "users who were changed"),
    ("removed", "number", "users who went"),
    ("restored", "number", "of those who came, how many had been deleted before"),
    _DIRECTORY_REVISION,
)
_ATTRIBUTED = (_OBJECT, _AUTHOR, _COMMIT)
_REVISIONS = (_REVISION, _PREVIOUS)
_DRIFT = (
    _OBJECT,
    ("found", "text", "revision that was found"),
    ("foundOwner", "text", "who had put it"),
    *_REVISIONS,
)
_ADDED = ("added", "object", "how many entries came, and the first of them; numbers masked")
_REMOVED = ("removed", "object", "how many entries went, and the first of them; numbers masked")
_WHO = (
    *_ATTRIBUTED,
    ("appliedBy", "text", "the trusted account that applied it, where Email is the author"),
    ("impersonatedBy", "text", "who acted as the user in Email"),
    ("fieldManager", "text", "the tool's own name for itself"),
    ("attributedBy", "text", "how it is known who it was: audit, admission, managedFields or nothing"),
)
_OBJECT_CHANGED = (
    *_WHO,
    ("uid", "text", "`metadata.uid` of the object"),
    ("generation", "number", "generation of the object after the change; the last one, for a deletion"),
    ("previousGeneration", "number", "generation that `from`, `to` and `lists` are reckoned from"),
    ("fields", "list of text", "paths of the fields that changed"),
    ("from", "object", "their values before, lists aside"),
    ("to", "object", "their values after, lists aside"),
    ("lists", "object", "per list: entries and hash before and after, what came and went; numbers masked"),
    ("annotations", "object", "annotations of Callkeeper that changed, as they are now"),
)
_SUMMARY = ("summary", "text", "in place of the rest where one change touches more than is told one by one")


def _entry(
    action: Action, area: Area, emitter: str, meaning: str, *details: tuple[str, str, str], emitted: bool = False
) -> Entry:
    return Entry(action=action, area=area, emitter=emitter, meaning=meaning, details=details, emitted=emitted)


def _setting(action: Action, meaning: str, *details: tuple[str, str, str]) -> Entry:
    change = (*_ATTRIBUTED, _FROM, _TO, *_REVISIONS, *details)
    return _entry(action, Area.SETTINGS, RECONCILE, meaning, *change, emitted=True)


def _object_change(action: Action, meaning: str) -> Entry:
    return _entry(action, Area.SETTINGS, OPERATOR, meaning, *_OBJECT_CHANGED, emitted=True)


def _dashboard(action: Action, meaning: str) -> Entry:
    return _entry(action, Area.DASHBOARDS, RECORDER, meaning, _RANGE_FROM, _RANGE_TO, _FILTER)


def _recording(action: Action, meaning: str, *details: tuple[str, str, str], emitted: bool = False) -> Entry:
    return _entry(action, Area.RECORDINGS, RECORDER, meaning, _RECORDING, *details, emitted=emitted)


_TABLE: tuple[Entry, ...] = (
    _entry(Action.LOGIN, Area.USER_ACCESS, RECORDER, "Somebody signed in, or tried to.", ("success", "boolean", "")),
    _entry(Action.LOGOUT, Area.USER_ACCESS, RECORDER, "Somebody signed out, or the session ended.", _REASON),
    _entry(Action.CHANGE_PASSWORD, Area.USER_ACCESS, RECORDER, "A password was changed.", _USER),
    _dashboard(Action.GET_CALLS_STATISTICS, "The statistics of calls were read."),
    _dashboard(Action.GET_CALLS_TREND, "The trend of calls was read."),
    _dashboard(Action.GET_OVERALL_SENTIMENT, "The overall sentiment was read."),
    _dashboard(Action.GET_SENTIMENT_BY_USER, "Sentiment by user was read."),
    _dashboard(Action.GET_SENTIMENT_BY_PARTY, "Sentiment by party was read."),
    _dashboard(Action.GET_USERS_RANKING, "The ranking of users was read."),
    _entry(
        Action.REFUSE_RECORDING_START,
        Area.RECORDINGS,
        RECORDER,
        "A start on demand was refused.",
        _SEGMENT,
        _USER,
        _REASON,
        _REVISION,
        emitted=True,
    ),
    _entry(
        Action.START_RECORDING,
        Area.RECORDINGS,
        RECORDER,
        "A user started a recording on demand.",
        _SEGMENT,
        _USER,
        _REVISION,
        emitted=True,
    ),
    _entry(
        Action.STOP_RECORDING,
        Area.RECORDINGS,
        RECORDER,
        "A user stopped a recording on demand.",
        _SEGMENT,
        _USER,
        _REVISION,
        emitted=True,
    ),
    _entry(
        Action.PAUSE_RECORDING,
        Area.RECORDINGS,
        RECORDER,
        "A recording was paused, or all of a call (without `user`), for data that must not be kept.",
        _SEGMENT,
        _USER,
        ("until", "instant", "when it goes on by itself"),
        _REVISION,
        emitted=True,
    ),
    _entry(
        Action.RESUME_RECORDING,
        Area.RECORDINGS,
        RECORDER,
        "A paused recording goes on.",
        _SEGMENT,
        _USER,
        ("automatic", "boolean", "the pause had lasted as long as it may"),
        _REVISION,
        emitted=True,
    ),
    _entry(
        Action.SEARCH_RECORDINGS,
        Area.RECORDINGS,
        RECORDER,
        "Recordings were searched for.",
        _FILTER,
        ("found", "number", "recordings in the answer"),
        ("export", "text", "csv or json, where everything that fits was exported"),
        emitted=True,
    ),
    _recording(Action.GET_RECORDING_DETAILS, "The details of a recording were read.", emitted=True),
    _recording(Action.PLAY_RECORDING, "A recording was played.", emitted=True),
    _recording(
        Action.DOWNLOAD_RECORDING, "A recording was downloaded.", ("bytes", "number", "size of the media"), emitted=True
    ),
    _recording(Action.DELETE_RECORDING, "A recording was deleted by a person.", _RULE, _REVISION, emitted=True),
    _recording(
        Action.REFUSE_DELETION,
        "A deletion was refused: held, within the minimum retention, or still running.",
        _REASON,
        emitted=True,
    ),
    _recording(
        Action.EXPIRE_RECORDING, "A recording reached its expiry and was deleted.", _RULE, _REVISION, emitted=True
    ),
    _recording(
        Action.REQUEST_ERASURE, "A request to erase was registered and access restricted.", _REASON, emitted=True
    ),
    _recording(
        Action.EXECUTE_ERASURE, "A registered request to erase was carried out.", _RULE, _REVISION, emitted=True
    ),
    _entry(
        Action.REPAIR_RECORDINGS,
        Area.RECORDINGS,
        RECORDER,
        "What a check had found was mended on the machine; the row is there before anything is.",
        ("moved", "number", "files that belong to no recording, moved into quarantine"),
        ("failed", "number", "recordings whose media is lost, marked failed"),
        ("removed", "number", "files of recordings that had been removed, removed too"),
        ("left", "number", "differences that nothing is done about"),
        emitted=True,
    ),
    _entry(
        Action.RESTORE_RECORDINGS,
        Area.RECORDINGS,
        RECORDER,
        "The recorder's state was made from a backup.",
        ("taken", "instant", "when the backup was taken"),
        ("replayed", "text", "what the time since was replayed from; empty where it was left out"),
        ("removals", "number", "recordings removed again, or noted as removed"),
        ("holds", "number", "holds placed or released again"),
        ("erasures", "number", "requests to erase registered again"),
        ("damaged", "number", "media of the backup that is missing or altered"),
        emitted=True,
    ),
    _entry(
        Action.ACCEPT_CLOCK,
        Area.PLATFORM,
        f"{RECORDER}, {COLLECTOR}",
        "Somebody said that the time is right after it had jumped, so that recordings, or days of this log, expire "
        "again.",
        ("now", "instant", "the time that was accepted, RFC 3339"),
        ("seen", "instant", "the last time that had been believed"),
        ("aheadSeconds", "number", "how far the clock had jumped"),
        emitted=True,
    ),
    *(
        _entry(action, Area.NOTES_AND_TAGS, RECORDER, meaning, _RECORDING, field, emitted=True)
        for action, meaning, field in (
            (Action.ADD_NOTE, "A note was written.", ("note", "text", "id of the note")),
            (Action.UPDATE_NOTE, "A note was changed.", ("note", "text", "id of the note")),
            (Action.DELETE_NOTE, "A note was deleted.", ("note", "text", "id of the note")),
            (Action.ADD_TAG, "A tag was set.", ("tag", "text", "the tag")),
            (Action.REMOVE_TAG, "A tag was taken away.", ("tag", "text", "the tag")),
        )
    ),
    *(
        _entry(
            action,
            Area.LEGAL_HOLD,
            RECORDER,
            meaning,
            ("conversation", "text", "id of the conversation held"),
            *more,
            _REASON,
            emitted=True,
        )
        for action, meaning, more in (
            (Action.PLACE_HOLD, "A conversation was put under hold.", (_HOLD,)),
            (
                Action.RELEASE_HOLD,
                "A hold was released, by a person or by a confirmed change of the rule.",
                (_HOLD, _REVISION),
            ),
            (Action.REFUSE_HOLD, "A hold was refused.", ()),
        )
    ),
    *(
        _entry(action, Area.ALARMS, RECORDER, meaning, ("alarm", "text", "name of the alarm"), _REASON)
        for action, meaning in (
            (Action.RAISE_ALARM, "An alarm was raised."),
            (Action.ACKNOWLEDGE_ALARM, "Somebody took an alarm on."),
            (Action.CLEAR_ALARM, "An alarm ended."),
        )
    ),
    _entry(Action.CREATE_GROUP, Area.GROUPS, RECORDER, "A group was made.", _GROUP),
    _entry(Action.UPDATE_GROUP, Area.GROUPS, RECORDER, "A group was changed.", _GROUP, _FROM, _TO),
    _entry(Action.DELETE_GROUP, Area.GROUPS, RECORDER, "A group was deleted.", _GROUP),
    _entry(Action.ADD_GROUP_MEMBER, Area.GROUPS, RECORDER, "A user joined a group.", _GROUP, _USER),
    _entry(Action.REMOVE_GROUP_MEMBER, Area.GROUPS, RECORDER, "A user left a group.", _GROUP, _USER),
    *(
        _entry(action, Area.PLATFORM, RECORDER, meaning, *_DIRECTORY, *more, emitted=True)
        for action, meaning, more in (
            (Action.IMPORT_USERS, "Users were added and changed from a CSV file over the API.", ()),
            (
                Action.UPDATE_USERS,
                "The user directory was replaced or emptied as a whole, over the API or by a folder's users.csv.",
                (_AUTHOR, _COMMIT),
            ),
        )
    ),
    *(
        _entry(action, Area.PLATFORM, RECORDER, meaning, _DIRECTORY_USER, *more, _DIRECTORY_REVISION, emitted=True)
        for action, meaning, more in (
            (Action.CREATE_USER, "A user was made.", (_RESTORED,)),
            (Action.UPDATE_USER, "A user was changed.", (("fields", "list of text", "names of what changed"),)),
            (Action.DELETE_USER, "A user was deleted; the recordings stay.", ()),
        )
    ),
    *(
        _entry(action, Area.PLATFORM, RECORDER, meaning, _DIRECTORY_USER, _LICENCE, emitted=True)
        for action, meaning in (
            (Action.GRANT_LICENSE, "A licence was given to a user, by itself or with a change of the user."),
            (Action.REVOKE_LICENSE, "A licence was taken from a user, by itself or with a change of the user."),
        )
    ),
    _entry(
        Action.DOWNLOAD_CSV_AUDIT,
        Area.AUDIT,
        EVERY_DOOR,
        "A range of this log was exported; the row is written before the first byte leaves.",
        _RANGE_FROM,
        _RANGE_TO,
        ("rows", "number", "rows exported"),
        ("bytes", "number", "bytes exported, the header line included"),
        ("chain", "text", "chain head of the store when the range was fixed"),
        ("email", "text", "only rows of this address"),
        ("actions", "list of text", "only rows of these actions"),
        ("app", "text", "only rows of this application"),
        ("spreadsheetSafe", "boolean", "what looked like a formula got an apostrophe in front"),
        ("export", "text", "name of the export, where the rows went to a file on the volume"),
        ("resumedAt", "number", "first byte sent, where a part was asked for"),
        emitted=True,
    ),
    _entry(
        Action.VERIFY_AUDIT,
        Area.AUDIT,
        EVERY_DOOR,
        "The log was verified: rows, chain, checkpoints.",
        ("sound", "boolean", "nothing altered was found"),
        ("chain", "text", "chain head verified"),
        ("rows", "number", "rows verified"),
        ("problems", "number", "what was found altered, missing or added"),
        ("against", "number", "checkpoints kept elsewhere that it was held against"),
        emitted=True,
    ),
    _entry(
        Action.DELETE_AUDIT_SEGMENT,
        Area.AUDIT,
        COLLECTOR,
        "A file older than the log's retention was deleted; a signed line is left of it.",
        ("file", "text", "name of the file"),
        ("rows", "number", "rows it held"),
        ("from", "instant", "Date of its first row"),
        ("to", "instant", "Date of its last row"),
        ("sha256", "text", "hash of its bytes"),
        emitted=True,
    ),
    _entry(
        Action.RESTORE_AUDIT,
        Area.AUDIT,
        COLLECTOR,
        "The store was restored from a backup and goes on from there.",
        ("taken", "instant", "when the backup was taken"),
        ("chain", "text", "chain head restored"),
        ("rows", "number", "rows restored"),
        emitted=True,
    ),
    _entry(
        Action.REFUSE_AUDIT_ROWS,
        Area.AUDIT,
        COLLECTOR,
        "The disk of the log is nearly full: rows are refused from now on, and sent again by their senders.",
        ("freeBytes", "number", "bytes left on the disk"),
        emitted=True,
    ),
    _entry(
        Action.ACCEPT_AUDIT_ROWS,
        Area.AUDIT,
        COLLECTOR,
        "There is room again: rows are taken from now on.",
        ("since", "instant", "when refusing began"),
        ("refusals", "number", "attempts that were refused meanwhile"),
        emitted=True,
    ),
    _object_change(Action.CREATE_SETTINGS, "Somebody made a settings object in the cluster."),
    _object_change(Action.UPDATE_SETTINGS, "Somebody changed a settings object in the cluster."),
    _object_change(Action.DELETE_SETTINGS, "Somebody deleted a settings object in the cluster."),
    _entry(
        Action.REFUSE_SETTINGS,
        Area.SETTINGS,
        OPERATOR,
        "Somebody tried to make, change or delete a settings object, and the cluster refused.",
        *_WHO,
        ("verb", "text", "what was tried: create, update or delete"),
        ("code", "number", "HTTP status of the answer"),
        ("reason", "text", "the API server's reason, `Forbidden`, `Invalid`"),
        ("rules", "list of text", "ids of the rules that found something, where the admission webhook refused"),
        ("attempts", "number", "how often within a minute, where more than once"),
        _SUMMARY,
        emitted=True,
    ),
    _setting(
        Action.UPDATE_RECORDING_FILTER,
        "The filter of call types changed.",
        ("internalNumbers", "object", "what changed in that list: from, to, added, removed"),
    ),
    _setting(Action.UPDATE_BLACKLIST, "Numbers were added to or taken from the blacklist.", _ADDED, _REMOVED, _SUMMARY),
    _setting(Action.UPDATE_DEFAULT_POLICY, "The default mode, or what a start on demand captures, changed."),
    _setting(Action.UPDATE_RECORDING_LIMIT, "The always-on limit, or what becomes of calls outside it, changed."),
    _setting(
        Action.SET_USER_POLICY,
        "A user's override was set, changed or removed.",
        ("user", "text", "directory id or e-mail address"),
        _SUMMARY,
    ),
    _setting(Action.UPDATE_RETENTION, "How long recordings are kept changed."),
    _setting(Action.UPDATE_EXTRA_RETENTION, "What a legal hold adds changed."),
    _setting(Action.UPDATE_MINIMUM_RETENTION, "The time before which nobody deletes changed."),
    _setting(Action.UPDATE_AUDIT_LOG, "How this log is kept changed."),
    _setting(Action.UPDATE_RECORDER, "The recorder's own object changed: endpoint, drift policy, guardrails."),
    _entry(
        Action.REVERT_DRIFT,
        Area.SETTINGS,
        RECONCILE,
        "A config that somebody else had put was replaced by the one in git.",
        *_DRIFT,
        emitted=True,
    ),
    _entry(
        Action.REPORT_DRIFT,
        Area.SETTINGS,
        RECONCILE,
        "A config that somebody else had put was found and left, as the drift policy says.",
        *_DRIFT,
        emitted=True,
    ),
    _entry(
        Action.FOREIGN_CONFIG,
        Area.SETTINGS,
        RECORDER,
        "A config was put by another owner than the one before.",
        ("owner", "text", "who put it"),
        ("from", "text", "the owner before"),
        _REVISION,
        emitted=True,
    ),
    _entry(
        Action.REJECT_CONFIG,
        Area.SETTINGS,
        RECONCILE,
        "Settings did not come into force.",
        *_ATTRIBUTED,
        _REASON,
        ("rules", "list of text", "ids of the rules that found something"),
        emitted=True,
    ),
    _entry(
        Action.CONFIRM_DELETION,
        Area.SETTINGS,
        RECONCILE,
        "A change that deletes, shortens, releases or removes was confirmed and came into force.",
        *_ATTRIBUTED,
        ("confirmation", "text", "the words that confirmed it"),
        ("effects", "object", "how many recordings it shortens, deletes, releases"),
        *_REVISIONS,
        emitted=True,
    ),
)

TAXONOMY = MappingProxyType({entry.action: entry for entry in _TABLE})
"""Every action's entry, in the order of the table."""

AREA = MappingProxyType({entry.action: entry.area for entry in _TABLE})
"""The area of every action."""


def reference_page() -> str:
    """The page docs/reference/audit-actions.md, Markdown, with a final newline."""
    lines = [
        "# Audit actions",
        "",
        "Every action an audit row may name (`ActionType`), written from the table in the code by",
        "`callkeeper audit actions --format markdown`. Details is JSON whose first member is the event's `id`",
        "(`<sender>:<sequence>`); the fields listed here follow in the order of their names, and one that does not",
        "apply is absent. Phone numbers in Details are a keyed hash and the last digits. An instant claimed more than",
        "60 s ahead of the store's clock stands in `claimedAt`. `GetCallsTrend`, `DeleteRecording` and",
        "`DownloadCsvAudit` are the field's own names; all others are Callkeeper's.",
        "",
        "An action marked *later* has its name reserved; nothing emits it in this version.",
    ]
    for area in Area:
        lines += ["", f"## {area.capitalize()}", "", "| action | meaning | emitted by | Details |", "|---|---|---|---|"]
        lines += [
            f"| `{entry.action}` | {entry.meaning} | {entry.emitter}{'' if entry.emitted else ' (*later*)'} "
            f"| {_details(entry) or '-'} |"
            for entry in _TABLE
            if entry.area is area
        ]
    return "\n".join(lines) + "\n"


def _details(entry: Entry) -> str:
    return "<br>".join(
        f"`{name}` {kind}{': ' if meaning else ''}{meaning}" for name, kind, meaning in sorted(entry.details)
    )
