"""How deep JSON values are nested; walked by level, so that depth costs no stack."""

from typing import Any


def deeper_than(levels: int, value: Any) -> bool:
    """Whether lists and objects of a JSON value are nested deeper than this; the outermost is the first level."""
    level = [value] if isinstance(value, list | dict) else []
    for _ in range(levels):
        insides = (one.values() if isinstance(one, dict) else one for one in level)
        level = [inside for one in insides for inside in one if isinstance(inside, list | dict)]
        if not level:
            return False
    return bool(level)
