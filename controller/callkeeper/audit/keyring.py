"""Which keys are to be believed, and whether a signed line is signed by one of them.

Without a key from outside, the first key of a store is believed on its own word: that finds whoever cannot sign. With
one given from outside, a key is believed when that one vouches for it: it signed the change to it, or a line after it
(each line holds the hash of the one before), and so on along the changes.

A key that another one has followed signs nothing any more: what it signs afterwards is not believed, or one that was
changed because it had leaked would be as good as before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from callkeeper.audit.checkpoints import Checkpoint, KeyRecord, read_record
from callkeeper.audit.errors import CheckpointError
from callkeeper.audit.layout import CHECKPOINTS
from callkeeper.audit.signed_line import SignedLine
from callkeeper.audit.signing import key_id
from callkeeper.audit.verification import Problem, Trouble

_NONE = ""
"""In use where a key came without the word of the one before, and nobody knows it from elsewhere."""


@dataclass(slots=True)
class Keyring:
    """The public keys of a store by their ids, and which of them are believed."""

    known: dict[str, bytes] = field(default_factory=dict)
    believed: set[str] = field(default_factory=set)

    def signed(self, line: SignedLine) -> bool:
        """Whether the line carries the signature of a believed key."""
        public = self.known.get(line.key)
        return public is not None and line.key in self.believed and line.is_signed_by(public)


@dataclass(slots=True)
class SignedRecords:
    """What the file of checkpoints holds.

    Attributes:
        keys: that signed them.
        checkpoints: those whose signature and place fit.
        problems: lines that do not fit.
        notes: what is worth knowing about the keys.
    """

    keys: Keyring
    checkpoints: list[Checkpoint]
    problems: list[Problem]
    notes: list[str]


def read_records(lines: Sequence[str], public_keys: Sequence[bytes]) -> SignedRecords:
    """Check the lines of a file of checkpoints: number, link to the line before, signature, change of keys.

    Args:
        lines: of the file.
        public_keys: known from outside; none to believe the store's first.
    """
    found = SignedRecords(Keyring(), [], [], [])
    given = {key_id(public): public for public in public_keys}
    found.keys.known.update(given)
    records: list[tuple[int, Checkpoint | KeyRecord]] = []
    linked: set[str] = set()
    offset, previous, number = 0, None, 0
    for text in lines:
        try:
            record = read_record(text)
        except CheckpointError as error:
            found.problems.append(_problem(offset, text, f"line {number + 1} is no checkpoint: {error}"))
            previous, number = None, number + 1
        else:
            if previous is not None and (record.previous != previous or record.number != number + 1):
                message = f"line {record.number} does not follow line {number}: lines were removed or reordered"
                found.problems.append(_problem(offset, text, message))
            elif previous is None and not records and record.number != 1 and not found.problems:
                message = f"the file begins with line {record.number}: the lines before it were removed"
                found.problems.append(_problem(offset, text, message))
            linked.add(record.previous)
            if isinstance(record, KeyRecord):
                found.keys.known[key_id(record.public)] = record.public
            records.append((offset, record))
            previous, number = record.line.sha256, record.number
        offset += len(text) + 1
    outdated = _outdated([record for _, record in records], set(given))
    _believe(found, [record for _, record in records], set(given), outdated)
    vouched = False
    for where, record in reversed(records):
        # The line after it holds its hash: where that one is believed, so is this one, and its signature need not be
        # checked. Ten years have 90,000 lines.
        vouched = (vouched and record.line.sha256 in linked) or found.keys.signed(record.line)
        if not vouched or record.number in outdated:
            name = "the key" if isinstance(record, KeyRecord) else "checkpoint"
            why = _why(found.keys, record) if not vouched else f"its key {record.line.key} was no longer in use"
            found.problems.append(_problem(where, record.line.text, f"{name} of line {record.number}: {why}"))
        elif isinstance(record, Checkpoint):
            found.checkpoints.append(record)
    found.checkpoints.reverse()
    return found


def _outdated(records: Sequence[Checkpoint | KeyRecord], given: set[str]) -> set[int]:
    """The numbers of lines whose key was not the one in use; where a line is missing before, any may have been."""
    outdated: set[int] = set()
    in_use: str | None = None
    number = 0
    for record in records:
        if record.number != number + 1:
            in_use = None
        is_change = isinstance(record, KeyRecord) and record.reason == "rotated"
        if in_use is not None and record.line.key != in_use and (is_change or isinstance(record, Checkpoint)):
            outdated.add(record.number)
        elif isinstance(record, KeyRecord):
            new = key_id(record.public)
            in_use = new if is_change or record.number == 1 or new in given else _NONE
        number = record.number
    return outdated


def _believe(
    found: SignedRecords, records: Sequence[Checkpoint | KeyRecord], given: set[str], outdated: set[int]
) -> None:
    keys, believed = found.keys, found.keys.believed
    believed |= given
    if not given:
        first = next((record for record in records if isinstance(record, KeyRecord)), None)
        believed |= {key_id(first.public)} if first else set()
    else:
        last = next((index for index in range(len(records) - 1, -1, -1) if keys.signed(records[index].line)), 0)
        # Who signed this one holds the hash of every line before it.
        believed |= {record.line.key for record in records[:last]}
    for record in records:
        if not isinstance(record, KeyRecord) or record.number == 1:
            continue
        new = key_id(record.public)
        if record.reason == "rotated" and record.number not in outdated and keys.signed(record.line):
            believed.add(new)
            found.notes.append(f"the key changed to {new} at {record.at}, signed by the key before")
        elif new not in given:
            found.notes.append(
                f"the key changed to {new} at {record.at} without the word of the key before ({record.reason}): "
                "give --public-key with the new one where you know it to be right"
            )


def _why(keys: Keyring, record: Checkpoint | KeyRecord) -> str:
    public = keys.known.get(record.line.key)
    if public is None:
        return f"no key {record.line.key} is known"
    if not record.line.is_signed_by(public):
        return "the signature does not fit: the line was altered"
    return f"nobody vouches for its key {record.line.key}"


def _problem(offset: int, text: str, message: str) -> Problem:
    return Problem(
        trouble=Trouble.SIGNATURE_WRONG, file=CHECKPOINTS, offset=offset, size=len(text) + 1, message=message
    )
