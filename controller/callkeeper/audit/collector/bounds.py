"""Every bound the collector puts on what comes from outside, with the reason for its size.

Each is listed in docs/reference/limits.md.
"""

BATCH_EVENTS = 1_000
"""Events of one request: two of an outbox sender's rounds, and one write of some 200 KB."""

BATCH_BYTES = 8 * 1024 * 1024
"""A batch: 1,000 events with Details of 8 KB each."""

BYTES_IN_FLIGHT = 64 * 1024 * 1024
"""Bodies of batches in memory at once; a further one is answered 429. Eight of the largest, or a few hundred usual."""

BODY_BYTES = 64 * 1024
"""Any other body: settings and exports are under 2 KB."""

BODY_SECONDS = 60
"""How long a body may take to come, and hold its share of `BYTES_IN_FLIGHT`: the largest batch at 1.2 Mbit/s."""

QUERY_BYTES = 8 * 1024
"""A request's address with its query: the longest legal one, an export of some actions, is under 4 KB."""

JSON_DEPTH = 32
"""Nesting of a body: a batch and its events take 4 levels, the rest is for Details."""

LOGS = 1_000
"""Logs of one collector, all of them open: some 40 KB of memory and two open files each."""

MARKS_PAGE = 1_000
"""Marks in one answer; a log has one per sender."""

DOWNLOADS = 16
"""Downloads under way at once: each reads a disk and holds a few chunks of 1 MiB, or up to 8 MiB of a selection."""

SEND_SECONDS = 120
"""How long a client may take to fetch 1 MiB of a download: 70 kbit/s. One that has stopped reading holds a place of
`DOWNLOADS`; what it has not got is resumed."""

CHECKPOINTS_HELD = 1_000
"""Checkpoints from elsewhere that one verification is held against: more than a year of daily ones."""

KEYS_HELD = 100
"""Public keys from elsewhere that one verification believes."""

EXPORTS = 1_000
"""Exports of one log that stay on the volume; the oldest are people's to delete."""

EXPORT_WAIT_SECONDS = 1.0
"""How long an answer waits for an export to be complete: small ones take one request, large ones are asked for."""

ALLOWANCES = 1_000
"""Logs, and senders, that one principal may name."""

TOKEN_CHARACTERS = 512
"""A bearer token as sent; those made here have 43 characters."""

FORWARDED_CHARACTERS = 4_096
"""The X-Forwarded-For header that is still looked at, here and at a recorder."""

RETRY_SECONDS = 1
"""What Retry-After says when the collector is busy or a store is being opened again."""

RETRY_FULL_SECONDS = 30
"""What Retry-After says when the disk is full: room is made by people."""

REOPEN_SECONDS = 2.0
"""A store that failed is opened again no sooner than this after the last attempt: each reads the tails of its files."""

DIFFERING_SHOWN = 100
"""Sequences of differing repeats named in one answer; all are counted."""
