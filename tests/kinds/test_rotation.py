"""The words for rotation, and the expression that holds the same bounds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.kinds.rotation import ROTATION_REGEX, RotationError, parse_rotation


def test_daily_has_no_size():
    assert parse_rotation("daily") is None


@given(st.integers(0, 20_000))
def test_the_expression_holds_the_bounds_exactly(size: int):
    text = f"{size}Mi"
    assert (re.fullmatch(ROTATION_REGEX, text) is not None) is (1 <= size <= 10_240)
    if 1 <= size <= 10_240:
        assert parse_rotation(text) == size
    else:
        with pytest.raises(RotationError, match=re.escape(f"`{text}` is not a rotation (`daily`")):
            parse_rotation(text)
