import gzip
import random
from io import BytesIO

import pytest
from tests.audit.making import event, seconds

from callkeeper.audit import lost_marks as module
from callkeeper.audit.lost_marks import lost_marks
from callkeeper.audit.row import HEADER, MAX_ROW_BYTES, row
from callkeeper.audit.scan import ROW

ROWS = [
    row(event(number, sender=f"sender-{number % 7}", at=seconds(number), details={"text": f"row {number}"}))
    for number in range(1, 400)
]


def line_by_line(data: bytes) -> tuple[dict[str, int], int]:
    marks: dict[str, int] = {}
    lines = list(BytesIO(data))
    rows = [match for line in lines if len(line) <= MAX_ROW_BYTES and (match := ROW.fullmatch(line))]
    for match in rows:
        marks[match[2].decode()] = max(int(match[3]), marks.get(match[2].decode(), 0))
    return marks, len(lines) - len(rows)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", 4096)


def test_marks_are_found_in_a_file_and_in_a_compressed_one(tmp_path):
    path = tmp_path / "audit-2026-11-23.csv"
    path.write_bytes(HEADER + b"".join(ROWS))
    expected = line_by_line(b"".join(ROWS))
    assert lost_marks(path) == expected
    assert expected[1] == 0
    assert expected[0]["sender-0"] == 399
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert lost_marks(path) == expected


def test_the_highest_mark_counts_wherever_it_stands(tmp_path):
    path = tmp_path / "audit-2026-11-23.csv"
    path.write_bytes(HEADER + b"".join(reversed(ROWS)))
    assert lost_marks(path) == line_by_line(b"".join(ROWS))


def test_text_that_reads_like_an_id_is_none(tmp_path):
    spoken = ',"{""id"":""spoken:9000""}"', '","{"id":"spoken:9000"', ',"{"id":"spoken:9000" +0000 UTC,'
    path = tmp_path / "audit-2026-11-23.csv"
    path.write_bytes(
        HEADER + b"".join(row(event(7 + index, email=text, details={"a": text})) for index, text in enumerate(spoken))
    )
    assert lost_marks(path) == ({"recorder": 9}, 0)


def test_any_damage_is_looked_at_line_by_line(tmp_path):
    path = tmp_path / "audit-2026-11-23.csv"
    chance = random.Random(20261123)
    for _ in range(30):
        data = bytearray(b"".join(ROWS))
        at = chance.randrange(len(data))
        damage = chance.choice([b"", b"\n", b"\r", b"\x00", b'"', b"junk\n", b"x" * (2 * MAX_ROW_BYTES)])
        data[at : at + chance.choice([0, 1, 200])] = damage
        path.write_bytes(HEADER + data)
        marks, unreadable = lost_marks(path)
        expected, lines = line_by_line(bytes(data))
        # A row with a stray quote may count as one; nothing that was not written does.
        assert all(expected[f"sender-{number}"] <= marks[f"sender-{number}"] <= 399 for number in range(7))
        assert lines or not unreadable
        if damage in (b"\n", b"\r", b"\x00", b"junk\n"):
            assert unreadable


def test_a_file_that_ends_within_a_row_or_has_no_header(tmp_path):
    path = tmp_path / "audit-2026-11-23.csv"
    path.write_bytes(HEADER + ROWS[0] + ROWS[1][:-9])
    assert lost_marks(path) == ({"sender-1": 1}, 1)
    path.write_bytes(ROWS[0])
    assert lost_marks(path) == ({"sender-1": 1}, 0)
    path.write_bytes(b"")
    assert lost_marks(path) == ({}, 0)
