import hashlib
import json

import pytest

from callkeeper.audit.commits import GENESIS, Commit, State, read_line

COMMIT = Commit(
    file="audit-2026-11-23.csv",
    offset=49,
    row=0,
    size=117,
    rows=1,
    at="2026-11-23 12:00:00",
    marks={"recorder": 1},
    sha256="0" * 64,
)
STATE = State(files={"audit-2026-11-23.csv": (49, 0)}, marks={"recorder": 1}, at="2026-11-23 12:00:00")


@pytest.mark.parametrize("content", [COMMIT, STATE, State(rebuilt=True)])
def test_a_line_is_read_back_with_the_chain_after_it(content):
    line, after = content.line(GENESIS)
    assert line.endswith(b'"}\n')
    assert read_line(line, GENESIS) == (content, after)


def test_the_chain_can_be_computed_by_anybody():
    line, after = COMMIT.line(b"p" * 32)
    body = line[: line.index(b',"chain":"')]
    assert json.loads(line)["chain"] == after.hex() == hashlib.sha256(b"p" * 32 + body).hexdigest()


def test_a_state_line_stands_on_its_own_and_a_commit_line_does_not():
    state, after = STATE.line(b"p" * 32)
    assert read_line(state, None) == (STATE, after)
    commit, _ = COMMIT.line(b"p" * 32)
    with pytest.raises(ValueError, match="does not follow"):
        read_line(commit, None)
    with pytest.raises(ValueError, match="does not follow"):
        read_line(state, GENESIS)


@pytest.mark.parametrize("content", [COMMIT, STATE])
def test_every_flipped_bit_of_a_line_is_found(content):
    line, _ = content.line(GENESIS)
    for index in range(len(line)):
        for bit in (1, 0x20, 0x80):
            altered = bytearray(line)
            altered[index] ^= bit
            with pytest.raises(ValueError):  # noqa: PT011 - which message depends on the byte
                read_line(bytes(altered), GENESIS)


@pytest.mark.parametrize("line", [b"", b"\n", b"[]\n", b"{}\n", b'{"v":1}\n', b'{"v":2}\n', b"\xff\n", b"[" * 100_000])
def test_what_is_no_line_is_refused(line):
    with pytest.raises(ValueError):  # noqa: PT011 - which message depends on the line
        read_line(line, GENESIS)
