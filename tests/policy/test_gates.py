"""Changes that need a word: what takes protection away waits for a confirmation, and says which."""

import pytest
from tests.policy.objects import RECORDER, blacklist, reading, recorder, retention, user_policy

from callkeeper.kinds.confirmation import parse_confirmation
from callkeeper.kinds.finding import ObjectKey
from callkeeper.policy.compilation.confirmations import rounded_up, unspent
from callkeeper.policy.compilation.values import spent_key
from callkeeper.policy.compile import AcceptedReason, Compiled, Effects, Found, Lost, UsedConfirmation
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.policy.config import AuditSection, RecorderConfig, RetentionSection

RULE = ObjectKey(kind="RetentionRule", namespace="voice", name="main")
LIST = ObjectKey(kind="Blacklist", namespace="voice", name="a")
LOG = ObjectKey(kind="AuditLog", namespace="voice", name="main")
HUNDRED = [f"+39055{number:04}" for number in range(100)]


def compiled(*objects, in_force=None, effects=None, **more) -> Compiled:
    return compile_objects(objects, recorder=RECORDER, in_force=in_force, effects=effects, **more)


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


@pytest.mark.parametrize(
    ("effects", "words"),
    [
        (SOME, ("5,143 recordings", "1,288 of them", "4 legal holds")),
        (Effects(shortens=1), ("1 recording", "none of them", "no legal hold")),
        (Effects(shortens=1, deletes=1, holds=1), ("1 recording", "1 of them", "1 legal hold")),
    ],
)
def test_what_is_taken_is_said_as_people_count(effects, words):
    (finding,) = shortened(effects=effects).results[RULE].findings
    sentence = "this moves the expiry of {} earlier, deletes {} at once and takes protection from {}"
    assert finding.message == sentence.format(*words)


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
    assert outcome.config.blacklist == FULL.blacklist
    assert 'removes<=100"' in hint(outcome, RECORDER)
    confirmed = compiled(recorder(confirm="removes<=100"), in_force=FULL, effects=Effects())
    assert confirmed.config.blacklist == ()
    assert confirmed.confirmations == (UsedConfirmation(object=str(RECORDER), text="removes<=100"),)


def test_a_confirmed_removal_waits_until_the_recorder_says_what_was_spent():
    objects = recorder(confirm="removes<=100")
    unknown = compiled(objects, in_force=FULL)
    assert unknown.config.blacklist == FULL.blacklist
    assert unknown.question is not None
    key = UsedConfirmation(object=str(RECORDER), text="removes<=100").spent_key
    again = compiled(objects, in_force=FULL, effects=Effects(spent=frozenset({key})))
    assert again.config.blacklist == FULL.blacklist


def test_moving_entries_to_another_object_takes_nothing_away():
    outcome = compiled(recorder(), blacklist("b", HUNDRED), in_force=FULL)
    assert outcome.results[ObjectKey(kind="Blacklist", namespace="voice", name="b")].accepted
    assert {entry.object for entry in outcome.config.blacklist} == {"Blacklist/voice/b"}


MORE = [f"+4930{number:04}" for number in range(60)]


def test_a_removal_that_waits_goes_on_waiting_whatever_is_added_beside_it():
    dropped = blacklist("a", HUNDRED[:40])
    before = compiled(recorder(), dropped, blacklist("b", MORE), in_force=FULL).config
    assert len(before.blacklist) == 160
    again = compiled(recorder(), dropped, blacklist("b", MORE), in_force=before)
    assert again.config == before
    assert "60 of 100" in again.results[LIST].message
    restored = compiled(recorder(), blacklist("a", HUNDRED), blacklist("b", MORE), in_force=before).config
    assert restored.blacklisted_before is None


def test_a_removal_that_waits_does_not_pass_by_being_broken_and_mended():
    dropped = blacklist("a", HUNDRED[:40])
    before = compiled(recorder(), dropped, in_force=FULL).config
    broken = compiled(recorder(), blacklist("a", ["9Y"]), blacklist("b", MORE), in_force=before).config
    mended = compiled(recorder(), dropped, blacklist("b", MORE), in_force=broken)
    assert len(mended.config.blacklist) == 160
    assert mended.results[LIST].reason is AcceptedReason.CONFIRMATION_REQUIRED


def test_a_confirmation_that_was_spent_is_spent_under_another_name_too():
    text = "removes<=100"
    spent = Effects(spent=frozenset({UsedConfirmation(object="Blacklist/voice/old", text=text).spent_key}))
    outcome = compiled(recorder(), blacklist("a", [], confirm=text), in_force=FULL, effects=spent)
    assert outcome.config.blacklist == FULL.blacklist


def test_the_line_to_copy_is_one_that_was_not_spent():
    first = ENOUGH
    spent = frozenset({UsedConfirmation(object=str(RULE), text=first).spent_key})
    outcome = shortened(confirm=first, effects=Effects(shortens=5143, deletes=1288, holds=4, spent=spent))
    line = hint(outcome, RULE).split('"')[1]
    assert line == first.replace("shortens<=5200", "shortens<=5201")
    assert shortened(confirm=line, effects=Effects(shortens=5143, deletes=1288, holds=4, spent=spent)).confirmations


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("removes<=60", "removes<=61"),
        ("changes<=100%", "removes<=1 changes<=100%"),
        ("retention=90d->30d shortens<=0 deletes<=0 holds<=4", "retention=90d->30d shortens<=1 deletes<=0 holds<=4"),
        ("auditRetention=365d->30d", None),
    ],
)
def test_a_line_that_was_spent_is_replaced_by_one_that_can_be_pasted(text, line):
    assert unspent(text, Effects()) == text
    found = unspent(text, Effects(spent=frozenset({spent_key(text)})))
    assert found == line
    assert found is None or parse_confirmation(found).text() == found


