"""What opening a store found and did: told by the store, shown by commands.

Values only; who finds it is `recovery`.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class TornTail:
    """Bytes after the last valid row (or line) of a file, moved aside.

    Attributes:
        file: the name of the file.
        offset: where in it they stood.
        size: how many bytes.
        moved_to: the name of the file that holds them now.
    """

    file: str
    offset: int
    size: int
    moved_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Something committed that is no longer as it was; left in place.

    Attributes:
        file: the name of the file.
        offset: where the committed stretch begins.
        size: its bytes.
        message: what does not fit.
    """

    file: str
    offset: int
    size: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What opening a store found and did.

    Attributes:
        recovered_rows: rows on disk that the side file did not know yet.
        torn: tails moved aside.
        damaged: committed stretches that do not fit.
        rebuilt: side files that were made anew from the rows.
    """

    recovered_rows: int = 0
    torn: tuple[TornTail, ...] = ()
    damaged: tuple[Damage, ...] = ()
    rebuilt: tuple[str, ...] = ()

    def with_damage(self, damage: tuple[Damage, ...]) -> "Recovery":
        """The same and more that is damaged."""
        return replace(self, damaged=self.damaged + damage) if damage else self

    @property
    def clean(self) -> bool:
        """Nothing was torn, damaged or rebuilt."""
        return not (self.torn or self.damaged or self.rebuilt)
