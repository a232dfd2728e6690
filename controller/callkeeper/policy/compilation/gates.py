"""Changes that need a word: what takes away protection waits for a confirmation.

Each gate looks at one section of the candidate beside what the recorder runs and answers with the section that may be
programmed now. A change that waits leaves what is running as it is, and says on the object which line to paste.
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
    taken_in_words,
    unspent,
    words_problem,
)
from callkeeper.policy.compilation.contributions import differing
from callkeeper.policy.compilation.removals import needs_a_word, reckoned_from, removed_patterns
from callkeeper.policy.compilation.values import AcceptedReason, Effects, UsedConfirmation
from callkeeper.policy.config import AuditSection, RecorderConfig, RetentionSection
from callkeeper.policy.retention_change import shortens

UNKNOWN = RecorderConfig(retention=RetentionSection(retention="forever", extra_retention="unlimited"))
"""What is taken to run where nobody knows: the most protective rule, every change from which is gated."""

_NOT_ASKED = "whether it was spent before is not known until the recorder answers"


@dataclass(kw_only=True)
class Gates:
    """The gates of one compile.

    Attributes:
        attached: the objects of the recorder.
        recorder: the Recorder's own reading.
        running: what the recorder runs; None before the first config, from which nothing can be taken.
        effects: what the recorder counted, or None while it was not asked.
        used: the confirmations that let a change pass.
        asks: whether something depends on effects that are not known yet.
    """

    attached: Attached
    recorder: ObjectReading | None
    running: RecorderConfig | None
    effects: Effects | None
    used: set[UsedConfirmation] = field(default_factory=set)
    asks: bool = False

    def passed(self, wanted: RecorderConfig) -> RecorderConfig:
        """What of the candidate may be programmed now, but for the guardrail."""
        return replace(self._blacklist(wanted), retention=self._retention(wanted), audit=self._audit(wanted))

    def _retention(self, config: RecorderConfig) -> RetentionSection:
        """Shorter retention, or less protection for holds."""
        wanted, before = config.retention, (self.running or RecorderConfig()).retention
        if not shortens(before, wanted):
            return wanted
        effects = self._known_effects()
        if effects is None:
            return wanted if self.running is None else self._wait_for_effects(before, wanted)
        if not (effects.shortens or effects.deletes or effects.holds):
            return wanted
        problems = []
        for carrier in self._carriers(wanted.object):
            found = given(carrier, effects)
            if found is None:
                continue
            problem = retention_problem(found, before, wanted, effects)
            if problem is None:
                self.used.add(found.used)
                return wanted
            problems.append(problem)
        message = taken_in_words(effects)
        self._refuse(wanted.object, "retentionrule", message, problems, retention_text(before, wanted, effects))
        return before

    def _blacklist(self, config: RecorderConfig) -> RecorderConfig:
        """A step that takes away more than half, and at least 20, of the entries in force."""
        before = self.running or RecorderConfig()
        removed = removed_patterns(before, config)
        if not needs_a_word(before, len(removed)):
            # A list that is not taken in as it is may be the one whose removal waits.
            waits = any(not self.attached.result(one).accepted for one in self.attached.of_kind("Blacklist"))
            return replace(config, blacklisted_before=before.blacklisted_before if waits else None)
        problems = []
        losing = {entry.object for entry in before.blacklist if entry.pattern in removed}
        carriers = [reading for reading in self.attached.of_kind("Blacklist") if str(reading.key) in losing]
        for carrier in [*carriers, self.recorder]:
            found = given(carrier, self.effects)
            if found is None or found.confirmation.removes is None:
                continue
            problem = removal_problem(found, len(removed))
            if problem is None and self._known_effects() is not None:
                self.used.add(found.used)
                return replace(config, blacklisted_before=None)
            problems.append(problem or _NOT_ASKED)
        from_ = reckoned_from(before)
        message = f"this takes {len(removed):,} of {from_:,} blacklist entries away; they stay in force until then"
        for target in [reading.key for reading in carriers] or [self.attached.recorder]:
            self._refuse(str(target), target.kind.lower(), message, problems, f"removes<={rounded_up(len(removed))}")
        kept = (entry for entry in before.blacklist if entry.pattern in removed)
        return replace(config, blacklist=tuple(sorted({*config.blacklist, *kept})), blacklisted_before=from_)

    def _audit(self, config: RecorderConfig) -> AuditSection:
        """Shorter retention of the audit log itself."""
        wanted = config.audit
        if self.running is None:
            return wanted
        before = self.running.audit
        change = (before.retention, wanted.retention)
        if not shortens(RetentionSection(retention=change[0]), RetentionSection(retention=change[1])):
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
            problems.append(problem or _NOT_ASKED)
        message = f"this keeps the audit log for {change[1]} instead of {change[0]}, and older rows would be deleted"
        self._refuse(wanted.object, "auditlog", message, problems, f"auditRetention={change[0]}->{change[1]}")
        return before

    def guardrail(self, wanted: RecorderConfig) -> RecorderConfig:
        """The Recorder's own limit on how many decisions one change may turn."""
        limit = _guardrail_percent(self.recorder)
        if limit is None or self.running is None or wanted == self.running:
            return wanted
        effects = self._known_effects()
        if effects is None:
            message = "how many decisions this change turns is not known until the recorder answers"
            return self._hold_back(wanted, self.running, message, [], None)
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
        return self._hold_back(wanted, self.running, message, problems, f"changes<={percent}%")

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

    def _hold_back(
        self, wanted: RecorderConfig, running: RecorderConfig, message: str, problems: list[str], text: str | None
    ) -> RecorderConfig:
        """Hold back the whole change: no confirmation is spent for it, and each object in it is told."""
        self.used.clear()
        self._refuse(None, "recorder", message, problems, text)
        changing = differing(wanted, running)
        for reading in self.attached.readings:
            if str(reading.key) in changing:
                because = f"held back by {self.attached.recorder}: {message}"
                self.attached.judge(reading.key, AcceptedReason.CONFIRMATION_REQUIRED, because)
        return running

    def _refuse(
        self, object_text: str | None, prefix: str, message: str, problems: list[str], text: str | None
    ) -> None:
        key = ObjectKey.parse(object_text) if object_text else self.attached.recorder
        because = f" (the confirmation given does not cover it: {problems[0]})" if problems else ""
        hint = _hint(text, self.effects)
        finding = Finding(
            rule=f"{prefix}.confirmation-required",
            severity=Severity.ERROR,
            key=key,
            path=("metadata", "annotations", CONFIRM_ANNOTATION),
            message=message + because,
            hint=hint,
        )
        self.attached.refuse(finding, AcceptedReason.CONFIRMATION_REQUIRED)


def _hint(text: str | None, effects: Effects | None) -> str:
    if text is None:
        return "nothing to do but wait"
    line = unspent(text, effects)
    if line is None:
        return f"`{text}` was used before, and each is good for one change: go by another value between the two"
    return f"if that is meant, add the annotation  {line_to_copy(line)}"


def _guardrail_percent(recorder: ObjectReading | None) -> int | None:
    resource = recorder.resource if recorder is not None else None
    if not isinstance(resource, Recorder) or resource.spec.guardrails is None:
        return None
    return resource.spec.guardrails.max_changed_decisions_percent
