import csv
import io

from hypothesis import given
from hypothesis import strategies as st
from tests.audit.making import event, read_csv

from callkeeper.audit.row import row
from callkeeper.audit.spreadsheet import made_safe

FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
TEXT = st.text(st.one_of(st.sampled_from([*FORMULA, *"\t\"',; a\n\uff21"]), st.characters()), max_size=12)


@given(
    texts=st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT), min_size=1, max_size=8),
    cut=st.integers(min_value=1, max_value=400),
)
def test_what_looks_like_a_formula_gets_an_apostrophe_and_nothing_else_changes(texts, cut):
    stored = b"".join(
        row(event(number, email=email, ip_address=address, app_name=app, details={"x": text}))
        for number, (email, address, app, text) in enumerate(texts, start=1)
    )
    chunks = [stored[begin : begin + cut] for begin in range(0, len(stored), cut)]
    safe = b"".join(made_safe(chunks))
    before, after = read_csv(stored), read_csv(safe)
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert new == [f"'{field}" if field.startswith(FORMULA) else field for field in old]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(after)
    assert sorted(read_csv(text.getvalue().encode())) == sorted(after)
