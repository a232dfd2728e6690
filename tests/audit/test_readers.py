"""Every file that is written is read alike by Python's csv, DuckDB and polars, and written again by csv to the byte."""

import asyncio
import csv
import io
from pathlib import Path

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.making import Clock, event, read_csv, seconds

from callkeeper.audit.actions import Action
from callkeeper.audit.export import export_range
from callkeeper.audit.row import COLUMNS, HEADER
from callkeeper.audit.store import AuditStore

HOSTILE = st.text(
    st.one_of(
        st.sampled_from("\r\n\t\0\"',;=+-@\x7f\x85\u2028\u202e\u200b\u2066\ufeff\ud800\udfff\\{}[]"), st.characters()
    ),
    max_size=30,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE, inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(
    st.tuples(HOSTILE, HOSTILE, HOSTILE, st.sampled_from(Action), st.dictionaries(HOSTILE, JSON, max_size=3)),
    min_size=1,
    max_size=12,
)


def by_duckdb(path: Path) -> list[list[str]]:
    names = ", ".join(f"'{name}': 'VARCHAR'" for name in COLUMNS)
    # Said outright, so that nothing is guessed from the first rows.
    found = duckdb.sql(
        f"select * from read_csv('{path}', header=true, delim=',', quote='\"', escape='\"', new_line='\\r\\n', "
        f"auto_detect=false, columns={{{names}}})"
    ).fetchall()
    return [[text or "" for text in row] for row in found]


def by_polars(path: Path) -> list[list[str]]:
    frame = pl.read_csv(path, infer_schema=False, empty_string_is_null=False)
    assert frame.columns == list(COLUMNS)
    return [list(row) for row in frame.rows()]


@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_three_readers_get_the_same_rows_and_csv_writes_the_same_bytes(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    events = [
        event(
            number, at=seconds(number % 3), email=email, ip_address=address, app_name=app, action=action, details=more
        )
        for number, (email, address, app, action, more) in enumerate(rows, start=1)
        if "id" not in more
    ]

    async def fill() -> None:
        async with AuditStore.open(folder, now=Clock(seconds(100))) as store:
            await store.append(events)

    asyncio.run(fill())
    for path in folder.glob("*.csv"):
        data = path.read_bytes()
        assert data.startswith(HEADER)
        assert data.count(b"\n") == data.count(b"\r\n") == len(read_csv(data))
        read = read_csv(data)
        assert by_duckdb(path) == read[1:]
        assert by_polars(path) == read[1:]
        again = io.StringIO(newline="")
        csv.writer(again, lineterminator="\r\n").writerows(read)
        assert again.getvalue().encode() == data
    whole = b"".join(export_range(folder, seconds(0), seconds(10)))
    target = folder / "export"
    target.write_bytes(whole)
    assert len(read_csv(whole)) == len(events) + 1
    assert by_duckdb(target) == by_polars(target) == read_csv(whole)[1:]
