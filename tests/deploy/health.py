"""What engines say of an object: Argo CD by the Lua functions that are shipped, Flux by the rules of kstatus."""

from typing import Any

import lupa
from tests.deploy.rendering import DEPLOY

GROUP = DEPLOY / "argo-cd" / "resource_customizations" / "callkeeper.dev"


def lua_value(runtime: lupa.LuaRuntime, value: Any) -> Any:
    """Plain values as Lua's tables."""
    if isinstance(value, dict):
        return runtime.table_from({key: lua_value(runtime, item) for key, item in value.items()})
    if isinstance(value, list):
        return runtime.table_from([lua_value(runtime, item) for item in value])
    return value


def health(script: str, found: dict[str, Any]) -> dict[str, Any]:
    """What Argo CD would say: the script is run with `obj`, without libraries that reach outside."""
    runtime = lupa.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    runtime.execute("os, io, require, dofile, loadfile, package, debug = nil, nil, nil, nil, nil, nil, nil")
    runtime.globals().obj = lua_value(runtime, found)
    return dict(runtime.execute(script))


def kstatus(found: dict[str, Any]) -> str:
    """The generic rules of kstatus (kubernetes-sigs/cli-utils), which need no plug-in."""
    if found["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = found.get("status", {})
    if status.get("observedGeneration", found["metadata"]["generation"]) != found["metadata"]["generation"]:
        return "InProgress"
    conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    if conditions.get("Ready") in {"False", "Unknown"}:
        return "InProgress"
    return "Current"
