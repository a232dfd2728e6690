"""The grammar of `callkeeper.dev/confirm`. What is refused, and how it is said, stands in the corpus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.kinds.confirmation import Confirmation, ConfirmationError, parse_confirmation

LONG = "retention=forever->90d extraRetention=365d->disabled shortens<=5200 deletes<=1300 holds<=4"


def test_the_line_of_the_reference_is_read():
    assert parse_confirmation(LONG) == Confirmation(
        retention=("forever", "90d"), extra_retention=("365d", "disabled"), shortens=5200, deletes=1300, holds=4
    )


@pytest.mark.parametrize(
    "text", [LONG, "removes<=1200", "auditRetention=forever->90d", "changes<=12%", "removes<=1 changes<=0%"]
)
def test_a_canonical_text_is_its_own_text(text: str):
    assert parse_confirmation(text).text() == text


def test_order_and_spaces_do_not_matter():
    jumbled = "  holds<=4 deletes<=1300   shortens<=5200 extraRetention=365d->disabled retention=forever->90d "
    assert parse_confirmation(jumbled).text() == LONG


def test_an_unchanged_retention_is_left_out():
    read = parse_confirmation("extraRetention=365d->30d shortens<=0 deletes<=0 holds<=2")
    assert (read.retention, read.parts) == (None, ("extraRetention", "shortens", "deletes", "holds"))


retentions = st.sampled_from(["forever", "1h", "90d", "36500d", "876000h"])
extras = st.sampled_from(["disabled", "unlimited", "30d"])
counts = st.integers(0, 10**12 - 1)


@st.composite
def confirmations(draw: st.DrawFn) -> Confirmation:
    def change(words: st.SearchStrategy[str]) -> tuple[str, str] | None:
        pair = draw(st.none() | st.tuples(words, words))
        return pair if pair is not None and pair[0] != pair[1] else None

    retention, extra = change(retentions), change(extras)
    bounds = [draw(counts) if retention or extra else None for _ in range(3)]
    return Confirmation(
        retention=retention,
        extra_retention=extra,
        audit_retention=change(st.sampled_from(["forever", "1d"])),
        shortens=bounds[0],
        deletes=bounds[1],
        holds=bounds[2],
        removes=draw(st.none() | counts),
        changes_percent=draw(st.none() | st.integers(0, 100)),
    )


@given(confirmations())
def test_every_confirmation_is_read_back(confirmation: Confirmation):
    if confirmation == Confirmation():
        with pytest.raises(ConfirmationError, match="empty"):
            parse_confirmation(confirmation.text())
    else:
        assert parse_confirmation(confirmation.text()) == confirmation


@given(st.text() | st.text(alphabet="removes<=>-0123 d%"))
def test_anything_else_is_refused_with_a_message_and_nothing_worse(text: str):
    try:
        parse_confirmation(text)
    except ConfirmationError as error:
        assert error.message  # noqa: PT017 - most texts are no confirmation, a few are
