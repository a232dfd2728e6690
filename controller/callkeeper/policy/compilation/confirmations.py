"""Which confirmation an object carries, and whether it covers a change.

A confirmation names the change and the most it may take away. Reality within those bounds passes; beyond them, or with
a confirmation that was spent before, the change waits.
"""

import re
from dataclasses import dataclass

from callkeeper.kinds.confirmation import Confirmation, ConfirmationError, parse_confirmation
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.terms import CONFIRM_ANNOTATION
from callkeeper.policy.compilation.values import Effects, UsedConfirmation, spent_key
from callkeeper.policy.config import RetentionSection

MINIMUM_ROUNDED = 100
"""Counts below this are named exactly in the line to copy; larger ones are rounded up to two digits, since they grow
while a change is on its way through review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A confirmation found on an object.

    Attributes:
        used: as it travels to the recorder.
        confirmation: what it says.
        spent: it confirmed an earlier change already.
    """

    used: UsedConfirmation
    confirmation: Confirmation
    spent: bool


def given(reading: ObjectReading | None, effects: Effects | None) -> Given | None:
    """The confirmation of this object, or None where it carries none that can be read."""
    text = reading.annotations.get(CONFIRM_ANNOTATION) if reading is not None else None
    if reading is None or not text:
        return None
    try:
        confirmation = parse_confirmation(text)
    except ConfirmationError:
        return None
    used = UsedConfirmation(object=str(reading.key), text=confirmation.text())
    return Given(used=used, confirmation=confirmation, spent=effects is not None and used.spent_key in effects.spent)


def rounded_up(count: int) -> int:
    """The count as the line to copy names it."""
    if count < MINIMUM_ROUNDED:
        return count
    step: int = 10 ** (len(str(count)) - 2)
    return -(-count // step) * step


def unspent(text: str, effects: Effects | None) -> str | None:
    """A line to copy that confirms as much as this one and was not spent before; None where there is none.

    Its first bound is raised. A share is not raised: a bound too small to matter (`removes<=0`) makes it another text.
    """
    if "<=" not in text:
        return None if _was_spent(text, effects) else text
    tried = text
    while _was_spent(tried, effects):
        if tried.startswith("changes"):
            tried = f"removes<=0 {tried}"
        tried = re.sub(r"<=(\d+)", lambda bound: f"<={int(bound[1]) + 1}", tried, count=1)
    return tried


def _was_spent(text: str, effects: Effects | None) -> bool:
    return effects is not None and spent_key(text) in effects.spent


def line_to_copy(text: str) -> str:
    """The annotation as it is pasted under `metadata.annotations`."""
    return f'{CONFIRM_ANNOTATION}: "{text}"'


def spent_problem(found: Given) -> str | None:
    """Why a spent confirmation confirms nothing, or None."""
    return "it was used for an earlier change, and each is good for one" if found.spent else None


def words_problem(name: str, said: tuple[str, str] | None, change: tuple[str, str]) -> str | None:
    """Why the words it names are not the words that change, or None."""
    if change[0] == change[1] or said == change:
        return None
    is_said = f"{said[0]}->{said[1]}" if said else "nothing"
    return f"it says {name}={is_said}, and the change is {change[0]}->{change[1]}"


def retention_problem(found: Given, before: RetentionSection, wanted: RetentionSection, effects: Effects) -> str | None:
    """Why it does not cover this change of the retention rule, or None."""
    said = found.confirmation
    words = words_problem("retention", said.retention, (before.retention, wanted.retention)) or words_problem(
        "extraRetention", said.extra_retention, (before.extra_retention, wanted.extra_retention)
    )
    if words is not None:
        return words
    counts = (
        ("shortens", said.shortens, effects.shortens),
        ("deletes", said.deletes, effects.deletes),
        ("holds", said.holds, effects.holds),
    )
    for name, most, real in counts:
        if real > (most or 0):
            return f"it allows {name}<={most or 0}, and it would be {real}"
    return spent_problem(found)


def removal_problem(found: Given, removed: int) -> str | None:
    """Why it does not cover the removal of this many blacklist entries, or None."""
    most = found.confirmation.removes or 0
    if removed > most:
        return f"it allows removes<={most}, and it would be {removed}"
    return spent_problem(found)


def taken_in_words(effects: Effects) -> str:
    """What a shorter retention takes away, for people."""
    recordings = f"{effects.shortens:,} recording{'' if effects.shortens == 1 else 's'}"
    deletes = f"{effects.deletes:,}" if effects.deletes else "none"
    holds = f"{effects.holds:,} legal hold{'' if effects.holds == 1 else 's'}" if effects.holds else "no legal hold"
    return (
        f"this moves the expiry of {recordings} earlier, deletes {deletes} of them at once "
        f"and takes protection from {holds}"
    )


def retention_text(before: RetentionSection, wanted: RetentionSection, effects: Effects) -> str:
    """The confirmation that covers this change of the retention rule."""
    words = []
    if before.retention != wanted.retention:
        words.append(f"retention={before.retention}->{wanted.retention}")
    if before.extra_retention != wanted.extra_retention:
        words.append(f"extraRetention={before.extra_retention}->{wanted.extra_retention}")
    words.append(f"shortens<={rounded_up(effects.shortens)}")
    words.append(f"deletes<={rounded_up(effects.deletes)}")
    words.append(f"holds<={rounded_up(effects.holds)}")
    return " ".join(words)
