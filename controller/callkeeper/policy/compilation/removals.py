"""What a candidate takes from the blacklist, and when that needs a word: at least 20 patterns, and more than half.

While a removal waits, its entries are in force beside those added meanwhile. The half stays that of the patterns there
were when it began to wait (`RecorderConfig.blacklisted_before`), or the additions alone would let it pass.
"""

from callkeeper.policy.config import RecorderConfig

SMALLEST_GATED_REMOVAL = 20
"""Fewer blacklist entries than this are removed without a word, whatever their share."""


def removed_patterns(running: RecorderConfig, wanted: RecorderConfig) -> set[str]:
    """Patterns that would go; one that another object takes over does not."""
    return {entry.pattern for entry in running.blacklist} - {entry.pattern for entry in wanted.blacklist}


def reckoned_from(running: RecorderConfig) -> int:
    """Of how many patterns the share is taken."""
    present = len({entry.pattern for entry in running.blacklist})
    return present if running.blacklisted_before is None else min(present, running.blacklisted_before)


def needs_a_word(running: RecorderConfig, removed: int) -> bool:
    """Whether taking this many patterns away needs a confirmation."""
    return removed >= SMALLEST_GATED_REMOVAL and removed * 2 > reckoned_from(running)
