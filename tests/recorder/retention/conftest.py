"""Every row that our own code writes here is one the taxonomy documents."""

import pytest
from tests.audit.documented import hold_straight_rows


@pytest.fixture(autouse=True)
def _documented(monkeypatch: pytest.MonkeyPatch) -> None:
    hold_straight_rows(monkeypatch)
