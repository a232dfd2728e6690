"""compile over whole histories: objects come, change, break, are renamed and confirmed, and after every step a plain
reading of the contract's sentences holds.

The oracle below shares no code with `compile`: it counts patterns, compares words and does its own retention
arithmetic on a handful of recordings. Patterns come in blocks of ten, so that the bounds of the gates are reached.
"""

import random as randomness
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.policy.objects import RECORDER, blacklist, policy, reading, recorder, retention, user_policy

from callkeeper.kinds.confirmation import parse_confirmation
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.policy.compile import AcceptedReason, Compiled, Effects, Found, Hold, InForce, Lost
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.policy.config import AuditSection, BlacklistEntry, RecorderConfig, RetentionSection

CONFIRM = "callkeeper.dev/confirm"
FOREVER = 10**6
AGES = (1, 20, 45, 100, 400)
"""Days since each recording ended; the second and the last are under a hold."""
HELD = (False, True, False, False, True)
CALLS = [f"+39{block}01" for block in range(8)]


def block(number: int) -> list[str]:
    return [f"+39{number}{index:02}" for index in range(10)]


def patterns(config: RecorderConfig | None) -> set[str]:
    return {entry.pattern for entry in config.blacklist} if config else set()


def modes(config: RecorderConfig | None) -> dict[str, str]:
    return {one.user: one.mode.value for one in config.policy.overrides} if config else {}


def days(text: str) -> int:
    if text in {"forever", "unlimited"}:
        return FOREVER
    return 0 if text == "disabled" else int(text.removesuffix("d"))


def kept_for(rule: RetentionSection, held: bool) -> int:
    """Days that a recording is kept from its end."""
    return min(FOREVER, days(rule.retention) + (days(rule.extra_retention) if held else 0))


def effects_between(old: RecorderConfig | None, new: RecorderConfig, spent: frozenset[str]) -> Effects:
    """What a recorder with these recordings and calls would answer."""
    before, after = (old or RecorderConfig()).retention, new.retention
    shortens = deletes = holds = 0
    for age, held in zip(AGES, HELD, strict=True):
        was, becomes = kept_for(before, held), kept_for(after, held)
        if was <= age:
            continue
        gone = becomes <= age
        shortens += becomes < was
        deletes += gone
        unprotected = before.extra_retention != "disabled" and after.extra_retention == "disabled"
        holds += held and (gone or unprotected)
    turned = sum((call in patterns(old)) != (call in patterns(new)) for call in CALLS)
    return Effects(
        shortens=shortens,
        deletes=deletes,
        holds=holds,
        considered_calls=len(CALLS),
        changed_decisions=turned,
        spent=spent,
    )


def takes(old: RecorderConfig, new: RecorderConfig) -> tuple[int, int, int]:
    found = effects_between(old, new, frozenset())
    return found.shortens, found.deletes, found.holds


@dataclass
class Step:
    """One compile that was programmed, or held."""

    objects: list[ObjectReading]
    known: RecorderConfig | None
    """What this owner has in force, as far as it knows."""
    before: RecorderConfig | None
    """What the recorder ran."""
    after: RecorderConfig | None
    outcome: Compiled
    spent_texts: frozenset[str]
    held_patterns: set[str] = field(default_factory=set)

    @property
    def puts_right(self) -> bool:
        return self.known is not None and self.known != self.before

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(one.object, one.text) for one in self.outcome.confirmations]

    def valid(self, kind: str) -> list[ObjectReading]:
        return [one for one in self.objects if one.key.kind == kind and one.resource is not None]

    def invalid(self, kind: str) -> list[ObjectReading]:
        return [one for one in self.objects if one.key.kind == kind and one.resource is None]

    @property
    def wanted_patterns(self) -> set[str]:
        """What some object still says, or keeps while it is invalid."""
        if self.puts_right:
            return patterns(self.known)
        found = {item.pattern for one in self.valid("Blacklist") for item in one.resource.spec.numbers}
        quarantined = {str(one.key) for one in self.invalid("Blacklist")}
        known = {entry.object for entry in self.known.blacklist} if self.known else set()
        if quarantined - known:
            quarantined |= known - {str(one.key) for one in self.objects}
        kept = {entry.pattern for entry in self.known.blacklist if entry.object in quarantined} if self.known else set()
        return found | kept


