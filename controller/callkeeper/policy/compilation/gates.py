"""Changes that need a word: what takes away protection waits for a confirmation.

Each gate looks at one section of the candidate beside the one in force and answers with the section that may be
programmed now. A change that waits leaves what is in force as it is, and says on the object which line to paste.
"""

from dataclasses import dataclass, field, replace

from callkeeper.kinds.finding import Finding, ObjectKey, Severity
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.recorder import Recorder
from callkeeper.kinds.terms import CONFIRM_ANNOTATION
from callkeeper.policy.compilation.attached import Attached
from callkeeper.policy.compilation.confirmations import (
    given,
    line_to_copy,
    removal_problem,
    retention_problem,
    retention_text,
    rounded_up,
    spent_problem,
    words_problem,
)
from callkeeper.policy.compilation.values import AcceptedReason, Effects, Lost, UsedConfirmation
from callkeeper.policy.config import (
    AuditSection,
    BlacklistEntry,
    RecorderConfig,
    RetentionSection,
)
from callkeeper.policy.retention_change import shortens

SMALLEST_GATED_REMOVAL = 20
"""Fewer blacklist entries than this are removed without a word, whatever their share."""

MOST_PROTECTIVE = RetentionSection(retention="forever", extra_retention="unlimited")
"""What is taken to be in force when its body is lost: every change from it is gated."""


