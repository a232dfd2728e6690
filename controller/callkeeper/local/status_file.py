"""`status.json`: the status of every object as of the last reconcile, for `callkeeper show` and for scripts."""

import json
from pathlib import Path
from typing import Any

from callkeeper.kinds.finding import ObjectKey
from callkeeper.local.files import write_file
from callkeeper.reconcile.status import ObjectStatus, Statuses
from callkeeper.reconcile.status_json import status_from_json, status_to_json

FILE = "status.json"
VERSION = 1


def status_json(statuses: Statuses) -> dict[str, Any]:
    """All statuses as plain JSON values, by object."""
    return {
        "version": VERSION,
        "objects": {str(key): status_to_json(status) for key, status in sorted(statuses.items())},
    }


class StatusFile:
    """Writes the file when, and only when, a status changed."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE
        try:
            self._written = self._path.read_bytes()
        except OSError:
            self._written = b""

    def write(self, statuses: Statuses) -> None:
        """Write these statuses.

        Raises:
            OSError: they cannot be written; what was there stands.
        """
        data = json.dumps(status_json(statuses), indent=1, ensure_ascii=False).encode() + b"\n"
        if data != self._written:
            write_file(self._path, data, durable=False)
            self._written = data


def read_statuses(state: Path) -> dict[ObjectKey, ObjectStatus]:
    """The statuses as last written; none where there is no file, or not one of ours."""
    try:
        value = json.loads((state / FILE).read_bytes())
        if value["version"] != VERSION:
            return {}
        return {
            ObjectKey.parse(text): status_from_json(ObjectKey.parse(text), one)
            for text, one in value["objects"].items()
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