def test_shorter_retention_of_the_audit_log_itself_is_gated_likewise():
    before = compiled(recorder(), reading("AuditLog", retention="365d")).config
    wanted = {"retention": "30d"}
    outcome = compiled(recorder(), reading("AuditLog", **wanted), in_force=before)
    assert outcome.config.audit.retention == "365d"
    text = "auditRetention=365d->30d"
    assert hint(outcome, LOG).endswith(f'"{text}"')
    confirmed = compiled(recorder(), reading("AuditLog", confirm=text, **wanted), in_force=before, effects=Effects())
    assert confirmed.config.audit.retention == "30d"


def test_an_audit_log_that_waits_keeps_everything_that_was_in_force_of_it():
    before = compiled(recorder(), reading("AuditLog", retention="365d")).config
    outcome = compiled(recorder(), reading("AuditLog", retention="30d", rotation="1Mi"), in_force=before)
    assert outcome.config == before


def test_when_what_is_in_force_is_lost_the_audit_log_is_not_kept_for_a_shorter_time_without_a_word():
    lost = Lost(revision="0" * 64)
    outcome = compiled(recorder(), reading("AuditLog", retention="30d"), in_force=lost)
    assert outcome.config.audit.retention == "forever"
    assert outcome.results[LOG].reason is AcceptedReason.CONFIRMATION_REQUIRED


LIVE = RecorderConfig(
    blacklist=FULL.blacklist,
    retention=RetentionSection(retention="180d", object="RetentionRule/else/where"),
    audit=AuditSection(retention="365d", object="AuditLog/else/where"),
)


def test_when_the_body_is_lost_the_gates_are_held_against_what_the_recorder_runs():
    outcome = compiled(
        recorder(),
        retention(retention="90d"),
        reading("AuditLog", retention="30d"),
        in_force=Lost(revision="0" * 64),
        found=Found(config=LIVE),
        effects=SOME,
    )
    assert "retention=180d->90d shortens" in hint(outcome, RULE)
    assert (outcome.config.retention, outcome.config.audit) == (LIVE.retention, LIVE.audit)
    assert outcome.config.blacklist == LIVE.blacklist


def test_what_somebody_else_programmed_is_put_right_before_anything_changes():
    before = compiled(recorder(), retention(retention="90d")).config
    objects = (recorder(**GUARDED), retention(retention="30d"), blacklist("a", ["112"]))
    short = RecorderConfig(retention=RetentionSection(retention="1h"))
    assert compiled(*objects, in_force=before, found=Found(config=short), effects=MANY).config == before
    assert compiled(*objects, in_force=before, found=Found(config=None)).config == before


def test_a_longer_rule_that_somebody_else_programmed_is_not_shortened_without_a_word():
    before = compiled(recorder(), retention(retention="90d")).config
    found = Found(config=RecorderConfig())
    rule = retention(retention="90d", confirm="retention=forever->90d shortens<=5200 deletes<=1300 holds<=4")
    waiting = compiled(recorder(), retention(retention="90d"), in_force=before, found=found, effects=SOME)
    assert waiting.config.retention.retention == "forever"
    passed = compiled(recorder(), rule, in_force=before, found=found, effects=SOME)
    assert (passed.config, len(passed.confirmations)) == (before, 1)


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


def test_no_confirmation_is_spent_for_a_change_that_the_guardrail_holds_back():
    before = compiled(recorder(**GUARDED), retention(retention="forever", extraRetention="365d")).config
    effects = Effects(shortens=1, considered_calls=200, changed_decisions=41)
    outcome = compiled(
        recorder(**GUARDED), retention(retention="90d", confirm=ENOUGH), in_force=before, effects=effects
    )
    assert outcome.config == before
    assert outcome.confirmations == ()


def test_the_guardrail_holds_back_what_changes_and_leaves_alone_what_is_in_force():
    same, rest = blacklist("b", ["113"]), user_policy("u", {"ada": "OnDemand"})
    before = compiled(recorder(**GUARDED), same, rest).config
    contrary = user_policy("v", {"ada": "AlwaysOn", "bob": "AlwaysOn"})
    outcome = compiled(recorder(**GUARDED), same, rest, contrary, in_force=before, effects=MANY)
    reasons = {key.name: result.reason for key, result in outcome.results.items()}
    assert reasons["b"] is reasons["u"] is AcceptedReason.ACCEPTED
    assert reasons["v"] is AcceptedReason.CONFIRMATION_REQUIRED


def test_the_guardrail_waits_for_the_recorders_answer():
    before = compiled(recorder(**GUARDED)).config
    outcome = compiled(recorder(**GUARDED), blacklist("a", ["112"]), in_force=before)
    assert outcome.config == before
    assert outcome.question is not None
    assert [entry.pattern for entry in outcome.question.blacklist] == ["112"]


@pytest.mark.parametrize(("count", "named"), [(0, 0), (99, 99), (100, 100), (101, 110), (5143, 5200), (1288, 1300)])
def test_the_line_to_copy_leaves_a_little_room_for_large_counts(count, named):
    assert rounded_up(count) == named
