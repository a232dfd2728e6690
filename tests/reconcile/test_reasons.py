"""Every condition and reason is documented."""

import inspect
from pathlib import Path

import pytest

from callkeeper.policy.compile import AcceptedReason
from callkeeper.reconcile.reasons import ConditionType, Reason

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "conditions.md"


@pytest.mark.parametrize("word", [*ConditionType, *Reason, *AcceptedReason])
def test_it_stands_on_the_page_and_in_its_docstring(word):
    assert f"| `{word.value}` |" in PAGE.read_text()
    assert f"{word.name}:" in (inspect.getdoc(type(word)) or "")
