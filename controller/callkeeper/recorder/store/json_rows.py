"""Many rows in one step of the database: they travel as one JSON text.

Row by row, the thread that writes would give the interpreter away at each of them and wait for it again; with a list of
parameters for each number of rows, the statement would be made anew each time.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, Text, bindparam, func, literal_column, select
from sqlalchemy.dialects.sqlite import Insert, insert

Only = Callable[[Mapping[str, Any]], ColumnElement[bool]]
GIVEN: ColumnElement[str] = bindparam("given", type_=Text)
"""The JSON text, as the parameter `given` of a statement."""

# Made once: the functions of the module make one for each text.
encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def every(_: Mapping[str, Any]) -> ColumnElement[bool]:
    """Each row; SQLite cannot tell ON CONFLICT from a join's ON behind a SELECT without WHERE."""
    return literal_column("1 = 1")


def insert_all(table: Table, names: Sequence[str], *, given: ColumnElement[str] = GIVEN, only: Only = every) -> Insert:
    """Insert the rows of a JSON text, a list of values in the order of these columns for each.

    Args:
        table: where they go.
        names: of its columns.
        given: where the text stands.
        only: which of them; asked with the values by name.
    """
    values = {name: func.json_extract(literal_column("value"), f"$[{place}]") for place, name in enumerate(names)}
    rows = func.json_each(given).table_valued("value")
    return insert(table).from_select(list(names), select(*values.values()).select_from(rows).where(only(values)))


def all_given() -> Select[Any]:
    """The values of a JSON list, for `column.in_(…)`."""
    return select(func.json_each(GIVEN).table_valued("value").c.value)


def given(values: Iterable[Any]) -> dict[str, str]:
    """The parameter of a statement that goes by `GIVEN`."""
    return {"given": encode(list(values))}
