"""Writes what Argo CD needs to know the health of our kinds: a Lua function per kind, with its tests, and a ConfigMap.

The layout of `resource_customizations` is that of Argo CD's own repository, so that the folder can be offered there as
it is. The ConfigMap carries the same functions for an Argo CD that is already installed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.generate.kustomize import HEADER

from callkeeper.kinds.reading import KINDS
from callkeeper.kinds.schema_yaml import to_yaml
from callkeeper.kinds.terms import API_VERSION, GROUP

FOLDER = "argo-cd"

_LUA = """\
-- Written by `python -m deploy.generate`. The health of a {kind}: whether it is in force, and if not, why.
-- `Stalled` means that nothing happens until somebody acts; `Ready` that the recorder runs what the object says.
if obj.metadata.deletionTimestamp ~= nil then
  return {{ status = "Progressing", message = "Being deleted" }}
end
{suspend}local conditions = {{}}
if obj.status ~= nil then
  if obj.status.observedGeneration ~= nil and obj.metadata.generation ~= nil
      and obj.status.observedGeneration ~= obj.metadata.generation then
    return {{ status = "Progressing", message = "The operator has not seen this generation yet" }}
  end
  for _, condition in ipairs(obj.status.conditions or {{}}) do
    conditions[condition.type] = condition
  end
end
local ready, stalled, reconciling = conditions.Ready, conditions.Stalled, conditions.Reconciling
if ready == nil then
  return {{ status = "Progressing", message = "The operator has not seen this object yet" }}
end
local message = ready.reason .. ": " .. (ready.message or "")
if ready.status == "True" then
  return {{ status = "Healthy", message = ready.message }}
end
if ready.reason == "Suspended" then
  return {{ status = "Suspended", message = message }}
end
if stalled ~= nil and stalled.status == "True" then
  return {{ status = "Degraded", message = message }}
end
if ready.status == "Unknown" or (reconciling ~= nil and reconciling.status == "True") then
  return {{ status = "Progressing", message = message }}
end
return {{ status = "Degraded", message = message }}
"""

_SUSPEND = """\
if obj.spec ~= nil and obj.spec.suspend == true then
  return { status = "Suspended", message = "spec.suspend is true: the recorder is left as it is" }
end
"""

_SINCE = "2026-10-01T08:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A test of the health function.

    Attributes:
        name: of the file.
        health: what Argo CD is to say.
        message: likewise.
        conditions: of the object, as (type, status, reason, message).
        metadata: more of it.
        spec: more of it.
        observed: generation that the status speaks of; the object's is 2; None where there is no such field yet.
    """

    name: str
    health: str
    message: str
    conditions: tuple[tuple[str, str, str, str], ...]
    metadata: Mapping[str, Any] | None = None
    spec: Mapping[str, Any] | None = None
    observed: int | None = 2


_UNSEEN = "The operator has not seen this object yet"
_CONFLICT = "another object of this kind, default, is in force for this recorder"
_UNREACHABLE = "the recorder cannot be reached"


def cases(kind: str) -> Iterator[Case]:
    """The tests of a kind."""
    yield Case(
        name="unseen",
        health="Progressing",
        message=f"Pending: {_UNSEEN}",
        conditions=(("Ready", "Unknown", "Pending", _UNSEEN), ("Reconciling", "True", "Pending", _UNSEEN)),
        observed=None,
    )
    yield Case(
        name="in-force",
        health="Healthy",
        message="nothing is amiss",
        conditions=(("Ready", "True", "Ready", "nothing is amiss"),),
    )
    yield Case(
        name="changed-since",
        health="Progressing",
        message="The operator has not seen this generation yet",
        conditions=(("Ready", "True", "Ready", "nothing is amiss"),),
        observed=1,
    )
    yield Case(
        name="unreachable",
        health="Progressing",
        message=f"Unreachable: {_UNREACHABLE}",
        conditions=(
            ("Ready", "False", "Unreachable", _UNREACHABLE),
            ("Reconciling", "True", "Unreachable", _UNREACHABLE),
        ),
    )
    yield Case(
        name="stalled",
        health="Degraded",
        message=f"Conflicted: {_CONFLICT}",
        conditions=(("Ready", "False", "Conflicted", _CONFLICT), ("Stalled", "True", "Conflicted", _CONFLICT)),
    )
    yield Case(
        name="deleting",
        health="Progressing",
        message="Being deleted",
        conditions=(("Ready", "True", "Ready", "nothing is amiss"),),
        metadata={"deletionTimestamp": _SINCE, "finalizers": ["example.com/held"]},
    )
    if kind == "Recorder":
        yield Case(
            name="suspended",
            health="Suspended",
            message="spec.suspend is true: the recorder is left as it is",
            conditions=(("Ready", "False", "Suspended", "spec.suspend is true"),),
            spec={"suspend": True},
        )
    else:
        yield Case(
            name="recorder-suspended",
            health="Suspended",
            message="Suspended: the Recorder is suspended",
            conditions=(("Ready", "False", "Suspended", "the Recorder is suspended"),),
        )


def health_lua(kind: str) -> str:
    """The function of a kind."""
    return _LUA.format(kind=kind, suspend=_SUSPEND if kind == "Recorder" else "")


def argo_cd_files() -> dict[str, bytes]:
    """All files by their path below deploy/."""
    files: dict[str, str] = {}
    for kind in KINDS:
        folder = f"{FOLDER}/resource_customizations/{GROUP}/{kind}"
        files[f"{folder}/health.lua"] = health_lua(kind)
        tests = []
        for case in cases(kind):
            path = f"testdata/{case.name}.yaml"
            tests.append({"healthStatus": {"status": case.health, "message": case.message}, "inputPath": path})
            files[f"{folder}/{path}"] = HEADER + to_yaml(_object(kind, case))
        files[f"{folder}/health_test.yaml"] = HEADER + to_yaml({"tests": tests})
    files[f"{FOLDER}/argocd-cm.yaml"] = _config_map()
    return {path: text.encode() for path, text in files.items()}


def _object(kind: str, case: Case) -> dict[str, Any]:
    status: dict[str, Any] = {} if case.observed is None else {"observedGeneration": case.observed}
    status["conditions"] = [
        {"type": what, "status": answer, "reason": reason, "message": message, "lastTransitionTime": _SINCE}
        for what, answer, reason, message in case.conditions
    ]
    reference = {} if kind == "Recorder" else {"recorderRef": {"name": "teams"}}
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": "sample", "namespace": "voice", "generation": 2, **(case.metadata or {})},
        "spec": {**reference, **(case.spec or {})},
        "status": status,
    }


def _config_map() -> str:
    """For `kubectl patch`: the keys are added to those that are there."""
    lines = [
        HEADER + "# kubectl --namespace argocd patch configmap argocd-cm --patch-file deploy/argo-cd/argocd-cm.yaml",
        "data:",
    ]
    for kind in KINDS:
        lines.append(f"  resource.customizations.health.{GROUP}_{kind}: |")
        lines += [f"    {line}" for line in health_lua(kind).splitlines()]
    return "\n".join(lines) + "\n"
