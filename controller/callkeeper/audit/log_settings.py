"""How a log is kept: what `AuditLog` says, as a value the store takes and keeps beside its rows.

Kept in `settings.json`, so that a store goes on under them when it is opened without anybody to tell it.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from callkeeper.audit.disk import Disk, create_complete
from callkeeper.audit.errors import SettingsError
from callkeeper.audit.layout import SETTINGS
from callkeeper.kinds.duration import DurationError, parse_audit_retention
from callkeeper.kinds.rotation import RotationError, parse_rotation

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """How a log is kept.

    Attributes:
        rotation: `daily`, or `<n>Mi`: after so many MiB a day's rows go on in a further file.
        retention: `forever`, or `<n>d`: whole days older than that are deleted.
        application_name: AppName of the rows the store writes itself.
        compress_closed: closed files are compressed.
    """

    rotation: str = "daily"
    retention: str = "forever"
    application_name: str = "callkeeper"
    compress_closed: bool = False

    def __post_init__(self) -> None:
        try:
            parse_rotation(self.rotation)
            parse_audit_retention(self.retention)
        except (RotationError, DurationError) as error:
            raise SettingsError(str(error)) from error
        if not self.application_name or not self.application_name.isprintable():
            raise SettingsError("the application name must be printable and not empty")

    @property
    def rotation_bytes(self) -> int | None:
        """After how many bytes a file is continued in a further one; None: with the day only."""
        mebibytes = parse_rotation(self.rotation)
        return None if mebibytes is None else mebibytes * _MEBIBYTE

    @property
    def kept(self) -> timedelta | None:
        """How long a day is kept; None: for ever."""
        return parse_audit_retention(self.retention)

    def save(self, folder: Path, disk: Disk) -> None:
        """Keep them beside the rows.

        Raises:
            OSError: they could not be written; what was kept before is.
        """
        content = {
            "rotation": self.rotation,
            "retention": self.retention,
            "applicationName": self.application_name,
            "compressClosed": self.compress_closed,
        }
        create_complete(disk, folder / SETTINGS, json.dumps(content).encode() + b"\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What was kept; the defaults where nothing was.

        Raises:
            SettingsError: what lies there cannot be read.
            OSError: likewise.
        """
        path = folder / SETTINGS
        if not path.exists():
            return cls()
        try:
            content = json.loads(path.read_bytes())
            return cls(
                rotation=str(content["rotation"]),
                retention=str(content["retention"]),
                application_name=str(content["applicationName"]),
                compress_closed=content["compressClosed"] is True,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SettingsError(f"{path} is not readable as settings: {error}") from error