def has_something(config: RecorderConfig | None, key: ObjectKey) -> bool:
    if config is None:
        return False
    objects = {entry.object for entry in config.blacklist} | {one.object for one in config.policy.overrides}
    return str(key) in objects | {config.policy.object, config.filter.object}


NAMES = st.sampled_from(["a", "b"])
SELDOM = st.sampled_from([False, False, True])
BLOCKS = st.sampled_from(
    [frozenset[int](), frozenset({0, 1, 2, 3}), frozenset({0}), frozenset({0, 1}), frozenset({4, 5, 6, 7})]
)
"""Half of the blocks, less than half, others: so that a removal is often just on one side of the gate's bound."""
DAYS = st.sampled_from(["forever", "90d", "30d", "10d"])
EXTRA = st.sampled_from(["disabled", "30d", "unlimited"])
USERS = st.sampled_from([{}, {"ada": "AlwaysOn"}, {"ada": "OnDemand", "bob": "AlwaysOn"}, {"ada": "Default"}])
STALE = st.sampled_from([None, None, None, "removes<=20", "removes<=90"])


class Histories(RuleBasedStateMachine):
    """A folder of settings, and a recorder that runs what was compiled last."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[tuple[str, str], ObjectReading] = {}
        self.recorder_spec: dict[str, object] = {}
        self.recorder_confirm: str | None = None
        self.recorder_state = ""
        self.waiting_edits = 0
        self.in_force: RecorderConfig | None = None
        self.running: RecorderConfig | None = None
        self.forgotten = False
        self.spent: frozenset[str] = frozenset()
        self.spent_texts: frozenset[str] = frozenset()
        self.held: set[str] = set()
        self.last: Step | None = None

    @initialize(guarded=st.sampled_from([False, False, True]))
    def begin(self, guarded: bool) -> None:
        if guarded:
            self.recorder_spec["guardrails"] = {"maxChangedDecisionsPercent": 30}

    @rule(edits=st.integers(2, 3))
    def edit_several_at_once(self, edits: int) -> None:
        self.waiting_edits = edits

    @rule(name=NAMES, blocks=BLOCKS, broken=SELDOM, confirm=STALE)
    def write_blacklist(self, name: str, blocks: frozenset[int], broken: bool, confirm: str | None) -> None:
        listed = [pattern for number in blocks for pattern in block(number)]
        self.put(blacklist(name, [*listed, *(["9Y"] if broken else [])], confirm=confirm))

    @rule(name=NAMES, users=USERS, broken=SELDOM)
    def write_user_policy(self, name: str, users: dict[str, str], broken: bool) -> None:
        self.put(user_policy(name, {**users, **({"eve": "Sometimes"} if broken else {})}))

    @rule(name=NAMES, users=USERS, percent=st.sampled_from([0, 60, 100, 7]))
    def write_policy(self, name: str, users: dict[str, str], percent: int) -> None:
        overrides = [{"user": user, "mode": mode} for user, mode in users.items()]
        self.put(policy(name, alwaysOnLimitPercent=percent, overrides=overrides))

    @rule(name=NAMES, kept=DAYS, extra=EXTRA, broken=SELDOM)
    def write_retention(self, name: str, kept: str, extra: str, broken: bool) -> None:
        self.put(retention(name, retention="soon" if broken else kept, extraRetention=extra))

    @rule(
        name=NAMES, kept=st.sampled_from(["forever", "90d", "30d", "soon"]), rotation=st.sampled_from(["daily", "1Mi"])
    )
    def write_audit_log(self, name: str, kept: str, rotation: str) -> None:
        self.put(reading("AuditLog", name, retention=kept, rotation=rotation))

    @rule(name=NAMES, internal=st.sampled_from([True, False, "no"]))
    def write_filter(self, name: str, internal: object) -> None:
        self.put(reading("RecordingFilter", name, internal=internal))

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.objects:
            del self.objects[data.draw(st.sampled_from(sorted(self.objects)))]
            self.edited()

    @rule(data=st.data(), to=NAMES)
    def rename(self, data: st.DataObject, to: str) -> None:
        if self.objects:
            kind, name = data.draw(st.sampled_from(sorted(self.objects)))
            old = self.objects.pop((kind, name))
            self.put(replace(old, key=replace(old.key, name=to)))

    @rule()
    def paste_the_lines_that_are_printed(self) -> None:
        for result in self.last.outcome.results.values() if self.last else ():
            for finding in result.findings:
                if finding.rule.endswith("confirmation-required") and '"' in (finding.hint or ""):
                    self.annotate(result.key, str(finding.hint).split('"')[1])
        self.edited()

    @rule(
        state=st.sampled_from(["deleting", "broken", "suspended"]),
        name=NAMES,
        blocks=BLOCKS,
    )
    def edit_beside_a_recorder_that_is_held(self, state: str, name: str, blocks: frozenset[int]) -> None:
        self.recorder_state = state
        self.write_blacklist(name, blocks, False, None)
        self.recorder_state = ""

    @rule(blocks=BLOCKS, kept=DAYS, extra=EXTRA, log=st.sampled_from(["forever", "30d"]), wiped=SELDOM)
    def somebody_else_programs(self, blocks: frozenset[int], kept: str, extra: str, log: str, wiped: bool) -> None:
        entries = (BlacklistEntry(pattern=one, object="Blacklist/x/y", entry=one) for n in blocks for one in block(n))
        self.running = RecorderConfig(
            blacklist=tuple(sorted(entries)),
            retention=RetentionSection(retention=kept, extra_retention=extra),
            audit=AuditSection(retention=log),
        )
        if wiped and self.in_force is not None:
            self.running = None

    @rule()
    def forget_what_is_in_force(self) -> None:
        self.forgotten = self.running is not None

    def put(self, one: ObjectReading) -> None:
        self.objects[one.key.kind, one.key.name] = one
        self.edited()

    def annotate(self, key: ObjectKey, text: str) -> None:
        if key == RECORDER:
            self.recorder_confirm = text
        elif (place := (key.kind, key.name)) in self.objects:
            self.objects[place] = replace(self.objects[place], annotations={CONFIRM: text})

    def edited(self) -> None:
        """Bring what the folder holds into force, unless more is edited with it."""
        if self.waiting_edits:
            self.waiting_edits -= 1
        else:
            self.step()

    def compiled(self, objects: list[ObjectReading]) -> Compiled:
        in_force: InForce = Lost(revision="0" * 64) if self.forgotten else self.in_force
        found = Found(config=self.running) if self.forgotten or self.running != self.in_force else None
        outcome = compile_objects(objects, recorder=RECORDER, in_force=in_force, found=found)
        if outcome.question is None:
            return outcome
        effects = effects_between(self.running, outcome.question, self.spent)
        return compile_objects(objects, recorder=RECORDER, in_force=in_force, found=found, effects=effects)

    def step(self) -> None:
        spec = dict(self.recorder_spec)
        if self.recorder_state == "broken":
            spec["nonsense"] = 1
        if self.recorder_state == "suspended":
            spec["suspend"] = True
        own = recorder(**spec, confirm=self.recorder_confirm, deleting=self.recorder_state == "deleting")
        objects = [own, *self.objects.values()]
        if self.in_force is None and self.running is not None:
            self.forgotten = True
        outcome = self.compiled(objects)
        shuffled = list(objects)
        randomness.Random(len(objects)).shuffle(shuffled)
        assert self.compiled(shuffled) == outcome
        step = Step(
            objects=objects,
            known=None if self.forgotten else self.in_force,
            before=self.running,
            after=self.running if outcome.hold else outcome.config,
            outcome=outcome,
            spent_texts=self.spent_texts,
            held_patterns=self.held,
        )
        self.check(step)
        self.last = step
        self.held = set()
        if not outcome.hold:
            if not guarded_back(step):
                self.held = patterns(step.after) - step.wanted_patterns
            self.in_force = self.running = step.after
            self.forgotten = False
            self.spent |= {one.spent_key for one in outcome.confirmations}
            self.spent_texts |= {one.text for one in outcome.confirmations}
            if not step.puts_right:
                assert self.compiled(objects).config == step.after, "compiling again changes nothing"

    def hold(self, step: Step) -> Hold | None:
        if self.recorder_state in {"deleting", "broken"}:
            return Hold.RECORDER_DELETING if self.recorder_state == "deleting" else Hold.RECORDER_INVALID
        if self.forgotten and any(one.resource is None for one in step.objects):
            return Hold.IN_FORCE_LOST
        return Hold.SUSPENDED if self.recorder_state == "suspended" else None

    def check(self, step: Step) -> None:
        assert step.outcome.hold is self.hold(step)
        assert {one.key for one in step.objects} == set(step.outcome.results)
        if step.outcome.hold is not None:
            check_acceptance_under_hold(step)
            return
        check_confirmations(step)
        check_blacklist(step)
        check_retention(step)
        check_audit(step)
        if step.puts_right:
            assert replace(step.known, **gated(step.after)) == step.after, "nothing but what was in force"
        else:
            check_users(step)
            check_missing(step)
            check_quarantine(step)
            check_acceptance(step)

    @invariant()
    def one_mode_a_user(self) -> None:
        if self.in_force is not None:
            assert len(modes(self.in_force)) == len(self.in_force.policy.overrides)


def gated(config: RecorderConfig) -> dict[str, Any]:
    """The sections in which what runs may stay."""
    return {name: getattr(config, name) for name in ("blacklist", "blacklisted_before", "retention", "audit")}


def check_confirmations(step: Step) -> None:
    """Each is good for one change, wherever it stands, and is used only where something comes into force."""
    carried = {(str(one.key), one.annotations.get(CONFIRM)) for one in step.objects}
    for used in step.outcome.confirmations:
        assert used.text not in step.spent_texts
        assert (used.object, used.text) in carried
    if step.outcome.confirmations:
        assert step.after != step.before


def check_blacklist(step: Step) -> None:
    before, after = patterns(step.before), patterns(step.after)
    gone = before - after
    assert not gone & step.wanted_patterns, "nobody dropped these"
    most = max((parse_confirmation(text).removes or 0 for _, text in step.said), default=0)
    if len(gone) >= 20 and len(gone) * 2 > len(before):
        assert len(gone) <= most, "a large removal needs a word"
    dropped = before - step.wanted_patterns
    if step.held_patterns and step.held_patterns <= dropped and gone & step.held_patterns:
        assert len(gone) <= most, "what waits, waits until it is confirmed"


def claims(step: Step, user: str) -> set[str]:
    found = set()
    for one in step.objects:
        counts = one.key.kind == "UserPolicy" or str(one.key) == step.after.policy.object
        if one.key.kind not in {"UserPolicy", "RecordingPolicy"} or not counts:
            continue
        if one.resource is not None:
            found |= {item.mode.value for item in one.resource.spec.overrides if item.user == user}
        elif step.known is not None:
            found |= {
                item.mode.value
                for item in step.known.policy.overrides
                if item.user == user and item.object == str(one.key)
            }
    return found - {"Default"}


def check_users(step: Step) -> None:
    for user in ("ada", "bob"):
        if step.known is not None and len(claims(step, user)) > 1:
            assert modes(step.after).get(user) == modes(step.known).get(user)
    for one in step.valid("UserPolicy"):
        followed = all(
            item.mode.value in {"Default", modes(step.after).get(item.user)} for item in one.resource.spec.overrides
        )
        assert followed == (step.outcome.results[one.key].reason is AcceptedReason.ACCEPTED) or guarded_back(step)


def check_retention(step: Step) -> None:
    """No recording goes earlier and no hold is lost without the words and the bounds for it."""
    before = step.before or RecorderConfig()
    shortens, deletes, holds = takes(before, step.after)
    if not (shortens or deletes or holds):
        return
    old, new = before.retention, step.after.retention
    assert any(
        (old.retention == new.retention or said.retention == (old.retention, new.retention))
        and (
            old.extra_retention == new.extra_retention
            or said.extra_retention == (old.extra_retention, new.extra_retention)
        )
        and shortens <= (said.shortens or 0)
        and deletes <= (said.deletes or 0)
        and holds <= (said.holds or 0)
        for said in (parse_confirmation(text) for _, text in step.said)
    )


def check_audit(step: Step) -> None:
    if step.before is None:
        return
    old, new = step.before.audit.retention, step.after.audit.retention
    if days(new) < days(old):
        assert any(parse_confirmation(text).audit_retention == (old, new) for _, text in step.said)


WAITED_FOR = {"Blacklist", "RecordingFilter", "RecordingPolicy", "UserPolicy"}


def check_missing(step: Step) -> None:
    """The first start lasts until nothing is missing; then nothing stops the recording any more."""
    if guarded_back(step):
        return
    starting = step.known is None or bool(step.known.missing)
    expected = [
        str(one.key)
        for one in step.objects
        if starting and one.key.kind in WAITED_FOR and one.resource is None and not has_something(step.known, one.key)
    ]
    assert list(step.after.missing) == sorted(expected)


def guarded_back(step: Step) -> bool:
    return step.outcome.results[RECORDER].reason is AcceptedReason.CONFIRMATION_REQUIRED and step.after == step.before


def check_quarantine(step: Step) -> None:
    """While an object is invalid, what was in force of it stays."""
    if step.known is None:
        return
    for one in step.objects:
        key = str(one.key)
        if one.resource is not None:
            continue
        assert {entry for entry in step.known.blacklist if entry.object == key} <= set(step.after.blacklist)
        for override in step.known.policy.overrides:
            if override.object == key:
                assert modes(step.after)[override.user] == override.mode.value
        for section in ("filter", "retention", "audit"):
            was = getattr(step.known, section)
            if was.object == key:
                assert getattr(step.after, section) == was


def check_acceptance_under_hold(step: Step) -> None:
    """Where everything stays as it is, what differs from it is named."""
    if step.outcome.hold in {Hold.SUSPENDED, Hold.IN_FORCE_LOST}:
        return
    for one in step.valid("Blacklist"):
        said = {item.pattern for item in one.resource.spec.numbers}
        accepted = step.outcome.results[one.key].accepted and str(one.key) not in step.outcome.held_back
        if accepted and step.known is not None:
            assert said <= patterns(step.known)


def check_acceptance(step: Step) -> None:
    """What is called accepted is in force, and what is not there is not called so."""
    for one in step.objects:
        assert one.resource is not None or not step.outcome.results[one.key].accepted
    for one in step.valid("Blacklist"):
        said = {(item.pattern, str(one.key)) for item in one.resource.spec.numbers}
        there = {(entry.pattern, entry.object) for entry in step.after.blacklist if entry.object == str(one.key)}
        assert said == there or not step.outcome.results[one.key].accepted
    for kind, section in (("RetentionRule", "retention"), ("AuditLog", "audit"), ("RecordingFilter", "filter")):
        for one in step.valid(kind):
            check_singleton(step, one, section)


def check_singleton(step: Step, one: ObjectReading, section: str) -> None:
    result, now, spec = step.outcome.results[one.key], getattr(step.after, section), one.resource.spec
    if result.accepted:
        assert now.object == str(one.key)
        fields = {field for field in type(now).__dataclass_fields__ if hasattr(spec, field)} - {"internal_numbers"}
        assert {field: getattr(now, field) for field in fields} == {field: getattr(spec, field) for field in fields}
    elif result.reason is AcceptedReason.CONFIRMATION_REQUIRED:
        assert now == getattr(step.before or RecorderConfig(), section), "what waits, waits as a whole"


Histories.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestHistories = Histories.TestCase
