"""What the API server's audit log says was asked of it, by whom: for tests that count writes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that was answered.

    Attributes:
        user: who asked.
        verb: `patch`.
        group: of the API; empty for the core group.
        resource: `blacklists`, with the subresource where there is one: `blacklists/status`.
        namespace: or empty.
        name: or empty.
        code: HTTP status of the answer.
        event: as the API server wrote it.
    """

    user: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    code: int
    event: dict[str, Any]

    @property
    def writes(self) -> bool:
        """Whether it may have changed something."""
        return self.verb in WRITES and "dryRun=All" not in self.event["requestURI"]


class AuditLogReader:
    """Reads the requests since it was made, or since it was last read."""

    def __init__(self, path: Path) -> None:
        """Begin at the end of the log."""
        self._path = path
        self._position = path.stat().st_size

    def requests(self) -> list[Request]:
        """The requests since then; an answer is written before it is sent."""
        with self._path.open("rb") as file:
            file.seek(self._position)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._position += len(whole)
        return list(_requests(whole))

    def writes(self, *, user: str | None = None, namespace: str | None = None) -> list[Request]:
        """Those that may have changed something, lease renewals aside."""
        return [
            request
            for request in self.requests()
            if request.writes
            and request.resource != "leases"
            and user in {None, request.user}
            and namespace in {None, request.namespace}
        ]


def _requests(data: bytes) -> Iterator[Request]:
    for line in data.splitlines():
        event = json.loads(line)
        about = event.get("objectRef", {})
        parts = (about.get("resource", ""), about.get("subresource", ""))
        yield Request(
            user=event["user"]["username"],
            verb=event["verb"],
            group=about.get("apiGroup", ""),
            resource="/".join(filter(None, parts)),
            namespace=about.get("namespace", ""),
            name=about.get("name", ""),
            code=event.get("responseStatus", {}).get("code", 0),
            event=event,
        )
