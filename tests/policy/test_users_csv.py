"""Reading `users.csv`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.policy import users_csv
from callkeeper.policy.directory import Directory, Licence, Line, Role, User, UserStatus
from callkeeper.policy.users_csv import COLUMNS, parse_users

HEADER = ",".join(COLUMNS)
ADA = (
    "u1,Ada,Byron,ada@example.com,2001=+390551232001;2101,CallRecording;VoiceAnalytics,user;auditor,sales;board,active"
)


def problems(*rows: str, header: str = HEADER) -> list[str]:
    return [str(problem) for problem in parse_users("\n".join([header, *rows])).problems]


def test_a_full_row_is_read():
    read = parse_users(f"{HEADER}\n{ADA}\n")
    assert read.problems == ()
    assert read.users == (
        User(
            id="u1",
            name="Ada",
            surname="Byron",
            email="ada@example.com",
            lines=(Line(extension="2001", e164="+390551232001"), Line(extension="2101")),
            licences=frozenset(Licence),
            roles=frozenset({Role.USER, Role.AUDITOR}),
            groups=("sales", "board"),
            status=UserStatus.ACTIVE,
        ),
    )


def test_an_empty_cell_is_the_default():
    (read,) = parse_users(f"{HEADER}\nu1,,,,,,,,\n").users
    assert read == User(id="u1")


def test_columns_come_in_any_order_and_only_id_must_be_there():
    (read,) = parse_users("licences, id \nCallRecording,u1").users
    assert (read.id, read.recordable) == ("u1", True)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_spreadsheets_byte_order_mark_and_line_ends_are_fine(ends):
    read = parse_users("\ufeff" + ends.join([HEADER, ADA, "", ",,,,,,,,", "u2"]) + ends)
    assert read.problems == ()
    assert [user.id for user in read.users] == ["u1", "u2"]


def test_lines_are_normalized_and_a_public_number_may_stand_alone():
    (read,) = parse_users('id,lines\nu1," 2001 = +39 055-123.2001 ;+390551232002; ;2001=+390551232001;"').users
    assert read.lines == (Line(extension="2001", e164="+390551232001"), Line(e164="+390551232002"))


def test_a_quoted_cell_may_hold_commas():
    (read,) = parse_users('id,name,groups\nu1,"Byron, Ada","a, b;c"').users
    assert (read.name, read.groups) == ("Byron, Ada", ("a, b", "c"))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (",Ada", "line 2, id: empty; every user needs an id that never changes"),
        ("u1,,,nobody", "line 2, email: not an e-mail address (somebody@example.com)"),
        ("u1,,,a@b@c", "line 2, email: not an e-mail address (somebody@example.com)"),
        ("u1,,,a b@c", "line 2, email: not an e-mail address (somebody@example.com)"),
        (
            "u1,,,,2001;20x1",
            (
                "line 2, lines: part 2: extension is not a number (digits, *, # and one leading +);"
                " lines are written `2001=+390212345;2002`"
            ),
        ),
        (
            "u1,,,,2001=390212345",
            (
                "line 2, lines: part 1: e164 has no leading + (a public number is written +390212345);"
                " lines are written `2001=+390212345;2002`"
            ),
        ),
        (
            "u1,,,,=+390212345",
            (
                "line 2, lines: part 1: a pair is written extension=E.164, `2001=+390212345`;"
                " lines are written `2001=+390212345;2002`"
            ),
        ),
        (
            "u1,,,,,callrecording",
            (
                "line 2, licences: 'callrecording' is unknown (did you mean `CallRecording`?);"
                " known are CallRecording, VoiceAnalytics"
            ),
        ),
        (
            "u1,,,,,,boss",
            "line 2, roles: 'boss' is unknown; known are user, supervisor, administrator, auditor, settings, ingest",
        ),
        ("u1,,,,,,,,gone", "line 2, status: 'gone' is unknown; known are active, disabled"),
        ("u1,,,,,,,,active,", "line 2: 10 cells under 9 columns; put quotes around a cell with a comma"),
        ('u1,"A\nda"', "line 2, name: holds a control character or a line break"),
        (f"u1,{'a' * 255}", "line 2, name: more than 254 characters"),
        (f"u1,,,,,,,{'a' * 255}", "line 2, groups: part 1: more than 254 characters"),
        (f"u1,,,,,,,{'a;' * 2049}", "line 2, groups: more than 4096 characters"),
    ],
)
def test_a_problem_names_line_column_and_what_to_write(row, expected):
    read = parse_users(f"{HEADER}\n{row}\nu2")
    assert [str(problem) for problem in read.problems] == [expected]
    assert [user.id for user in read.users] == ["u2"]


def test_ids_and_email_addresses_are_unique():
    assert problems("u1,,,a@example.com", "u1,,,b@example.com", "u2,,,A@EXAMPLE.com") == [
        "line 3, id: the same id as on line 2; ids are unique",
        "line 4, email: the same address as on line 2 (case does not count)",
    ]


def test_users_without_an_address_are_no_duplicates():
    assert problems("u1", "u2") == []


def test_lines_are_counted_from_the_files_start_also_behind_cells_with_line_breaks():
    assert problems('u1,"two\nlines"', "u2,,,nobody")[1].startswith("line 4, email")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("id,licenses", f"line 1, licenses: unknown column (did you mean `licences`?); known are {', '.join(COLUMNS)}"),
        ("id,zzz", f"line 1, zzz: unknown column; known are {', '.join(COLUMNS)}"),
        ("id,id", "line 1, id: the column is there more than once"),
        ("name", "line 1, id: the column is missing; every user needs an id that never changes"),
        ("id;name;email", "line 1: columns are separated by commas; this file uses semicolons"),
    ],
)
def test_a_header_that_cannot_be_used_is_the_only_problem(header, expected):
    read = parse_users(f"{header}\nu1,x,y\n")
    assert ([str(problem) for problem in read.problems], read.users) == ([expected], ())


def test_a_file_without_rows_says_what_to_write():
    assert problems(header="") == [f"line 1: no header row; write {HEADER}"]
    assert parse_users(HEADER).users == ()


def test_no_message_repeats_a_number():
    rows = ["u1,,,,20x1=+390212345", "u2,,,+390212345", "u3,,,,,+390212345", "u4,+390212345\x00", "u5,,,,,,,,390212345"]
    found = problems(*rows)
    assert len(found) == 5
    assert not any("0212345" in text.replace("`2001=+390212345;2002`", "").replace("e164", "") for text in found)
    assert "390212345" not in problems(header="id,+390212345")[0]


def test_a_quote_in_the_wrong_place_is_a_problem_and_the_rest_is_read():
    read = parse_users(f'{HEADER}\nu1,"A"da\nu2\n')
    assert str(read.problems[0]).startswith("line 2: not readable as CSV: ")
    assert [user.id for user in read.users] == ["u2"]


def test_an_unclosed_quote_ends_the_file_with_a_problem():
    read = parse_users(f'{HEADER}\nu1\nu2,"Ada\nu3\n')
    assert [user.id for user in read.users] == ["u1"]
    assert str(read.problems[0]).startswith("line 3: not readable as CSV: ")


def test_a_cell_larger_than_the_csv_reader_takes_is_a_problem():
    read = parse_users(f"{HEADER}\nu1,{'a' * 200_000}\nu2")
    assert len(read.problems) == 1
    assert [user.id for user in read.users] == ["u2"]


def test_users_and_problems_are_bounded(monkeypatch):
    monkeypatch.setattr(users_csv, "MAX_USERS", 3)
    monkeypatch.setattr(users_csv, "MAX_PROBLEMS", 3)
    read = parse_users(HEADER + "".join(f"\nu{number}" for number in range(10)))
    assert (len(read.users), str(read.problems[0])) == (3, "line 5: more than 3 users")
    read = parse_users(HEADER + "\n,x" * 10)
    assert [str(problem) for problem in read.problems][-1] == "line 5: too many problems; the rest was not read"
    read = parse_users(HEADER + '\n"A"x' * 10)
    assert len(read.problems) == 3


def test_what_is_read_makes_a_directory():
    house = Directory.of(parse_users(f"{HEADER}\n{ADA}").users)
    assert house.find("ADA@example.com") == house.users["u1"]
    assert house.twins("2001") == frozenset({"+390551232001"})


@given(st.text(max_size=200) | st.text(st.sampled_from('id,name;lines=+39"\n\r20\x00'), max_size=200))
def test_any_text_is_read_without_an_exception(text):
    for start in ("", HEADER + "\n", "id,lines\n"):
        read = parse_users(start + text)
        assert all(problem.line >= 1 and problem.message for problem in read.problems)
        assert len({user.id for user in read.users}) == len(read.users)
