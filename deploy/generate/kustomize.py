"""Writes the kustomize side: `base` (the whole cluster), `namespaced` (its own namespace alone), and components.

`namespaced` has the same files with narrower permissions, as a build of its own: what would have to be taken out of the
base by patches is longer than what is left.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from deploy.generate import choices, names, parts
from deploy.generate.bundle import Item, Scope, bundle, crds, namespace
from deploy.generate.values import plain

from callkeeper.kinds.schema_yaml import to_yaml

HEADER = "# Written by `python -m deploy.generate` from deploy/generate; edit there.\n"

FOLDER = "kustomize"
_KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
_COMPONENT = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}

GITOPS_ACCOUNTS = {
    "argo-cd": "system:serviceaccount:argocd:argocd-application-controller",
    "flux": "system:serviceaccount:flux-system:kustomize-controller",
}
"""Under which account each engine applies, where it is installed as its own documentation says."""


def kustomize_files() -> dict[str, bytes]:
    """All files by their path below deploy/."""
    files: dict[str, bytes] = {}
    _add(files, "crds", {"crds": crds()}, {})
    for variant, own_namespace_only in (("base", False), ("namespaced", True)):
        items = [
            item
            for item in bundle(own_namespace_only=own_namespace_only)
            if _belongs(item, Scope.NAMESPACE if own_namespace_only else Scope.CLUSTER)
        ]
        contents: dict[str, list[Any]] = {"namespace": [namespace()]}
        for item in items:
            contents.setdefault(item.file, []).append(item.object)
        # The namespace is also in every object, so that a reader sees it; this is where an overlay changes it.
        _add(files, variant, contents, {"namespace": choices.NAMESPACE.plain}, before=["../crds"])
    for engine, account in GITOPS_ACCOUNTS.items():
        files[f"{FOLDER}/components/{engine}/kustomization.yaml"] = _text(
            [{**_COMPONENT, "patches": [_added_argument(f"--trusted-gitops={account}")]}]
        )
    certificate = [item.object for item in bundle() if choices.CERT_MANAGER in item.flags]
    _add(
        files,
        "components/cert-manager",
        {"certificate": certificate},
        {"patches": _given_certificate()},
        of=_COMPONENT,
    )
    monitoring = [item.object for item in bundle() if choices.MONITORING in item.flags]
    if monitoring:
        _add(files, "components/monitoring", {"monitoring": monitoring}, {}, of=_COMPONENT)
    return files


def _belongs(item: Item, scope: Scope) -> bool:
    return item.scope in {Scope.ALWAYS, scope} and not {choices.MONITORING.path, choices.CERT_MANAGER.path} & {
        flag.path for flag in item.flags
    }


def _add(
    files: dict[str, bytes],
    folder: str,
    contents: Mapping[str, Iterable[Any]],
    more: Mapping[str, Any],
    *,
    before: Iterable[str] = (),
    of: Mapping[str, Any] = _KUSTOMIZATION,
) -> None:
    for name, objects in contents.items():
        files[f"{FOLDER}/{folder}/{name}.yaml"] = _text(objects)
    resources = [*before, *[f"{name}.yaml" for name in contents]]
    files[f"{FOLDER}/{folder}/kustomization.yaml"] = _text([{**of, **more, "resources": resources}])


def _added_argument(argument: str) -> dict[str, Any]:
    return {
        "target": {"kind": "Deployment", "name": names.OPERATOR},
        "patch": (f"- op: add\n  path: /spec/template/spec/containers/0/args/-\n  value: {argument}\n"),
    }


def _given_certificate() -> list[dict[str, Any]]:
    """What changes in the base when cert-manager issues the webhook's certificate."""
    (pod,) = (item.object for item in bundle() if item.object["kind"] == "Deployment" and item.file == "webhook")
    arguments = plain(pod["spec"]["template"]["spec"]["containers"][0]["args"])
    first = arguments.index(parts.OWN_CERTIFICATES[0])
    arguments[first : first + len(parts.OWN_CERTIFICATES)] = parts.GIVEN_CERTIFICATE
    listed = "".join(f"  - {argument}\n" for argument in arguments)
    authority = f"{choices.NAMESPACE.plain}/{names.WEBHOOK}"
    return [
        {
            "target": {"kind": "Deployment", "name": names.WEBHOOK},
            "patch": f"- op: replace\n  path: /spec/template/spec/containers/0/args\n  value:\n{listed}",
        },
        {
            "target": {"kind": "ValidatingWebhookConfiguration", "name": names.WEBHOOK_CONFIGURATION},
            "patch": f"- op: add\n  path: /metadata/annotations\n  value:\n    {parts.INJECTED}: {authority}\n",
        },
    ]


def _text(objects: Iterable[Any]) -> bytes:
    return (HEADER + "---\n".join(to_yaml(plain(found)) for found in objects)).encode()
