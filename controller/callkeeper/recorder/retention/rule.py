"""The retention rule in force as one value, taken from the config in force at one moment."""

from dataclasses import dataclass

from callkeeper.policy.config import RetentionSection
from callkeeper.policy.retention import RetentionTerms
from callkeeper.recorder.config_store import Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The rule in force.

    Attributes:
        terms: for the arithmetic.
        section: in the words of the manifest; None while there is no config.
        revision: of the config it is part of; empty without one.
    """

    terms: RetentionTerms
    section: RetentionSection | None
    revision: str

    @classmethod
    def of(cls, stored: Stored | None) -> "Rule":
        """The rule of what is in force; without a config nothing expires and nothing can be held."""
        if stored is None:
            return cls(terms=RetentionTerms(), section=None, revision="")
        section = stored.config.retention
        return cls(terms=RetentionTerms.of(section), section=section, revision=stored.pointer.revision)

    @property
    def text(self) -> str:
        """The object and its words, as a tombstone keeps them; empty without a config."""
        if self.section is None:
            return ""
        section = self.section
        words = (
            f"retention={section.retention} extraRetention={section.extra_retention} "
            f"minimumRetention={section.minimum_retention}"
        )
        return f"{section.object} {words}" if section.object else words
