"""The kustomize base as `kubectl` renders it: what an installation promises."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from deploy.generate.choices import CHOICES
from tests.deploy.rendering import DEPLOY, Objects, kustomized, pod_templates
from tests.deploy.running import grants

BASE = DEPLOY / "kustomize" / "base"
NAMESPACED = DEPLOY / "kustomize" / "namespaced"
ADMIT = "/v1/admit"
OVER_ONE_VOLUME = {"callkeeper-collector", "callkeeper-recorder"}


@pytest.fixture(scope="module")
def base() -> Objects:
    return kustomized(BASE)


@pytest.fixture(scope="module")
def namespaced() -> Objects:
    return kustomized(NAMESPACED)


def test_operator_and_webhook_run_twice_the_others_once(base: Objects) -> None:
    workloads = {"Deployment", "StatefulSet"}
    replicas = {name: found["spec"]["replicas"] for (kind, _, name), found in base.items() if kind in workloads}
    assert replicas == {
        "callkeeper-operator": 2,
        "callkeeper-webhook": 2,
        "callkeeper-collector": 1,
        "callkeeper-recorder": 1,
    }


def test_what_has_one_volume_has_no_disruption_budget_and_no_rolling_deployment(base: Objects) -> None:
    assert {name for kind, _, name in base if kind == "PodDisruptionBudget"} == {
        "callkeeper-operator",
        "callkeeper-webhook",
    }
    for name in OVER_ONE_VOLUME:
        found = base["StatefulSet", "callkeeper", name]["spec"]
        (claim,) = found["volumeClaimTemplates"]
        assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
        mounts = {one["name"] for one in found["template"]["spec"]["containers"][0]["volumeMounts"]}
        assert "data" in mounts


def test_the_webhook_configuration_names_no_certificate_and_never_blocks_for_long(base: Objects) -> None:
    (webhook,) = base["ValidatingWebhookConfiguration", "", "callkeeper"]["webhooks"]
    assert "caBundle" not in webhook["clientConfig"]
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["timeoutSeconds"] <= 5
    assert webhook["sideEffects"] == "NoneOnDryRun"
    assert len(webhook["rules"][0]["resources"]) == 8
    assert not any("/" in resource for resource in webhook["rules"][0]["resources"]), "status is the operator's"


def test_every_pod_has_a_read_only_root_and_no_rights(base: Objects) -> None:
    templates = pod_templates(base)
    assert len(templates) == 4
    for template in templates.values():
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert {"requests", "limits"} == set(container["resources"])
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)


def test_who_never_speaks_to_the_api_server_has_no_token_and_no_role(base: Objects) -> None:
    bound = {
        subject["name"] for (kind, _, _), found in base.items() if "Binding" in kind for subject in found["subjects"]
    }
    assert bound == {"callkeeper-operator", "callkeeper-webhook"}
    for name in OVER_ONE_VOLUME:
        template = base["StatefulSet", "callkeeper", name]["spec"]["template"]
        assert template["spec"]["automountServiceAccountToken"] is False
        assert base["ServiceAccount", "callkeeper", name]["automountServiceAccountToken"] is False


def test_no_secret_is_in_the_manifests_and_those_asked_for_are_mounted_whole(
    base: Objects, namespaced: Objects
) -> None:
    for objects in (base, namespaced):
        assert not [name for kind, _, name in objects if kind == "Secret"]
    arguments = [
        argument
        for template in pod_templates(base).values()
        for argument in template["spec"]["containers"][0]["args"]
        if "/etc/callkeeper/" in argument
    ]
    assert len(arguments) >= 8
    for template in pod_templates(base).values():
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        container = template["spec"]["containers"][0]
        paths = [mount["mountPath"] for mount in container["volumeMounts"]]
        files = [argument.partition("=")[2] for argument in container["args"] if "/etc/callkeeper/" in argument]
        assert all(any(file.startswith(f"{path}/") for path in paths) for file in files)
        # Files of a Secret belong to root; they are read by the group, and by nobody else.
        assert {one["secret"]["defaultMode"] for one in volumes.values() if "secret" in one} <= {0o440}


def test_every_part_is_selected_by_its_service_its_policy_and_nothing_else(base: Objects) -> None:
    labels = {name: template["metadata"]["labels"] for name, template in pod_templates(base).items()}
    assert len({tuple(one.items()) for one in labels.values()}) == 4
    for name, found in labels.items():
        assert base["Service", "callkeeper", name]["spec"]["selector"] == found
        assert base["NetworkPolicy", "callkeeper", name]["spec"]["podSelector"]["matchLabels"] == found


def test_ports_of_containers_services_and_policies_agree(base: Objects) -> None:
    for name, template in pod_templates(base).items():
        container = template["spec"]["containers"][0]
        ports = {port["containerPort"] for port in container["ports"]}
        assert {one["targetPort"] for one in base["Service", "callkeeper", name]["spec"]["ports"]} == ports
        let_in = base["NetworkPolicy", "callkeeper", name]["spec"]["ingress"]
        assert {one["port"] for rule in let_in for one in rule["ports"]} == ports
        listening = [one for one in container["args"] if "listen=" in one]
        assert {int(one.rpartition(":")[2]) for one in listening} == ports
        assert all("listen=0.0.0.0:" in one for one in listening)
        probed = {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert probed <= ports


def test_the_webhook_tells_every_operator_by_one_name(base: Objects) -> None:
    arguments = pod_templates(base)["callkeeper-webhook"]["spec"]["containers"][0]["args"]
    assert [one for one in arguments if one.startswith("--operator=")] == ["--operator=http://callkeeper-operator:8472"]
    service = base["Service", "callkeeper", "callkeeper-operator"]["spec"]
    assert service["clusterIP"] == "None"
    assert service["publishNotReadyAddresses"] is True
    assert "--certificate-name=callkeeper-webhook.$(POD_NAMESPACE).svc" in arguments
    (webhook,) = base["ValidatingWebhookConfiguration", "", "callkeeper"]["webhooks"]
    assert webhook["clientConfig"]["service"]["path"] == ADMIT


def test_the_namespaced_variant_reads_no_other_namespace(namespaced: Objects) -> None:
    arguments = namespaced["Deployment", "callkeeper", "callkeeper-operator"]["spec"]["template"]["spec"]
    assert "--namespace=$(POD_NAMESPACE)" in arguments["containers"][0]["args"]
    rules = [rule for (kind, _, _), found in namespaced.items() if kind == "ClusterRole" for rule in found["rules"]]
    # A ValidatingWebhookConfiguration has no namespace; the webhook keeps its own, by name.
    assert [(rule["resources"], rule.get("resourceNames")) for rule in rules] == [
        (["validatingwebhookconfigurations"], ["callkeeper"])
    ]


@pytest.mark.parametrize("account", ["callkeeper-operator", "callkeeper-webhook"])
def test_both_variants_allow_the_same_in_less_places(account: str, base: Objects, namespaced: Objects) -> None:
    everywhere, here = grants(base, account), grants(namespaced, account)
    assert {(one.permission, one.names) for one in here} == {(one.permission, one.names) for one in everywhere}
    assert {one.permission for one in here if one.namespace == ""} <= {
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations", verb) for verb in ("get", "patch")
    }


def test_no_role_has_a_wildcard_or_may_list_secrets(base: Objects, namespaced: Objects) -> None:
    for objects in (base, namespaced):
        roles = [found for (kind, _, _), found in objects.items() if kind in {"ClusterRole", "Role"}]
        assert roles
        for rule in (rule for role in roles for rule in role["rules"]):
            assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]
            if "secrets" in rule["resources"]:
                assert not {"list", "watch", "delete", "deletecollection"} & set(rule["verbs"])


def overlay(folder: Path, **fields: list[str] | str) -> Objects:
    """What an overlay renders that stands in another folder; `resources` and the like are paths."""
    text = "".join(
        f"{name}: {json.dumps([os.path.relpath(one, folder) for one in value] if isinstance(value, list) else value)}\n"
        for name, value in fields.items()
    )
    (folder / "kustomization.yaml").write_text(text)
    return kustomized(folder)


def namespaces_named(tree: Any, key: str = "") -> set[str]:
    """Every namespace that a tree names, wherever."""
    if isinstance(tree, dict):
        return {name for field, item in tree.items() for name in namespaces_named(item, field)}
    if isinstance(tree, list):
        return {name for item in tree for name in namespaces_named(item, key)}
    return {tree} if key == "namespace" else set()


@pytest.mark.parametrize("variant", [BASE, NAMESPACED])
def test_an_overlay_moves_everything_into_another_namespace(variant: Path, tmp_path: Path) -> None:
    moved = overlay(tmp_path, namespace="elsewhere", resources=[str(variant)])
    assert {namespace for _, namespace, _ in moved} == {"elsewhere", ""}
    settled = [found for key, found in moved.items() if key[0] != "CustomResourceDefinition"]
    assert namespaces_named(settled) == {"elsewhere"}
    labels = moved["Namespace", "", "elsewhere"]["metadata"]["labels"]
    (webhook,) = moved["ValidatingWebhookConfiguration", "", "callkeeper"]["webhooks"]
    assert webhook["namespaceSelector"].get("matchLabels", {}).items() <= labels.items()


@pytest.mark.parametrize(("engine", "account"), [("argo-cd", "argocd-application-controller"), ("flux", "kustomize")])
def test_a_component_lets_an_engine_name_the_author(engine: str, account: str, tmp_path: Path) -> None:
    component = DEPLOY / "kustomize" / "components" / engine
    found = overlay(tmp_path, resources=[str(BASE)], components=[str(component)])
    template = found["Deployment", "callkeeper", "callkeeper-operator"]["spec"]["template"]
    arguments = template["spec"]["containers"][0]["args"]
    assert any("--trusted-gitops=" in one and account in one for one in arguments)


def test_nobody_is_trusted_by_default() -> None:
    assert CHOICES["trustedGitops"].default == []
