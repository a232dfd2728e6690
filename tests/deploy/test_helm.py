"""The chart as Helm renders it: the same objects as kustomize's, and what its values change."""

import json
import os
from pathlib import Path

import pytest
from tests.deploy.rendering import CHART, DEPLOY, Objects, kustomized, pod_templates, run_helm, templated, without

from callkeeper import __version__
from callkeeper.kinds.crd_names import NAMES

KUSTOMIZE = DEPLOY / "kustomize"
NOTHING = (None, {}, [], "")
"""Values that say nothing, in whichever way."""


def comparable(objects: Objects) -> Objects:
    """Without what only one of the two has: the namespace, Helm's annotation, and the two ways to name namespaces."""
    found = {
        key: json.loads(json.dumps(without(one, NOTHING))) for key, one in objects.items() if key[0] != "Namespace"
    }
    for key, one in found.items():
        if key[0] == "CustomResourceDefinition":
            one["metadata"].pop("annotations", None)
        if key[0] == "ValidatingWebhookConfiguration":
            one["webhooks"][0].pop("namespaceSelector", None)
        if key[:1] + key[2:] == ("Deployment", "callkeeper-operator"):
            arguments = one["spec"]["template"]["spec"]["containers"][0]["args"]
            arguments[:] = [
                text.replace("$(POD_NAMESPACE)", "callkeeper") if text.startswith("--namespace=") else text
                for text in arguments
            ]
    return found


def assert_same(ours: Objects, theirs: Objects) -> None:
    ours, theirs = comparable(ours), comparable(theirs)
    assert sorted(ours) == sorted(theirs)
    for key, one in ours.items():
        assert one == theirs[key], key


def test_the_chart_installs_what_the_base_does(helm: Path) -> None:
    assert_same(templated(helm), kustomized(KUSTOMIZE / "base"))


def test_with_namespaces_to_watch_it_installs_what_the_namespaced_variant_does(helm: Path) -> None:
    assert_same(templated(helm, "--set", "watchNamespaces={callkeeper}"), kustomized(KUSTOMIZE / "namespaced"))


def test_monitoring_is_what_the_component_adds(helm: Path, tmp_path: Path) -> None:
    added = templated(helm, "--set", "monitoring.enabled=true")
    plain = templated(helm)
    (tmp_path / "kustomization.yaml").write_text(
        f"components: [{Path(*['..'] * (len(tmp_path.parts) - 1)) / str(KUSTOMIZE / 'components/monitoring')[1:]}]\n"
    )
    assert_same({key: one for key, one in added.items() if key not in plain}, kustomized(tmp_path))


