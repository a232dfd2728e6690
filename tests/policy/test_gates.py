"""Changes that need a word: what takes protection away waits for a confirmation, and says which."""

import pytest
from tests.policy.objects import RECORDER, blacklist, reading, recorder, retention

from callkeeper.kinds.finding import ObjectKey
from callkeeper.policy.compilation.confirmations import rounded_up
from callkeeper.policy.compile import AcceptedReason, Compiled, Effects, Lost, UsedConfirmation
from callkeeper.policy.compile import compile as compile_objects

RULE = ObjectKey(kind="RetentionRule", namespace="voice", name="main")
LIST = ObjectKey(kind="Blacklist", namespace="voice", name="a")
LOG = ObjectKey(kind="AuditLog", namespace="voice", name="main")
HUNDRED = [f"+39055{number:04}" for number in range(100)]


def compiled(*objects, in_force=None, effects=None) -> Compiled:
    return compile_objects(objects, recorder=RECORDER, in_force=in_force, effects=effects)


def hint(outcome: Compiled, key: ObjectKey) -> str:
    hints = [
        finding.hint for finding in outcome.results[key].findings if finding.rule.endswith("confirmation-required")
    ]
    return hints[0] or ""


FOREVER = compiled(recorder(), retention(retention="forever", extraRetention="365d")).config
SOME = Effects(shortens=5143, deletes=1288, holds=4)
ENOUGH = "retention=forever->90d extraRetention=365d->disabled shortens<=5200 deletes<=1300 holds<=4"


def shortened(confirm=None, effects=SOME, in_force=FOREVER) -> Compiled:
    return compiled(recorder(), retention(retention="90d", confirm=confirm), in_force=in_force, effects=effects)


def test_a_rule_that_shortens_waits_and_prints_the_line_to_copy():
    outcome = shortened()
    assert outcome.results[RULE].reason is AcceptedReason.CONFIRMATION_REQUIRED
    assert hint(outcome, RULE).endswith(f'callkeeper.dev/confirm: "{ENOUGH}"')
    assert outcome.config == FOREVER


def test_the_line_to_copy_confirms_the_change():
    outcome = shortened(confirm=ENOUGH)
    assert outcome.results[RULE].accepted
    assert outcome.config.retention.retention == "90d"
    assert outcome.confirmations == (UsedConfirmation(object=str(RULE), text=ENOUGH),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (ENOUGH.replace("5200", "5142"), "shortens<=5142"),
        (ENOUGH.replace("1300", "1287"), "deletes<=1287"),
        (ENOUGH.replace("holds<=4", "holds<=3"), "holds<=3"),
        (ENOUGH.replace("->90d", "->30d"), "forever->30d"),
        (ENOUGH.replace(" extraRetention=365d->disabled", ""), "extraRetention=nothing"),
    ],
)
def test_if_reality_exceeds_the_confirmation_the_rule_in_force_stays(text, why):
    outcome = shortened(confirm=text)
    assert outcome.config == FOREVER
    assert why in outcome.results[RULE].message


def test_a_confirmation_is_spent_once():
    spent = Effects(shortens=1, spent=frozenset({UsedConfirmation(object=str(RULE), text=ENOUGH).spent_key}))
    outcome = shortened(confirm=ENOUGH, effects=spent)
    assert outcome.config == FOREVER
    assert "earlier change" in outcome.results[RULE].message


def test_a_change_that_touches_no_recording_needs_no_word():
    assert shortened(effects=Effects()).config.retention.retention == "90d"


def test_until_the_recorder_has_counted_the_rule_in_force_stays_and_the_question_is_asked():
    outcome = shortened(effects=None)
    assert outcome.config == FOREVER
    assert outcome.question is not None
    assert outcome.question.retention.retention == "90d"
    assert shortened(effects=SOME).question is None


def test_at_the_first_start_the_recorder_is_asked_too():
    outcome = shortened(in_force=None, effects=None)
    assert outcome.config.retention.retention == "90d"
    assert outcome.question is not None
    assert shortened(in_force=None).config.retention.retention == "forever"


def test_when_what_is_in_force_is_lost_the_most_protective_rule_is_assumed():
    outcome = shortened(in_force=Lost(revision="0" * 64))
    assert "retention=forever->90d extraRetention=unlimited->disabled" in hint(outcome, RULE)
    assert outcome.config.retention.extra_retention == "unlimited"


def test_a_longer_rule_needs_no_word():
    before = compiled(recorder(), retention(retention="30d")).config
    outcome = compiled(recorder(), retention(retention="90d", extraRetention="1d"), in_force=before, effects=None)
    assert outcome.config.retention.retention == "90d"
    assert outcome.question is None


def test_a_removed_rule_keeps_everything_for_ever_and_holds_are_gated_on_the_recorder():
    outcome = compiled(recorder(), in_force=FOREVER, effects=Effects(holds=2))
    assert outcome.results[RECORDER].reason is AcceptedReason.CONFIRMATION_REQUIRED
    assert outcome.config == FOREVER
    confirmed = recorder(confirm="extraRetention=365d->disabled shortens<=0 deletes<=0 holds<=2")
    passed = compiled(confirmed, in_force=FOREVER, effects=Effects(holds=2))
    assert passed.config.retention.extra_retention == "disabled"


