"""How far long work has come, in one line that is rewritten: only where somebody looks at a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def shown(text: Callable[[], str]) -> Iterator[None]:
    """Show this on standard error while the block runs, and take it away at its end.

    Args:
        text: what to show now; asked for four times a second, in another thread.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.live import Live  # noqa: PLC0415 - likewise
    from rich.text import Text  # noqa: PLC0415 - likewise

    with Live(get_renderable=lambda: Text(text()), console=Console(stderr=True), refresh_per_second=4, transient=True):
        yield
