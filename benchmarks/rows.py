"""One line of a benchmark's table, and how it is printed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure.

    Attributes:
        what: what was done, in a few words.
        figure: what it took or came to.
        unit: of the figure and of its peers, `µs`, `rows/s`.
        bar: what it is held against, `≤ 2`, or None where there is no bar.
        peers: other ways to do the same, measured in the same run, by name; in the same unit.
        note: what a reader must know, such as a peer that is not there; or empty.
    """

    what: str
    figure: float
    unit: str
    bar: str | None = None
    peers: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    def cells(self) -> tuple[str, ...]:
        """As the table shows it."""
        peers = ", ".join(f"{name} {number(figure)}" for name, figure in self.peers.items())
        return self.what, number(self.figure), self.unit, self.bar or "", "; ".join(filter(None, (peers, self.note)))


HEADER = ("what", "figure", "unit", "bar", "peers in the same run")


def number(value: float) -> str:
    """Three significant digits, thousands apart."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 if abs(value) < 1 else 1
    while abs(value) * 10**digits < 10 and digits < 6:
        digits += 1
    return f"{value:.{digits}f}"


def text_table(rows: Sequence[Row]) -> str:
    """Columns aligned for a terminal."""
    lines = [HEADER, *[row.cells() for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column == 1 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown_table(rows: Sequence[Row]) -> str:
    """The same for a page."""
    lines = [HEADER, ("---", "---:", "---", "---", "---"), *[row.cells() for row in rows]]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
