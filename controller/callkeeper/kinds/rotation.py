"""When a day's file of the audit log is continued in a further one: `daily`, or a size as `<n>Mi`."""

import re

MAX_ROTATION_MEBIBYTES = 10_240
"""10 GiB, about 90 million rows: beyond it a file is no longer handled in one piece."""

ROTATION_REGEX = "^(?:daily|(?:[1-9][0-9]{0,3}|10[01][0-9]{2}|102[0-3][0-9]|10240)Mi)$"
ROTATION_FORMS = f"`daily`, `<n>Mi` from 1Mi to {MAX_ROTATION_MEBIBYTES}Mi"


class RotationError(ValueError):
    """The text is neither `daily` nor a size within the bounds."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def parse_rotation(text: str) -> int | None:
    """Read after how many MiB a day's file is continued in a further one; None is never within the day.

    Raises:
        RotationError: the text is neither `daily` nor `<n>Mi` within the bounds.
    """
    # `$` also matches before a final newline here; in the schema's dialects it does not.
    if re.match(ROTATION_REGEX, text) is None or text.endswith("\n"):
        message = f"`{text[:40]}` is not a rotation ({ROTATION_FORMS})"
        raise RotationError(message)
    return None if text == "daily" else int(text.removesuffix("Mi"))
