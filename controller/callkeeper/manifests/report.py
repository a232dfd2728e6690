"""What a check of manifests found, ready to be printed: findings in reading order, and what was counted.

The formats in `output` are functions from a report to text. Whether a run failed is decided here, so that the exit code
and every format agree.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from callkeeper.kinds.finding import Severity
from callkeeper.manifests.located import LocatedFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of one run.

    Attributes:
        findings: in the order of files, lines and columns.
        files: the files that were read, in reading order.
        objects: how many objects of our group were read.
        skipped: how many documents of other groups were passed over.
        strict: True when a warning fails the run.
    """

    findings: tuple[LocatedFinding, ...]
    files: tuple[str, ...]
    objects: int
    skipped: int
    strict: bool = False

    @classmethod
    def of(
        cls, findings: Iterable[LocatedFinding], *, files: Sequence[str], objects: int, skipped: int, strict: bool
    ) -> "Report":
        """Make a report of findings in any order; what has no place comes last."""
        order = {file: number for number, file in enumerate(files)}

        def place(one: LocatedFinding) -> tuple[int, str, int, int]:
            return order.get(one.file, len(order)), one.file, one.line, one.column

        return cls(
            findings=tuple(sorted(findings, key=place)),
            files=tuple(files),
            objects=objects,
            skipped=skipped,
            strict=strict,
        )

    def count(self, severity: Severity) -> int:
        """How many findings have this severity."""
        return sum(1 for one in self.findings if one.finding.severity is severity)

    def fails(self, one: LocatedFinding) -> bool:
        """Whether this finding fails the run: an error, and in a strict run a warning."""
        severity = one.finding.severity
        return severity is Severity.ERROR or (self.strict and severity is Severity.WARNING)

    @property
    def failed(self) -> bool:
        """Whether any finding fails the run."""
        return any(self.fails(one) for one in self.findings)
