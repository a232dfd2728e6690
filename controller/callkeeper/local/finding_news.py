"""Which findings of a folder are news: errors whenever they appear, warnings and notes once."""

from collections.abc import Collection

from callkeeper.kinds.finding import Finding, Severity
from callkeeper.local.folder import FolderContent
from callkeeper.local.telling import Teller
from callkeeper.manifests.located import LocatedFinding
from callkeeper.policy.cross_check import cross_check
from callkeeper.reconcile.outcome import Outcome

Identity = tuple[bool, str, str, str]


class FindingNews:
    """Remembers what was said."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._said: set[Identity] = set()
        self._errors: set[Identity] = set()

    def say(self, content: FolderContent, outcomes: Collection[Outcome]) -> None:
        """Say what is wrong or surprising now, unless it was said.

        Args:
            content: what was read last.
            outcomes: of the recorders that were reconciled, the last of each.
        """
        findings = {_identity(one): one for one in _findings(content, outcomes)}
        errors = {identity for identity, one in findings.items() if one.is_error}
        new = [one for identity, one in findings.items() if identity not in self._said]
        mended = bool(self._errors) and not errors
        self._errors = errors
        # What was mended is said again when it comes back; a hint is given once.
        self._said = {*findings, *(identity for identity in self._said if not identity[0])}
        if new:
            self._teller.findings(new, kept=content.broken)
        if mended:
            self._teller.note("mended", "Nothing is wrong any more.")


def _findings(content: FolderContent, outcomes: Collection[Outcome]) -> list[LocatedFinding]:
    found = [*content.findings, *content.users.findings]
    manifests = content.manifests
    if manifests is None or content.broken:
        return found
    own = {id(finding) for reading in manifests.readings for finding in reading.findings}
    across: dict[Finding, None] = {}
    for outcome in outcomes:
        for result in outcome.compiled.results.values():
            across.update(dict.fromkeys(one for one in result.findings if id(one) not in own))
    for finding in cross_check(manifests.readings):
        # What `compile` says knows what is in force; of the others only what it does not say is added.
        if finding.severity is not Severity.ERROR or finding.rule.startswith("recorder.") or not outcomes:
            across.setdefault(finding)
    return [*found, *(manifests.place(finding) for finding in across)]


def _identity(one: LocatedFinding) -> Identity:
    """What makes a finding the same one, wherever its line has moved."""
    return one.is_error, one.finding.rule, one.finding.message, one.file
