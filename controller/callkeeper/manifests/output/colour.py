"""Whether what is printed may be coloured; one answer for every command."""

from collections.abc import Mapping


def wants_colour(environment: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Colour on a terminal, unless it is a dumb one or NO_COLOR is set to anything (no-color.org)."""
    return is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
