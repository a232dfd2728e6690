"""Writes the Helm chart: the same objects as templates, `values.yaml` with a comment per value, and its schema."""

import json
from collections.abc import Iterable
from typing import Any

from deploy.generate import choices
from deploy.generate.bundle import Item, Scope, bundle, crds
from deploy.generate.kustomize import HEADER
from deploy.generate.values import Templates, Value

from callkeeper import __version__
from callkeeper.kinds.schema_yaml import to_yaml

FOLDER = "helm/callkeeper"

_KEEP = {"helm.sh/resource-policy": "keep"}
"""Uninstalling the chart would take the CRDs along otherwise, and with them every setting."""

_NOTES = """\
Callkeeper {{ .Chart.AppVersion }} is installed in the namespace {{ .Release.Namespace }}.

The pods wait for their Secrets until these are there:

  callkeeper secrets --namespace {{ .Release.Namespace }} --log {{ .Values.recorder.log }} \\
    --administrator you@example.com | kubectl apply --server-side -f -

What is in force, and what is not:

  kubectl callkeeper status --all-namespaces
"""


def helm_files() -> dict[str, bytes]:
    """All files by their path below deploy/."""
    files = {
        "Chart.yaml": _chart(),
        "values.yaml": _values_yaml(),
        "values.schema.json": _values_schema(),
        "templates/NOTES.txt": _NOTES,
        "templates/crds.yaml": _crds(),
    }
    by_file: dict[str, list[Item]] = {}
    for item in bundle():
        by_file.setdefault(item.file, []).append(item)
    files |= {f"templates/{name}.yaml": _templates(items) for name, items in by_file.items()}
    return {f"{FOLDER}/{path}": text.encode() for path, text in files.items()}


def _chart() -> str:
    return HEADER + to_yaml(
        {
            "apiVersion": "v2",
            "name": "callkeeper",
            "description": "The settings of a call recorder, kept in git.",
            "type": "application",
            "version": __version__,
            "appVersion": __version__,
            "kubeVersion": ">=1.30.0-0",
        }
    )


def _templates(items: Iterable[Item]) -> str:
    return HEADER + "".join(_wrapped(_text(item.object), item.flags, item.scope) for item in items)


def _crds() -> str:
    documents = []
    for found in crds():
        metadata = {**found["metadata"], "annotations": _KEEP}
        documents.append(_text({**found, "metadata": metadata}))
    return HEADER + _wrapped("".join(documents), (choices.CRDS_INSTALL,), Scope.ALWAYS)


def _text(tree: Any) -> str:
    templates = Templates()
    return "---\n" + templates.resolved(to_yaml(templates.tokens(tree)))


def _wrapped(text: str, flags: tuple[Value, ...], scope: Scope) -> str:
    watched = choices.WATCH_NAMESPACES.reference
    conditions = [flag.reference for flag in flags]
    if scope is Scope.CLUSTER:
        conditions.append(f"(not {watched})")
    if scope is Scope.NAMESPACE:
        text = f"{{{{- range {watched} }}}}\n{text}{{{{- end }}}}\n"
    if not conditions:
        return text
    condition = conditions[0] if len(conditions) == 1 else f"and {' '.join(conditions)}"
    return f"{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n"


def _values_yaml() -> str:
    lines = [HEADER + "# Every value, with its default."]
    seen: list[str] = []
    for value in _ordered():
        *groups, name = value.path.split(".")
        for depth, group in enumerate(groups):
            if seen[: depth + 1] != groups[: depth + 1]:
                lines += ["" if depth == 0 else None, f"{'  ' * depth}{group}:"]
                seen = groups[: depth + 1]
        if not groups:
            lines.append("")
        seen = groups
        indent = "  " * len(groups)
        lines.append(f"{indent}# {value.description}")
        lines += _assigned(name, value.default, indent)
    return "\n".join(line for line in lines if line is not None) + "\n"


def _assigned(name: str, default: Any, indent: str) -> list[str]:
    if isinstance(default, dict) and default:
        nested = to_yaml(default).splitlines()
        return [f"{indent}{name}:", *[f"{indent}  {line}" for line in nested]]
    return [f"{indent}{name}: {json.dumps(default)}"]


def _ordered() -> list[Value]:
    """Values with those of their group beside them, in the order in which groups first appear."""
    order: dict[str, int] = {}
    for path in choices.CHOICES:
        parts = path.split(".")
        for depth in range(1, len(parts) + 1):
            order.setdefault(".".join(parts[:depth]), len(order))
    return sorted(
        choices.CHOICES.values(),
        key=lambda value: (order[value.path.split(".")[0]], value.path.count("."), order[value.path]),
    )


def _values_schema() -> str:
    root: dict[str, Any] = _group()
    for value in choices.CHOICES.values():
        here = root
        *groups, name = value.path.split(".")
        for group in groups:
            here = here["properties"].setdefault(group, _group())
        here["properties"][name] = {"description": value.description, **value.schema}
    # Helm itself puts `global` into every chart's values.
    root["properties"]["global"] = {"type": "object"}
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", **root}, indent=2) + "\n"


def _group() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}