def test_cert_manager_is_what_the_component_changes(helm: Path, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{os.path.relpath(KUSTOMIZE / 'base', tmp_path)}]\n"
        f"components: [{os.path.relpath(KUSTOMIZE / 'components' / 'cert-manager', tmp_path)}]\n"
    )
    ours, theirs = templated(helm, "--set", "webhook.certManager.enabled=true"), kustomized(tmp_path)
    assert_same(ours, theirs)
    for found in (ours, theirs):
        (certificate,) = [one for (kind, _, _), one in found.items() if kind == "Certificate"]
        configuration = found["ValidatingWebhookConfiguration", "", "callkeeper"]
        injected = configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
        assert injected == f"callkeeper/{certificate['metadata']['name']}"
        assert certificate["spec"]["dnsNames"] == ["callkeeper-webhook.callkeeper.svc"]
        pod = pod_templates(found)["callkeeper-webhook"]["spec"]
        assert "--self-managed-certificates" not in pod["containers"][0]["args"]
        mounted = {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        assert certificate["spec"]["secretName"] in mounted


def test_every_namespace_watched_has_its_own_role(helm: Path) -> None:
    objects = templated(helm, "--set", "watchNamespaces={voice,sales}")
    roles = {(namespace, name) for kind, namespace, name in objects if kind == "Role"}
    assert {("voice", "callkeeper-operator"), ("sales", "callkeeper-operator")} <= roles
    assert ("voice", "callkeeper-operator-own") not in roles
    for namespace in ("voice", "sales"):
        (subject,) = objects["RoleBinding", namespace, "callkeeper-operator"]["subjects"]
        assert subject == {"kind": "ServiceAccount", "name": "callkeeper-operator", "namespace": "callkeeper"}
    arguments = pod_templates(objects)["callkeeper-operator"]["spec"]["containers"][0]["args"]
    assert [one for one in arguments if one.startswith("--namespace=")] == ["--namespace=voice", "--namespace=sales"]
    (webhook,) = objects["ValidatingWebhookConfiguration", "", "callkeeper"]["webhooks"]
    assert webhook["namespaceSelector"]["matchExpressions"][0]["values"] == ["voice", "sales"]
    assert not [
        name for kind, _, name in objects if kind == "ClusterRole" and name != "callkeeper-webhook-certificates"
    ]


def test_uninstalling_leaves_the_crds(helm: Path) -> None:
    objects = templated(helm)
    crds = [one for (kind, _, _), one in objects.items() if kind == "CustomResourceDefinition"]
    assert {one["metadata"]["name"].partition(".")[0] for one in crds} == {name.plural for name in NAMES.values()}
    assert {one["metadata"]["annotations"]["helm.sh/resource-policy"] for one in crds} == {"keep"}
    assert not [kind for kind, _, _ in templated(helm, "--set", "crds.install=false") if kind.startswith("Custom")]


def test_the_image_is_by_tag_or_by_digest(helm: Path) -> None:
    def images(*options: str) -> set[str]:
        templates = pod_templates(templated(helm, *options)).values()
        return {one["spec"]["containers"][0]["image"] for one in templates}

    digest = f"sha256:{'0' * 64}"
    assert images() == {f"callkeeper:{__version__}"}
    assert images("--set", "image.repository=r.example.com/c", "--set-string", "image.tag=1") == {"r.example.com/c:1"}
    assert images("--set-string", "image.tag=1", "--set", f"image.digest={digest}") == {f"callkeeper@{digest}"}


@pytest.mark.parametrize("part", ["operator", "webhook", "collector", "recorder"])
def test_a_part_that_is_off_leaves_nothing_behind(helm: Path, part: str) -> None:
    left = templated(helm, "--set", f"{part}.enabled=false", "--set", "monitoring.enabled=true")
    assert [key for key in left if key[0] != "CustomResourceDefinition" and part in key[2]] == []
    if part == "webhook":
        assert not [key for key in left if key[0] == "ValidatingWebhookConfiguration"]


def test_values_reach_the_pods(helm: Path) -> None:
    values = """
operator:
  replicas: 3
  nodeSelector: {disk: ssd}
  tolerations: [{key: voice, operator: Exists}]
  priorityClassName: important
  resources: {requests: {cpu: 1}}
image: {pullSecrets: [{name: registry}], pullPolicy: Always}
trustedGitops: ["system:serviceaccount:flux-system:kustomize-controller"]
clusterName: production
recorder: {storage: {className: fast, size: 1Ti}, log: sales/teams}
monitoring: {enabled: true, labels: {release: prometheus}}
"""
    objects = templated(helm, values=values, namespace="elsewhere")
    operator = objects["Deployment", "elsewhere", "callkeeper-operator"]["spec"]
    pod = operator["template"]["spec"]
    assert operator["replicas"] == 3
    assert pod["nodeSelector"] == {"disk": "ssd"}
    assert pod["tolerations"] == [{"key": "voice", "operator": "Exists"}]
    assert pod["priorityClassName"] == "important"
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    arguments = pod["containers"][0]["args"]
    assert "--trusted-gitops=system:serviceaccount:flux-system:kustomize-controller" in arguments
    assert "--cluster=production" in arguments
    recorder = objects["StatefulSet", "elsewhere", "callkeeper-recorder"]["spec"]
    assert "--log=sales/teams" in recorder["template"]["spec"]["containers"][0]["args"]
    claim = recorder["volumeClaimTemplates"][0]["spec"]
    assert claim["storageClassName"] == "fast"
    assert claim["resources"]["requests"]["storage"] == "1Ti"
    monitor = objects["ServiceMonitor", "elsewhere", "callkeeper-operator"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["metadata"]["labels"]["app.kubernetes.io/component"] == "operator"


def test_a_misspelt_value_is_refused_by_name(helm: Path) -> None:
    done = run_helm(helm, "template", "x", str(CHART), "--set", "operator.replica=3")
    assert done.returncode != 0
    assert "replica" in done.stderr


def test_helm_has_nothing_to_complain_of(helm: Path) -> None:
    done = run_helm(helm, "lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr
