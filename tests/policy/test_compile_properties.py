"""compile over whole histories: objects come, change, break, are renamed and confirmed, and after every step a plain
reading of the contract's sentences holds (`compile_sentences`, over the steps of `compile_steps`).
"""

import random as randomness
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.policy.compile_sentences import CONFIRM, check_step, guarded_back
from tests.policy.compile_steps import Step, block, effects_between, modes, patterns
from tests.policy.objects import RECORDER, blacklist, policy, reading, recorder, retention, user_policy

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.policy.compile import Compiled, Found, Hold, InForce, Lost
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.policy.config import AuditSection, BlacklistEntry, RecorderConfig, RetentionSection

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
        check_step(step)

    @invariant()
    def one_mode_a_user(self) -> None:
        if self.in_force is not None:
            assert len(modes(self.in_force)) == len(self.in_force.policy.overrides)


Histories.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestHistories = Histories.TestCase
