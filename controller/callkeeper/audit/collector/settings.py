"""How a log is kept, as the operator puts it (`AuditLog`), and where that stands: `settings.json` in its folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callkeeper.audit.collector.wire import WireError, read_object
from callkeeper.audit.disk import LocalDisk, create_complete
from callkeeper.kinds.duration import DurationError, parse_audit_retention
from callkeeper.kinds.rotation import RotationError, parse_rotation

FILE = "settings.json"
MAX_APPLICATION_NAME = 64
"""Characters, as the kind `AuditLog` has it."""

_MEMBERS = frozenset({"rotation", "retention", "applicationName"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """How a log is kept.

    Attributes:
        rotation: `daily`, or `<n>Mi`.
        retention: `forever`, or `<n>d`.
        application_name: AppName of the rows the collector writes itself.
    """

    rotation: str = "daily"
    retention: str = "forever"
    application_name: str = "callkeeper"

    def to_json(self) -> dict[str, Any]:
        """As they are sent."""
        return {"rotation": self.rotation, "retention": self.retention, "applicationName": self.application_name}

    @classmethod
    def from_json(cls, value: Any) -> "LogSettings":
        """As they were received; what is absent has its default.

        Raises:
            WireError: a member is something else.
        """
        texts = read_object(value, frozenset(), _MEMBERS)
        if not all(isinstance(text, str) for text in texts.values()):
            raise WireError("`rotation`, `retention` and `applicationName` are texts")
        settings = cls(
            rotation=texts.get("rotation", "daily"),
            retention=texts.get("retention", "forever"),
            application_name=texts.get("applicationName", "callkeeper"),
        )
        try:
            parse_rotation(settings.rotation)
            parse_audit_retention(settings.retention)
        except (RotationError, DurationError) as error:
            raise WireError(error.message) from error
        if (
            not 1 <= len(settings.application_name) <= MAX_APPLICATION_NAME
            or not settings.application_name.isprintable()
        ):
            raise WireError(f"`applicationName` is not 1 to {MAX_APPLICATION_NAME} printable characters")
        return settings


def keep_settings(folder: Path, settings: LogSettings) -> None:
    """Keep them beside the rows.

    Raises:
        OSError: they could not be written; what was kept before is.
    """
    content = {**settings.to_json(), "compressClosed": False}
    create_complete(LocalDisk(), folder / FILE, json.dumps(content).encode() + b"\n")
