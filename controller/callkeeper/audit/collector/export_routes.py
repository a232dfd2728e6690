"""What the operator asks of exports that stay on the volume."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from starlette.responses import JSONResponse, Response

from callkeeper.audit.collector import bounds
from callkeeper.audit.collector.answers import ExportState, ExportStatus
from callkeeper.audit.collector.bodies import declared_size, read_body
from callkeeper.audit.collector.door import Asked
from callkeeper.audit.collector.export_request import ExportRequest
from callkeeper.audit.collector.exports import Exports
from callkeeper.audit.collector.logs import Logs, UnknownLog
from callkeeper.audit.collector.names import LogName
from callkeeper.audit.collector.problems import Problem
from callkeeper.audit.collector.wire import read_json


class ExportRoutes:
    """The handlers."""

    def __init__(self, logs: Logs, now: Callable[[], datetime]) -> None:
        self._logs = logs
        self._now = now
        self._exports: dict[LogName, Exports] = {}

    async def put_export(self, asked: Asked) -> Response:
        """Have a file made."""
        name = asked.log_name()
        declared_size(asked.request, bounds.BODY_BYTES)
        request = ExportRequest.from_json(read_json(await read_body(asked.request, bounds.BODY_BYTES)))
        exports = self._of(name)
        return _shown(await exports.put(asked.request.path_params["name"], request))

    async def get_export(self, asked: Asked) -> Response:
        """How it is."""
        name, export = asked.log_name(), asked.request.path_params["name"]
        try:
            found = await self._of(name).get(export)
        except UnknownLog:
            found = None
        if found is None:
            raise Problem("unknown-export", f"the log {name} has no export of this name")
        return _shown(found)

    async def delete_export(self, asked: Asked) -> Response:
        """Take it away with its file."""
        name, export = asked.log_name(), asked.request.path_params["name"]
        with suppress(UnknownLog):
            await self._of(name).delete(export)
        return Response(status_code=204)

    async def close(self) -> None:
        """Stop what is under way."""
        for exports in self._exports.values():
            await exports.close()

    def _of(self, name: LogName) -> Exports:
        found = self._exports.get(name)
        if found is None:
            found = self._exports[name] = Exports(self._logs.get(name, make=False), self._now)
        return found


def _shown(status: ExportStatus) -> Response:
    return JSONResponse(status.to_json(), status_code=202 if status.state is ExportState.PENDING else 200)
