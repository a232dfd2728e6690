"""Every bound the recorder puts on what comes from outside, with the reason for its size.

Each is listed in docs/reference/limits.md.
"""

CONFIG_BODY_BYTES = 64 * 1024 * 1024
"""A config or a directory: 100,000 blacklist entries of up to 129 + 64 + 200 characters are under 50 MB."""

BODY_BYTES = 1024 * 1024
"""Any other body: 1,000 parties with the longest number and user stay under 0.9 MB."""

BODY_SECONDS = 120
"""How long a body that is no media may take to come: the largest config at 5 Mbit/s."""

HEAD_BYTES = 64 * 1024
"""Request line and headers together; the longest legal ones (address, token, forwarded hops) are under 16 KiB."""

HEADERS = 100
"""Headers of one request; browsers behind proxies send some thirty."""

HEAD_SECONDS = 30
"""How long a head may take to come; a connection that does not bring one is ended."""

QUERY_BYTES = 8 * 1024
"""A query string; the longest legal one (search and cursor) is under 1 KiB."""

JSON_DEPTH = 32
"""Nesting of a JSON body, the outermost value counted: the deepest legal one, a config, has 5 levels."""

PARTIES = 1_000
"""Participants of one segment: the largest meetings of the field's platforms list as many."""

NUMBER_CHARACTERS = 256
"""A number as signalled, a SIP URI with its parameters."""

REFERENCE_CHARACTERS = 320
"""A directory id or e-mail address (64 + 1 + 255, RFC 5321 4.5.3.1)."""

IDENTIFIER_CHARACTERS = 256
"""A native id, a conversation, a segment: SIP Call-IDs and platform GUIDs are well below."""

OPEN_SEGMENTS = 100_000
"""Segments open at once: a hundred times the busiest hour of 1,000 calls started a minute at 1 minute each."""

ENDED_SEGMENTS = 10_000
"""Ended segments kept in memory, for look-ups, inheritance on transfer and the effects of a change."""

RECORDINGS_PER_USER = 1_000
"""Stretches a user may start in one segment: a start and stop every ten seconds for almost three hours."""

CONFIG_HISTORY = 20
"""Configs kept, the one in force included (design, section 7)."""

SPENT_CONFIRMATIONS = 10_000
"""Confirmations remembered as spent; the oldest go first. One a day fills it in 27 years."""

CONFIRMATIONS = 1_000
"""Confirmations in one envelope: one per object that may carry one."""

EPOCH = 2**53 - 1
"""The largest fencing epoch: what every JSON reader holds exactly."""

DIRECTORY_USERS = 100_000
"""Users of one directory."""

RETIRED_USERS = 1_000_000
"""Deleted users who are remembered, so that no id is given twice: ten times the directory, some 120 MB on disk."""

LINES_PER_USER = 100
"""Lines of one user."""

GROUPS_PER_USER = 1_000
"""Groups of one user."""

PAGE = 1_000
"""The most entries of one page of a list."""

LOOKED_AT = 10_000
"""Recordings that a page of a search looks at: 5 to 30 ms. Where few of them fit the page is short, and goes on."""

PAGE_DEFAULT = 100
"""Entries of a page when the client does not say."""

SEARCH_CHARACTERS = 200
"""A search text."""

PLAY_TICKET_SECONDS = 600
"""How long a play ticket lets in: enough to listen and jump about, little to find in a log. A page asks for another."""

PLAY_TICKETS = 10_000
"""Play tickets that are out at once; the oldest ends first. Some 5 MB."""

PLAY_TICKET_CHARACTERS = 64
"""A ticket has 43."""

TOKEN_CHARACTERS = 512
"""A bearer token as sent; those made here have 43 characters."""

CHECKPOINTS_HELD = 1_000
"""Checkpoints from elsewhere that one verification is held against: more than a year of daily ones."""

KEYS_HELD = 100
"""Public keys from elsewhere that one verification believes."""

EFFECT_SAMPLE = 20
"""Changed decisions, and affected recordings, shown by a check."""

GRAPH_NOTIFICATIONS = 100
"""Notifications of Microsoft Graph in one request; Graph packs a handful. Each may be about another large meeting."""

GRAPH_TENANTS = 100
"""Tenants of one organisation."""

GRAPH_WAITING_CALLS = 1_000
"""Calls of Teams kept before it is told who is in them: what overtakes its call does so by seconds."""

OUTBOX_ROWS = 100_000
"""Audit events that wait to be delivered: a day of a busy organisation's actions, some 50 MB."""

UNWRITTEN_SEGMENTS = 100_000
"""Segments that wait in memory while the store cannot write: 100 s of 1,000 starts a second, some 300 MB."""

NOTES = 1_000
"""Notes on one recording."""

NOTE_CHARACTERS = 4_000
"""A note: a page of text."""

TAGS = 100
"""Tags of one recording."""

TAG_CHARACTERS = 64
"""A tag."""

SEARCHED_TAGS = 10
"""Tags of one search."""

REASON_CHARACTERS = 500
"""The reason of a hold or of a request to erase; it stands in an audit row."""

HOLDS = 100
"""Holds on one conversation, released ones included."""

DURATION_SECONDS = 100 * 86_400
"""The longest duration that is searched for."""

CONSIDERED_DAYS = 30
"""How far back a check decides calls anew."""

MEDIA_BYTES = 8 * 1024 * 1024 * 1024
"""Media of one recording: eight hours of video at 2 Mbit/s, or six days of G.711 in stereo."""

MEDIA_CHANNELS = 64
"""Channels that are told who is on them: the largest mixers of the field have as many."""

UPLOADS = 10_000
"""Uploads open at once: each takes a file and a connection."""

UPLOAD_SLOWEST_BYTES = 1024
"""What has to arrive within `UPLOAD_SLOWEST_SECONDS`: Opus of somebody who says nothing makes twice as much."""

UPLOAD_SLOWEST_SECONDS = 60
"""A connection that brings less than `UPLOAD_SLOWEST_BYTES` in this time is ended; the upload may go on in another."""

UPLOAD_BYTES_PER_SECOND = 64 * 1024 * 1024
"""One upload is not read faster than this: a disk of common speed has room for others beside it."""

UPLOAD_IDLE_SECONDS = 60
"""After this long without anybody sending an upload's file is closed; it is opened again when somebody does."""

MEDIA_AWAITED_SECONDS = 6 * 3600
"""How long after a recording's end its media is awaited: a bot that lost its network for a night is back."""

PAUSE_SECONDS = 300
"""A pause ends by itself after this: card data takes a minute or two, and a forgotten pause must not lose the call."""

BUFFERED_BYTES = 256 * 1024 * 1024
"""Media kept of a call that nobody has started to record (`capture: WholeCall`): over four hours of G.711 in stereo."""

BUFFERED_SECONDS = 4 * 3600
"""For how long after a segment's start its media is kept so."""
