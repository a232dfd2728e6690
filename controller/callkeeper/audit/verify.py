"""Verifying a store: every commit against its bytes, every line against the one before, every checkpoint against both.

Reads only, takes no lock: works on a store that is being written, up to the last commit, and on a copy of its files.
One pass over the side files; rows are hashed in large pieces and never looked at one by one.

What it cannot find without a checkpoint kept elsewhere, or a key known from elsewhere, is said in
docs/reference/audit-store.md.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from callkeeper.audit.checkpoints import Checkpoint, checkpoint_lines, torn_checkpoint
from callkeeper.audit.commits import GENESIS, Total
from callkeeper.audit.keyring import Keyring, read_records
from callkeeper.audit.layout import CHECKPOINTS, SegmentName, commits_name, deleted_name, list_store, misnamed
from callkeeper.audit.looking_again import looked_at
from callkeeper.audit.packed import PackedError
from callkeeper.audit.row import HEADER
from callkeeper.audit.scan import scan
from callkeeper.audit.side_lines import BadLine, Proof, SideLine, StateLine, side_lines
from callkeeper.audit.stored_rows import open_rows
from callkeeper.audit.stubs import Stub, read_stub_file
from callkeeper.audit.verification import Problem, Tail, Trouble, Verification
from callkeeper.audit.verify_checkpoints import HeldCheckpoints, Reached, see_signed
from callkeeper.audit.verify_rows import CommittedBytes

MOST_PROBLEMS = 1_000
"""Told one by one; a store with more has one cause, which the first ones show."""


@dataclass(slots=True)
class Progress:
    """How far a verification has come; whoever shows it reads it.

    Attributes:
        rows: held against what was committed.
        size: their bytes.
    """

    rows: int = 0
    size: int = 0


def verify(
    folder: Path,
    *,
    against: Sequence[Checkpoint] = (),
    public_keys: Sequence[bytes] = (),
    progress: Progress | None = None,
) -> Verification:
    """Verify a store.

    Args:
        folder: of the store, or of a copy of it.
        against: checkpoints kept elsewhere.
        public_keys: known from elsewhere, 32 bytes each; none to believe the store's own first key.
        progress: moved along.

    Raises:
        OSError: the folder or a file cannot be read.
    """
    progress = progress or Progress()
    return looked_at(lambda: _Verifier(folder, against, public_keys, progress).run())


@dataclass(slots=True)
class _Extent:
    end: int = len(HEADER)
    rows: int = 0


@dataclass(slots=True)
class _Walk:
    """Where the walk along the side files is."""

    chain: bytes | None = GENESIS
    store: str = ""
    total: Total | None = field(default_factory=Total)
    commits: int = 0
    rows: int = 0
    size: int = 0
    deleted_commits: int = 0
    committed_at: str = ""
    in_flight: set[str] = field(default_factory=set)
    after_bad: bool = False


class _Verifier:
    def __init__(
        self, folder: Path, against: Sequence[Checkpoint], public_keys: Sequence[bytes], progress: Progress
    ) -> None:
        self._folder = folder
        self._progress = progress
        self._key_given = bool(public_keys)
        self._records = read_records(checkpoint_lines(folder), public_keys)
        self._held = HeldCheckpoints(self._records.checkpoints, against)
        self._problems: list[Problem] = list(self._records.problems)
        self._tails: list[Tail] = []
        if (torn := torn_checkpoint(folder)) is not None:
            offset, size = torn
            self._tails.append(Tail(file=CHECKPOINTS, offset=offset, size=size, rows=0, torn=size))
        self._notes: list[str] = list(self._records.notes)
        self._extents: dict[str, _Extent] = {}
        self._missing: set[str] = set()
        self._bytes = CommittedBytes(folder)
        self._at = _Walk()

    def run(self) -> Verification:
        # Lengths first: what is written after this is not looked at, and what a line speaks of is there before it.
        listing = list_store(self._folder)
        limits = {day: os.stat(self._folder / commits_name(day)).st_size for day in listing.commit_days}  # noqa: PTH116 - thousands of them
        listing = list_store(self._folder)
        self._stubs = self._read_stubs(listing.deleted_days, self._records.keys)
        gone = {file: stub for file, stub in self._stubs.items() if stub.segment is None}
        newest = max(limits, default="")
        try:
            for day in sorted({*limits, *(name[len("audit-") : -len(".commits")] for name in gone)}):
                if day in limits:
                    self._side_file(day, limits[day], is_newest=day == newest)
                else:
                    self._deleted_side_file(gone[commits_name(day)])
        finally:
            self._bytes.close()
        for name in listing.segments:
            self._ends(name)
        for stranger in misnamed(self._folder):
            self._problem(Trouble.ROWS_UNPROVEN, stranger, "no file of a log has this name: it was put there")
        self._hold_stubs()
        self._hold_checkpoints()
        return self._result()

    def _read_stubs(self, days: Sequence[str], keys: Keyring) -> dict[str, Stub]:
        stubs: dict[str, Stub] = {}
        for day in days:
            found, bad = read_stub_file(self._folder / deleted_name(day))
            if bad:
                self._problem(Trouble.SIGNATURE_WRONG, deleted_name(day), f"{bad} lines are no signed lines of ours")
            for stub in found:
                if keys.signed(stub.line):
                    stubs[stub.file] = stub
                else:
                    message = f"the line about {stub.file} is not signed by a key that is believed, or was altered"
                    self._problem(Trouble.SIGNATURE_WRONG, deleted_name(day), message)
        return stubs

    def _deleted_side_file(self, stub: Stub) -> None:
        at, chain = self._at, bytes.fromhex(stub.fields["chain"])
        if at.chain is not None and bytes.fromhex(stub.fields["before"]) != at.chain:
            self._problem(Trouble.CHAIN_BROKEN, stub.file, "what was deleted does not follow what is there before it")
        at.chain, at.total, at.deleted_commits = chain, None, stub.number("commits")
        self._meet(chain)

    def _side_file(self, day: str, limit: int, *, is_newest: bool) -> None:
        name = commits_name(day)
        self._at.in_flight = set()
        self._at.after_bad = False
        is_first = True
        for line in side_lines(self._folder / name, self._at.chain, limit):
            match line.content:
                case Proof():
                    self._proof(name, line, line.content)
                case StateLine():
                    self._state(name, line, line.content, is_first=is_first)
                case BadLine():
                    self._bad(name, line, line.content, can_be_torn=is_newest)
            is_first = False
            self._at.chain = line.chain
            self._meet(line.chain)
        if is_first:
            self._problem(Trouble.CHAIN_BROKEN, name, "it is empty")

    def _bad(self, name: str, line: SideLine, bad: BadLine, *, can_be_torn: bool) -> None:
        self._at.after_bad = True
        if can_be_torn and not bad.whole:
            self._tails.append(Tail(file=name, offset=line.offset, size=line.size, rows=0, torn=line.size))
        else:
            message = "the line is none of a side file: it was altered"
            self._problem(Trouble.CHAIN_BROKEN, name, message, offset=line.offset, size=line.size)

    def _state(self, name: str, line: SideLine, found: StateLine, *, is_first: bool) -> None:
        at, state = self._at, found.state
        if not found.fits and not at.after_bad:
            if is_first and at.commits == 0 and at.chain == GENESIS:
                message = f"what came before it is gone: {state.total.commits:,} commits with {state.total.rows:,} rows"
                trouble = Trouble.FILE_MISSING
            elif is_first:
                message, trouble = (
                    "it does not follow the side file before: one was removed, or its end",
                    Trouble.FILE_MISSING,
                )
            else:
                message, trouble = "the line does not follow the one before: lines were removed", Trouble.CHAIN_BROKEN
            self._problem(trouble, name, message, offset=line.offset, size=line.size, at=state.at)
        known = Total(commits=at.commits, rows=at.rows, size=at.size, since=state.total.since)
        if at.total is not None and found.fits and not state.rebuilt and not self._problems and known != state.total:
            message = f"the line counts {state.total.commits:,} commits, there are {at.commits:,}"
            self._problem(Trouble.CHAIN_BROKEN, name, message, offset=line.offset, size=line.size, at=state.at)
        if at.total is None and state.total.commits != at.deleted_commits:
            message = f"the line counts {state.total.commits:,} commits, deleted were {at.deleted_commits:,}"
            self._problem(Trouble.CHAIN_BROKEN, name, message, offset=line.offset, size=line.size, at=state.at)
        at.commits, at.rows, at.size, at.total = state.total.commits, state.total.rows, state.total.size, state.total
        at.store = state.store or at.store
        at.after_bad = False
        self._announced(state.files)
        if state.rebuilt:
            self._notes.append(
                f"{name}: lost and made anew from the rows at {state.at} UTC, which proves them from then on"
            )
        if state.restored:
            self._notes.append(f"restored at {state.at} UTC from the backup of {state.restored}")

    def _announced(self, files: Mapping[str, tuple[int, int]]) -> None:
        """Files that may be written from here on, and how far they were committed before."""
        self._at.in_flight |= files.keys()
        if self._at.deleted_commits:
            # By lines of side files that retention has deleted.
            for file, (size, rows) in files.items():
                if size:
                    self._extents.setdefault(file, _Extent(size, rows))

    def _proof(self, name: str, line: SideLine, proof: Proof) -> None:
        at = self._at
        at.commits += 1
        at.rows += proof.rows
        at.size += proof.size
        at.committed_at = proof.at
        self._progress.rows, self._progress.size = at.rows, at.size
        at.in_flight.add(proof.file)
        extent = self._extents.get(proof.file)
        if extent is None:
            extent = self._extents[proof.file] = _Extent()
        if not proof.fits:
            if not at.after_bad:
                message = (
                    f"line at byte {line.offset:,} of {name} was altered, or lines before it were removed or inserted"
                )
                self._commit_problem(Trouble.CHAIN_BROKEN, proof, message)
        elif proof.offset > extent.end or (proof.offset < extent.end and not proof.recovered):
            self._commit_problem(Trouble.ROWS_MISSING, proof, f"the commit before it ends at byte {extent.end:,}")
        at.after_bad = False
        self._hold(proof)
        extent.end = max(extent.end, proof.offset + proof.size)
        extent.rows = max(extent.rows, proof.row + proof.rows)

    def _hold(self, proof: Proof) -> None:
        if proof.file in self._missing:
            return
        try:
            digest = self._bytes.digest(proof.file, proof.offset, proof.size)
        except FileNotFoundError:
            self._missing.add(proof.file)
            if proof.file not in self._stubs:
                self._commit_problem(Trouble.FILE_MISSING, proof, "the file is gone")
        except PackedError as error:
            self._missing.add(proof.file)
            self._commit_problem(Trouble.ROWS_ALTERED, proof, str(error))
        except OSError as error:
            if isinstance(error, PermissionError):
                raise
            self._commit_problem(Trouble.ROWS_MISSING, proof, f"they cannot be read: {error.strerror or error}")
        else:
            if digest is None:
                self._commit_problem(Trouble.ROWS_MISSING, proof, "the file does not reach that far")
            elif digest != proof.sha256:
                self._commit_problem(Trouble.ROWS_ALTERED, proof, "the rows are not those that were committed")

    def _meet(self, chain: bytes) -> None:
        at = self._at
        counted = at.total is not None and not self._problems
        self._problems += self._held.meet(chain, at.commits, at.rows, counted=counted)

    def _ends(self, name: SegmentName) -> None:
        """What is before the first commit of a file, and after its last."""
        file, path = str(name), self._folder / str(name)
        if file in self._missing:
            return
        try:
            rows = open_rows(path)
        except FileNotFoundError:
            return  # deleted or compressed while we looked; its commits were held against what was there
        except PackedError as error:
            self._problem(Trouble.ROWS_ALTERED, file, str(error))
            return
        try:
            size, begin = rows.size, rows.read_at(len(HEADER), 0)
        except OSError as error:
            self._problem(Trouble.ROWS_MISSING, file, f"it cannot be read: {error.strerror or error}")
            return
        finally:
            rows.close()
        extent = self._extents.get(file)
        in_flight = file in self._at.in_flight
        if begin != HEADER and (size >= len(HEADER) or not in_flight):
            self._problem(Trouble.ROWS_ALTERED, file, "it does not begin with the header line", size=len(HEADER))
        if extent is None and not in_flight:
            self._problem(Trouble.ROWS_UNPROVEN, file, "no commit covers this file: it was put there", size=size)
            return
        end = extent.end if extent else len(HEADER)
        if size > end and in_flight:
            found = scan(path, end, day=name.day)
            torn = size - found.end
            self._tails.append(Tail(file=file, offset=end, size=size - end, rows=found.rows, torn=torn))
        elif size > end:
            message = "bytes after the last commit of a file that was closed: rows were added"
            self._problem(Trouble.ROWS_UNPROVEN, file, message, offset=end, size=size - end)

    def _hold_stubs(self) -> None:
        for file, stub in self._stubs.items():
            extent = self._extents.get(file)
            is_gone = file in self._missing  # else a late row came, or the disk failed, before it could be removed
            if stub.store != self._at.store:
                # Several logs may be signed with one key.
                message = f"the line about its deletion is of another log, {stub.store}: it proves nothing here"
                self._problem(Trouble.SIGNATURE_WRONG, file, message)
            elif extent is not None and is_gone and (extent.rows, extent.end) != stub.extent:
                rows, size = stub.extent
                message = (
                    f"the line about its deletion says {rows:,} rows of {size:,} bytes, committed were {extent.rows:,} "
                    f"of {extent.end:,}"
                )
                self._problem(Trouble.ROWS_MISSING, file, message)

    def _hold_checkpoints(self) -> None:
        at = self._at
        reached = Reached(
            store=at.store,
            commits=at.commits,
            rows=at.rows,
            deleted_commits=at.deleted_commits,
            committed_at=at.committed_at,
        )
        unsigned = see_signed(self._records.checkpoints, reached, key_given=self._key_given)
        for found in (*self._held.left(reached), unsigned):
            if isinstance(found, Problem):
                self._problems.append(found)
            elif found is not None:
                self._notes.append(found)
        self._problems += self._held.forged(self._records.keys, at.store)

    def _commit_problem(self, trouble: Trouble, proof: Proof, message: str) -> None:
        self._problem(
            trouble,
            proof.file,
            message,
            offset=proof.offset,
            size=proof.size,
            first_row=proof.row + 1,
            rows=proof.rows,
            commit=self._at.commits,
            at=proof.at,
        )

    def _problem(self, trouble: Trouble, file: str, message: str, **where: int | str) -> None:
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(Problem(trouble=trouble, file=file, message=message, **where))  # type: ignore[arg-type]

    def _result(self) -> Verification:
        at = self._at
        return Verification(
            store=at.store,
            chain=(at.chain or GENESIS).hex(),
            commits=at.commits,
            rows=at.rows,
            size=at.size,
            deleted=sum(stub.segment is not None for stub in self._stubs.values()),
            start=at.total.since if at.total else "",
            problems=tuple(sorted(self._problems, key=lambda problem: (problem.commit == 0, problem.commit))),
            tails=tuple(self._tails),
            notes=tuple(self._notes),
            checkpoints=self._held.own,
            against=self._held.given,
            keys=tuple(dict.fromkeys(checkpoint.line.key for checkpoint in self._records.checkpoints)),
        )
