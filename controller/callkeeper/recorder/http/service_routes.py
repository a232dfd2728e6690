"""What a platform asks of any service: alive, ready, metrics."""

from datetime import timedelta

from fastapi import FastAPI
from starlette.responses import JSONResponse, Response

from callkeeper.recorder.errors import AuditFault, StorageFault
from callkeeper.recorder.http.answers import HealthAnswer, PrincipalAnswer
from callkeeper.recorder.http.documented import documented
from callkeeper.recorder.http.door import ActorOf
from callkeeper.recorder.http.rights import own_user
from callkeeper.recorder.parts import Recorder

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_LEDGER_SPAN, _AHEAD = timedelta(hours=24), timedelta(seconds=1)


def add_service_routes(app: FastAPI, recorder: Recorder) -> None:
    """Add them to the application."""
    parts = recorder.parts

    @app.get(
        "/v1/principal",
        summary="Who asks, and what their roles are",
        **documented({200: (PrincipalAnswer, "The principal")}),
    )
    async def whoami(actor: ActorOf) -> Response:
        principal = actor.principal
        user = own_user(principal, recorder.users.directory)
        return JSONResponse(
            {
                "id": principal.id,
                "email": principal.email,
                "roles": sorted(principal.roles),
                "user": None if user is None else user.id,
            }
        )

    async def alive() -> Response:
        return JSONResponse({"status": "ok", "checks": {}})

    # Under both names that platforms ask for.
    for path in ("/livez", "/healthz"):
        answers = documented({200: (HealthAnswer, "Alive")}, public=True)
        app.get(path, summary="The process answers", **answers)(alive)

    @app.get(
        "/readyz",
        summary="The recorder can do its part",
        description="A recorder without a config is ready: it has to be reached to be programmed.",
        **documented({200: (HealthAnswer, "Ready"), 503: (HealthAnswer, "Not ready; `checks` says why")}, public=True),
    )
    async def readyz() -> Response:
        checks = {"config": "ok" if recorder.programming.config is not None else "ok, none programmed yet"}
        try:
            await parts.audit.check()
            checks["audit"] = "ok"
        except AuditFault:
            # Why in detail is in the log: this answer is anybody's.
            checks["audit"] = "rows cannot be written"
        # Calls are decided and recorded all the same; their rows are written when the store takes them again.
        checks["store"] = "ok" if recorder.keeper.failure is None else "segments cannot be written"
        checks["tokens"] = "ok" if parts.principals.fault is None else "the token file cannot be used"
        # No reason to take no calls: they are decided for the users from before.
        broken = recorder.users.given_fault is not None
        checks["users"] = "ok, their file cannot be used: those before are in force" if broken else "ok"
        # Nor is this: what should expire stays, that is all.
        stopped = recorder.guard.stopped
        checks["retention"] = "ok, the clock has jumped: nothing expires until that is accepted" if stopped else "ok"
        ready = all(check.startswith("ok") for check in checks.values())
        return JSONResponse(
            {"status": "ok" if ready else "not ready", "checks": checks}, status_code=200 if ready else 503
        )

    @app.get("/metrics", summary="Prometheus metrics", **documented({200: ((PROMETHEUS,), "Prometheus text format")}))
    async def metrics() -> Response:
        now = parts.clock.now()
        try:
            outbox, ledger = await parts.store.read(
                lambda rows: (rows.outbox_size(), rows.ledger_totals(now - _LEDGER_SPAN, now + _AHEAD))
            )
        except StorageFault:
            # What is counted in memory is told all the same.
            return Response(recorder.metrics.text(), media_type=PROMETHEUS)
        return Response(recorder.metrics.text_with(outbox, ledger, now), media_type=PROMETHEUS)