@dataclass(kw_only=True)
class Gates:
    """The gates of one compile.

    Attributes:
        attached: the objects of the recorder.
        recorder: the Recorder's own reading.
        lost: the config in force, where its body is lost.
        effects: what the recorder counted, or None while it was not asked.
        used: the confirmations that let a change pass.
        asks: whether something depends on effects that are not known yet.
    """

    attached: Attached
    recorder: ObjectReading | None
    lost: Lost | None
    effects: Effects | None
    used: set[UsedConfirmation] = field(default_factory=set)
    asks: bool = False

    @property
    def _in_force(self) -> RecorderConfig | None:
        return self.attached.in_force

    def retention(self, wanted: RetentionSection) -> RetentionSection:
        """Shorter retention, or less protection for holds."""
        before = self._in_force.retention if self._in_force else RetentionSection()
        if self.lost is not None:
            before = MOST_PROTECTIVE
        if not shortens(before, wanted):
            return wanted
        effects = self._known_effects()
        if effects is None:
            return wanted if self._in_force is None and self.lost is None else self._wait_for_effects(before, wanted)
        if not (effects.shortens or effects.deletes or effects.holds):
            return wanted
        carriers = self._carriers(wanted.object)
        problems = []
        for carrier in carriers:
            found = given(carrier, effects)
            if found is None:
                continue
            problem = retention_problem(found, before, wanted, effects)
            if problem is None:
                self.used.add(found.used)
                return wanted
            problems.append(problem)
        text = retention_text(before, wanted, effects)
        message = (
            f"this moves the expiry of {effects.shortens:,} recordings earlier, deletes {effects.deletes:,} of them "
            f"at once and takes protection from {effects.holds:,} legal holds"
        )
        self._refuse(wanted.object, "retentionrule", message, problems, text)
        return before

    def blacklist(self, wanted: tuple[BlacklistEntry, ...]) -> tuple[BlacklistEntry, ...]:
        """A step that takes away more than half, and at least 20, of the entries in force."""
        before = self._in_force.blacklist if self._in_force else ()
        patterns = {entry.pattern for entry in before}
        removed = patterns - {entry.pattern for entry in wanted}
        if len(removed) < SMALLEST_GATED_REMOVAL or len(removed) * 2 <= len(patterns):
            return wanted
        problems = []
        losing = sorted({entry.object for entry in before if entry.pattern in removed})
        carriers = [reading for reading in self.attached.of_kind("Blacklist") if str(reading.key) in losing]
        for carrier in [*carriers, self.recorder]:
            found = given(carrier, self.effects)
            if found is None or found.confirmation.removes is None:
                continue
            problem = removal_problem(found, len(removed))
            if problem is None and self._known_effects() is not None:
                self.used.add(found.used)
                return wanted
            problems.append(problem or "whether it was spent before is not known until the recorder answers")
        message = (
            f"this takes {len(removed):,} of {len(patterns):,} blacklist entries away; they stay in force until then"
        )
        text = f"removes<={rounded_up(len(removed))}"
        for target in [reading.key for reading in carriers] or [self.attached.recorder]:
            self._refuse(str(target), target.kind.lower(), message, problems, text)
        kept = (entry for entry in before if entry.pattern in removed)
        return tuple(sorted({*wanted, *kept}))

    def audit(self, wanted: AuditSection) -> AuditSection:
        """Shorter retention of the audit log itself."""
        before = self._in_force.audit if self._in_force else AuditSection()
        change = (before.retention, wanted.retention)
        if not shortens(RetentionSection(retention=change[0]), RetentionSection(retention=change[1])):
            return wanted
        if self._in_force is None:
            return wanted
        problems = []
        for carrier in self._carriers(wanted.object):
            found = given(carrier, self.effects)
            if found is None or found.confirmation.audit_retention is None:
                continue
            problem = words_problem("auditRetention", found.confirmation.audit_retention, change) or spent_problem(
                found
            )
            if problem is None and self._known_effects() is not None:
                self.used.add(found.used)
                return wanted
            problems.append(problem or "whether it was spent before is not known until the recorder answers")
        message = f"this keeps the audit log for {change[1]} instead of {change[0]}, and older rows would be deleted"
        self._refuse(wanted.object, "auditlog", message, problems, f"auditRetention={change[0]}->{change[1]}")
        return replace(wanted, retention=before.retention)

    def guardrail(self, wanted: RecorderConfig) -> RecorderConfig:
        """The Recorder's own limit on how many decisions one change may turn."""
        limit = _guardrail_percent(self.recorder)
        if limit is None or self._in_force is None or wanted == self._in_force:
            return wanted
        effects = self._known_effects()
        if effects is None:
            self._guard("how many decisions this change turns is not known until the recorder answers", [], None)
            return self._in_force
        changed, considered = effects.changed_decisions, effects.considered_calls
        if changed * 100 <= limit * considered:
            return wanted
        percent = -(-changed * 100 // considered)
        found = given(self.recorder, effects)
        problems = []
        if found is not None and found.confirmation.changes_percent is not None:
            problem = spent_problem(found)
            if found.confirmation.changes_percent < percent:
                problem = f"it allows {found.confirmation.changes_percent} %"
            if problem is None:
                self.used.add(found.used)
                return wanted
            problems.append(problem)
        share = f"{changed:,} of the last {considered:,} calls ({percent} %)"
        message = f"{share} would be decided otherwise; the guardrail allows {limit} %"
        self._guard(message, problems, f"changes<={percent}%")
        return self._in_force

    def _known_effects(self) -> Effects | None:
        """The effects; asking for them where they are not known."""
        if self.effects is None:
            self.asks = True
        return self.effects

    def _carriers(self, object_text: str | None) -> list[ObjectReading]:
        """Who may carry the confirmation: the object itself or, where it is gone, the Recorder."""
        own = [reading for reading in self.attached.readings if str(reading.key) == object_text]
        return own or ([self.recorder] if self.recorder else [])

    def _wait_for_effects(self, before: RetentionSection, wanted: RetentionSection) -> RetentionSection:
        message = "what this shortens is not known until the recorder answers; the rule in force stays until then"
        self._refuse(wanted.object, "retentionrule", message, [], None)
        return before

    def _refuse(
        self, object_text: str | None, prefix: str, message: str, problems: list[str], text: str | None
    ) -> None:
        key = ObjectKey.parse(object_text) if object_text else self.attached.recorder
        because = f" (the confirmation given does not cover it: {problems[0]})" if problems else ""
        hint = f"if that is meant, add the annotation  {line_to_copy(text)}" if text else "nothing to do but wait"
        finding = Finding(
            rule=f"{prefix}.confirmation-required",
            severity=Severity.ERROR,
            key=key,
            path=("metadata", "annotations", CONFIRM_ANNOTATION),
            message=message + because,
            hint=hint,
        )
        self.attached.refuse(finding, AcceptedReason.CONFIRMATION_REQUIRED)

    def _guard(self, message: str, problems: list[str], text: str | None) -> None:
        self._refuse(None, "recorder", message, problems, text)
        for reading in self.attached.readings:
            self.attached.verdicts.setdefault(
                reading.key, (AcceptedReason.CONFIRMATION_REQUIRED, f"held back by {self.attached.recorder}: {message}")
            )


def _guardrail_percent(recorder: ObjectReading | None) -> int | None:
    resource = recorder.resource if recorder is not None else None
    if not isinstance(resource, Recorder) or resource.spec.guardrails is None:
        return None
    return resource.spec.guardrails.max_changed_decisions_percent
