"""Rows that the command line writes into a log itself, as its writer for a moment, when nobody else writes it."""

from __future__ import annotations

import getpass
import os

SENDER = "cli"
"""Under this name the command line numbers them."""

LOOPBACK = "127.0.0.1"
"""Where somebody is who works on the machine itself."""


def who() -> str:
    """The user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return f"system:uid-{os.getuid()}"
