"""Holding checkpoints against the chain: which were met on the way, and what it means where one was not, or none is.

Not here: their signatures and links (`keyring`), the walk along the chain (`verify`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from callkeeper.audit.checkpoints import Checkpoint
from callkeeper.audit.keyring import Keyring
from callkeeper.audit.layout import CHECKPOINTS
from callkeeper.audit.verification import Problem, Trouble

GIVEN = "the checkpoint given"

USUALLY_SIGNED = timedelta(hours=3)
"""After this a writer that can sign has signed: it does so every hour, and when it is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where the walk ended.

    Attributes:
        store: names the store; empty for one without commits.
        commits: there are.
        rows: there are.
        deleted_commits: of them, those whose side files retention has deleted, as signed lines say.
        committed_at: when the last one was made, `YYYY-MM-DD HH:MM:SS` UTC, as its line says.
    """

    store: str
    commits: int
    rows: int
    deleted_commits: int
    committed_at: str


def see_signed(own: Sequence[Checkpoint], reached: Reached, *, key_given: bool) -> Problem | str | None:
    """What it means that nothing signs the log, or not what was written last: lines can be cut off without any key.

    Args:
        own: checkpoints of the store, whose signatures fit.
        reached: where the walk ended.
        key_given: a key is known from elsewhere, so the log was signed with it.
    """
    if not reached.commits:
        return None
    if not own:
        if key_given:
            message = "no checkpoint is signed with a key given, though the log was: the file was removed or replaced"
            return Problem(trouble=Trouble.SIGNATURE_WRONG, file=CHECKPOINTS, message=message)
        return (
            "no checkpoint is signed with a key that is believed: whoever could write the files could write this log; "
            "hold it against one kept elsewhere (--against, --public-key)"
        )
    newest = own[-1]
    if newest.rows < reached.rows and _is_overdue(newest.at, reached.committed_at):
        return (
            f"the newest {reached.rows - newest.rows:,} rows, up to {reached.committed_at} UTC, are signed by no "
            f"checkpoint; the last is of {newest.at}: did the writer have no key, or were lines cut off?"
        )
    return None


def _is_overdue(signed_at: str, committed_at: str) -> bool:
    try:
        committed = datetime.fromisoformat(committed_at).replace(tzinfo=UTC)
        return committed - datetime.fromisoformat(signed_at) > USUALLY_SIGNED
    except (ValueError, TypeError):
        return False  # a time that was altered; that is told elsewhere


class HeldCheckpoints:
    """The checkpoints of a store and those kept elsewhere, ticked off as the chain meets them."""

    def __init__(self, own: Sequence[Checkpoint], against: Sequence[Checkpoint]) -> None:
        """Look for these.

        Args:
            own: of the store, whose signatures fit.
            against: kept elsewhere.
        """
        self._own = {checkpoint.text for checkpoint in own}
        self._against = against
        self._given = {checkpoint.text for checkpoint in against}
        self._met: set[str] = set()
        self._last: list[tuple[int, int]] = []
        self._wanted: dict[bytes, list[Checkpoint]] = {}
        for checkpoint in (*own, *against):
            self._wanted.setdefault(bytes.fromhex(checkpoint.chain), []).append(checkpoint)

    @property
    def own(self) -> int:
        """Of the store's own, how many were met."""
        return len(self._own & self._met)

    @property
    def given(self) -> int:
        """Of those kept elsewhere, how many were met."""
        return len(self._given & self._met)

    def meet(self, chain: bytes, commits: int, rows: int, *, counted: bool) -> Iterator[Problem]:
        """The chain is here: tick off who says so.

        Args:
            chain: after a line.
            commits: up to here.
            rows: up to here.
            counted: whether both numbers are proven.
        """
        for checkpoint in self._wanted.pop(chain, ()):
            self._met.add(checkpoint.text)
            self._last.append((commits, rows))
            if counted and (checkpoint.commits, checkpoint.rows) != (commits, rows):
                message = f"{self._name(checkpoint)} counts {checkpoint.rows:,} rows, there are {rows:,}"
                yield _unknown(message)

    def left(self, reached: Reached) -> Iterator[Problem | str]:
        """What it means that some were not met: a problem, or a note."""
        deleted: list[Checkpoint] = []
        for checkpoint in sorted((one for ones in self._wanted.values() for one in ones), key=lambda one: one.commits):
            if checkpoint.store != reached.store or checkpoint.commits >= reached.deleted_commits:
                yield _unknown(f"{self._name(checkpoint)}: {self._meaning(checkpoint, reached)}")
            elif checkpoint.text in self._given:
                yield f"{self._name(checkpoint)} covers only what retention has deleted since"
            else:
                deleted.append(checkpoint)
        if deleted:
            yield (
                f"{len(deleted):,} checkpoints of the store, up to that of {deleted[-1].at}, cover only what retention "
                "has deleted since"
            )

    def forged(self, keys: Keyring, store: str) -> Iterator[Problem]:
        """Those kept elsewhere whose signature does not fit: what they say beyond the chain cannot be believed."""
        for checkpoint in self._against:
            if checkpoint.store == store and not keys.signed(checkpoint.line):
                message = (
                    f"that of {checkpoint.at} is not signed by a key that is believed: was it altered where it lay?"
                )
                yield Problem(trouble=Trouble.SIGNATURE_WRONG, file=GIVEN, message=message)

    def _name(self, checkpoint: Checkpoint) -> str:
        own = f"checkpoint {checkpoint.number} of the store"
        return f"{GIVEN if checkpoint.text in self._given else own}, of {checkpoint.at}"

    def _meaning(self, checkpoint: Checkpoint, reached: Reached) -> str:
        if checkpoint.store != reached.store:
            return (
                f"it is of another store, {checkpoint.store}; this one is {reached.store or 'empty'}: it was replaced, "
                "or the checkpoint is of another log"
            )
        if checkpoint.commits > reached.commits:
            lost = checkpoint.rows - reached.rows
            return (
                f"it covers {checkpoint.rows:,} rows, {lost:,} more than there are: the log was cut off or rolled back"
            )
        before = max((fit for fit in self._last if fit[0] < checkpoint.commits), default=None)
        since = "from the first row on"
        if before is not None:
            since = f"after commit {before[0]:,} (row {before[1]:,}), which the last one that fits covers"
        return (
            f"the store never had this state: up to commit {checkpoint.commits:,} (row {checkpoint.rows:,}) something "
            f"was altered {since}, and the chain written anew"
        )


def _unknown(message: str) -> Problem:
    return Problem(trouble=Trouble.CHECKPOINT_UNKNOWN, file=CHECKPOINTS, message=message)
