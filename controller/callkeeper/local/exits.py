"""How `callkeeper up` and `callkeeper recorder serve` end when they cannot run: one error, one exit code each.

docs/reference/up.md lists them.
"""

EXIT_COULD_NOT_RUN = 2
"""Wrong usage, or the settings folder is not there at the start."""

EXIT_STATE_LOCKED = 3
"""Another process works on this state folder."""

EXIT_PORT_TAKEN = 4
"""Something else listens on the port."""

EXIT_STATE_UNUSABLE = 5
"""The state folder cannot be made, read or written: rights, a full disk, damage."""

EXIT_NOT_IN_FORCE = 1
"""With `--once`: what the folder says is not (all) in force."""


class CannotRun(Exception):  # noqa: N818 - says what is the matter, not that it is an error
    """The process cannot start or go on.

    Attributes:
        message: what failed, and what to do next.
        exit_code: one of those above.
    """

    def __init__(self, message: str, exit_code: int = EXIT_COULD_NOT_RUN) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
