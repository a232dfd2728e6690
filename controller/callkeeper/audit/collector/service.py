"""What a platform asks of any service: alive, ready, metrics. Nobody needs a token for the first two."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from callkeeper.audit.collector.door import Asked, Principals
from callkeeper.audit.collector.logs import Logs
from callkeeper.audit.collector.metrics import Metrics

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class ServiceRoutes:
    """The handlers."""

    def __init__(self, logs: Logs, metrics: Metrics, principals: Principals) -> None:
        self._logs = logs
        self._metrics = metrics
        self._principals = principals

    async def healthz(self, _request: Request) -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok", "checks": {}})

    async def readyz(self, _request: Request) -> Response:
        """The collector can do its part. One log that fails is no reason to take no rows for the others."""
        opened = self._logs.open_logs()
        failed = sum(log.failure is not None for log in opened)
        checks = {
            "folder": "ok" if self._logs.folder.is_dir() else "the folder is not there",
            "tokens": "ok" if self._principals.fault is None else "the token file cannot be used",
            "logs": f"ok, {failed} of {len(opened)} take no rows" if failed else "ok",
        }
        if opened and failed == len(opened):
            checks["logs"] = "no log takes rows"
        ready = all(check.startswith("ok") for check in checks.values())
        return JSONResponse(
            {"status": "ok" if ready else "not ready", "checks": checks}, status_code=200 if ready else 503
        )

    async def metrics(self, _asked: Asked) -> Response:
        """Prometheus' text format."""
        return Response(self._metrics.text(), media_type=PROMETHEUS)