def test_a_conflicted_rule_that_takes_over_is_bound_by_the_gate():
    old = retention("a", retention="forever", created="2026-01-01T00:00:00Z")
    new = retention("main", retention="90d", created="2026-02-01T00:00:00Z")
    before = compiled(recorder(), old, new).config
    outcome = compiled(recorder(), new, in_force=before, effects=SOME)
    assert outcome.results[RULE].reason is AcceptedReason.CONFIRMATION_REQUIRED
    assert outcome.config.retention.retention == "forever"


FULL = compiled(recorder(), blacklist("a", HUNDRED)).config


def test_taking_away_half_of_the_blacklist_needs_no_word():
    assert len(compiled(recorder(), blacklist("a", HUNDRED[:50]), in_force=FULL).config.blacklist) == 50


def test_taking_away_more_than_half_waits_and_the_entries_stay_in_force():
    outcome = compiled(recorder(), blacklist("a", [*HUNDRED[:49], "112"]), in_force=FULL)
    assert len(outcome.config.blacklist) == 101
    assert outcome.results[LIST].reason is AcceptedReason.CONFIRMATION_REQUIRED
    assert hint(outcome, LIST).endswith('callkeeper.dev/confirm: "removes<=51"')


def test_taking_away_fewer_than_twenty_needs_no_word():
    before = compiled(recorder(), blacklist("a", HUNDRED[:19])).config
    assert compiled(recorder(), in_force=before).config.blacklist == ()


def test_when_the_blacklist_is_gone_the_recorder_carries_the_confirmation():
    outcome = compiled(recorder(), in_force=FULL)
    assert outcome.config == FULL
    assert 'removes<=100"' in hint(outcome, RECORDER)
    confirmed = compiled(recorder(confirm="removes<=100"), in_force=FULL, effects=Effects())
    assert confirmed.config.blacklist == ()
    assert confirmed.confirmations == (UsedConfirmation(object=str(RECORDER), text="removes<=100"),)


def test_a_confirmed_removal_waits_until_the_recorder_says_what_was_spent():
    objects = recorder(confirm="removes<=100")
    unknown = compiled(objects, in_force=FULL)
    assert unknown.config == FULL
    assert unknown.question is not None
    key = UsedConfirmation(object=str(RECORDER), text="removes<=100").spent_key
    assert compiled(objects, in_force=FULL, effects=Effects(spent=frozenset({key}))).config == FULL


def test_moving_entries_to_another_object_takes_nothing_away():
    outcome = compiled(recorder(), blacklist("b", HUNDRED), in_force=FULL)
    assert outcome.results[ObjectKey(kind="Blacklist", namespace="voice", name="b")].accepted
    assert {entry.object for entry in outcome.config.blacklist} == {"Blacklist/voice/b"}


def test_shorter_retention_of_the_audit_log_itself_is_gated_likewise():
    before = compiled(recorder(), reading("AuditLog", retention="365d")).config
    wanted = {"retention": "30d"}
    outcome = compiled(recorder(), reading("AuditLog", **wanted), in_force=before)
    assert outcome.config.audit.retention == "365d"
    text = "auditRetention=365d->30d"
    assert hint(outcome, LOG).endswith(f'"{text}"')
    confirmed = compiled(recorder(), reading("AuditLog", confirm=text, **wanted), in_force=before, effects=Effects())
    assert confirmed.config.audit.retention == "30d"


GUARDED = {"guardrails": {"maxChangedDecisionsPercent": 10}}
MANY = Effects(considered_calls=200, changed_decisions=41)


def test_the_guardrail_holds_back_a_change_that_turns_too_many_decisions():
    before = compiled(recorder(**GUARDED)).config
    change = blacklist("a", ["112"])
    outcome = compiled(recorder(**GUARDED), change, in_force=before, effects=MANY)
    assert outcome.config == before
    assert outcome.results[LIST].reason is AcceptedReason.CONFIRMATION_REQUIRED
    assert 'changes<=21%"' in hint(outcome, RECORDER)
    confirmed = recorder(confirm="changes<=21%", **GUARDED)
    assert compiled(confirmed, change, in_force=before, effects=MANY).config.blacklist
    few = Effects(considered_calls=200, changed_decisions=20)
    assert compiled(recorder(**GUARDED), change, in_force=before, effects=few).config.blacklist


def test_the_guardrail_waits_for_the_recorders_answer():
    before = compiled(recorder(**GUARDED)).config
    outcome = compiled(recorder(**GUARDED), blacklist("a", ["112"]), in_force=before)
    assert outcome.config == before
    assert outcome.question is not None
    assert [entry.pattern for entry in outcome.question.blacklist] == ["112"]


@pytest.mark.parametrize(("count", "named"), [(0, 0), (99, 99), (100, 100), (101, 110), (5143, 5200), (1288, 1300)])
def test_the_line_to_copy_leaves_a_little_room_for_large_counts(count, named):
    assert rounded_up(count) == named
