"""The four parts: what each runs, is told and mounts. The options are those of the commands (docs/reference/cli.md)."""

from typing import Any

from deploy.generate import choices, names
from deploy.generate.choices import NAMESPACE, OWN_NAMESPACE
from deploy.generate.names import metadata
from deploy.generate.pods import Pod, deployment, secret_file, service, stateful_set
from deploy.generate.values import Either, Expression, each, join

from callkeeper.kinds.crd_names import NAMES
from callkeeper.kinds.terms import GROUP, VERSION
from callkeeper.local import installation_secrets as waited_for

COLLECTOR_URL = f"http://{names.COLLECTOR}:{names.COLLECTOR_PORT}"

ADMISSION_PATH = "/v1/admit"
"""Where the webhook takes admission requests."""


OWN_CERTIFICATES = (
    "--self-managed-certificates",
    f"--certificate-name={names.WEBHOOK}.{OWN_NAMESPACE}.svc",
    f"--certificate-namespace={OWN_NAMESPACE}",
    f"--certificate-secret={names.WEBHOOK_CERTIFICATES}",
    f"--webhook-configuration={names.WEBHOOK_CONFIGURATION}",
)
"""What the webhook is told when it makes its certificates itself."""

GIVEN_CERTIFICATE = (
    f"--tls-cert={secret_file(names.WEBHOOK_TLS, 'tls.crt')}",
    f"--tls-key={secret_file(names.WEBHOOK_TLS, 'tls.key')}",
)
"""What it is told when cert-manager does."""


def operator(*, own_namespace_only: bool) -> list[dict[str, Any]]:
    """The operator; by the name of its Service the webhook finds every replica."""
    watched = each(choices.WATCH_NAMESPACES, "--namespace=", (OWN_NAMESPACE,) if own_namespace_only else ())
    pod = Pod(
        names.OPERATOR,
        choices.OPERATOR,
        arguments=[
            "operator",
            watched,
            join("--cluster=", choices.CLUSTER_NAME),
            f"--listen=0.0.0.0:{names.OPERATOR_PORT}",
            f"--lease-namespace={OWN_NAMESPACE}",
            f"--lease-name={names.LEASE}",
            f"--collector={COLLECTOR_URL}",
            f"--collector-token-file={secret_file(waited_for.OPERATOR_COLLECTOR_TOKEN, waited_for.TOKEN_KEY)}",
            f"--changes-token-file={secret_file(waited_for.CHANGES_TOKEN, waited_for.TOKEN_KEY)}",
            each(choices.TRUSTED_GITOPS, "--trusted-gitops="),
        ],
        port=names.OPERATOR_PORT,
        live="/healthz",
        speaks_to_api=True,
        secrets=[(waited_for.OPERATOR_COLLECTOR_TOKEN, False), (waited_for.CHANGES_TOKEN, False)],
    )
    return [
        deployment(pod, replicas=choices.OPERATOR_REPLICAS),
        service(names.OPERATOR, ("http", names.OPERATOR_PORT, names.OPERATOR_PORT), headless=True),
    ]


def webhook(*, own_namespace_only: bool) -> list[dict[str, Any]]:
    """The admission webhook, and what tells the API server of it."""
    pod = Pod(
        names.WEBHOOK,
        choices.WEBHOOK,
        arguments=[
            "webhook",
            f"--listen=0.0.0.0:{names.WEBHOOK_PORT}",
            f"--health-listen=0.0.0.0:{names.WEBHOOK_HEALTH_PORT}",
            Either(flag=choices.CERT_MANAGER, when=GIVEN_CERTIFICATE, otherwise=OWN_CERTIFICATES),
            f"--operator=http://{names.OPERATOR}:{names.OPERATOR_PORT}",
            f"--own-account=system:serviceaccount:{OWN_NAMESPACE}:{names.OPERATOR}",
            f"--changes-token-file={secret_file(waited_for.CHANGES_TOKEN, waited_for.TOKEN_KEY)}",
            f"--audit-webhook-token-file={secret_file(waited_for.AUDIT_WEBHOOK_TOKEN, waited_for.TOKEN_KEY)}",
        ],
        port=names.WEBHOOK_PORT,
        health_port=names.WEBHOOK_HEALTH_PORT,
        live="/healthz",
        speaks_to_api=True,
        secrets=[
            (waited_for.CHANGES_TOKEN, False),
            (waited_for.AUDIT_WEBHOOK_TOKEN, False),
            (names.WEBHOOK_TLS, True),
        ],
    )
    return [
        deployment(pod, replicas=choices.WEBHOOK_REPLICAS),
        service(
            names.WEBHOOK,
            ("https", 443, names.WEBHOOK_PORT),
            ("health", names.WEBHOOK_HEALTH_PORT, names.WEBHOOK_HEALTH_PORT),
        ),
        _configuration(own_namespace_only=own_namespace_only),
    ]


def _configuration(*, own_namespace_only: bool) -> dict[str, Any]:
    """Without caBundle: the webhook writes it, and who applies this again does not take it away."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": metadata(names.WEBHOOK_CONFIGURATION, names.WEBHOOK, namespaced=False)
        | {
            "annotations": Expression(
                plain=None,
                template=f"{{{{ if {choices.CERT_MANAGER.reference} }}}}"
                f'{{"{INJECTED}": "{{{{ $.Release.Namespace }}}}/{names.WEBHOOK}"}}{{{{ else }}}}{{}}{{{{ end }}}}',
            )
        },
        "webhooks": [
            {
                "name": f"settings.{GROUP}",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {
                    "service": {
                        "name": names.WEBHOOK,
                        "namespace": NAMESPACE,
                        "path": ADMISSION_PATH,
                        "port": 443,
                    }
                },
                "rules": [
                    {
                        "apiGroups": [GROUP],
                        "apiVersions": [VERSION],
                        "operations": ["CREATE", "UPDATE", "DELETE"],
                        "resources": sorted(name.plural for name in NAMES.values()),
                        "scope": "Namespaced",
                    }
                ],
                "namespaceSelector": _watched(own_namespace_only=own_namespace_only),
                "failurePolicy": choices.WEBHOOK_FAILURE_POLICY,
                "matchPolicy": "Equivalent",
                "sideEffects": "NoneOnDryRun",
                "timeoutSeconds": 5,
            }
        ],
    }


INJECTED = "cert-manager.io/inject-ca-from"
"""On the configuration: the Certificate whose authority cert-manager writes into caBundle."""


def given_certificate() -> list[dict[str, Any]]:
    """The certificate that cert-manager issues, signed by an authority of its own making."""
    issuer = {"selfSigned": {}}
    dns_name = join(f"{names.WEBHOOK}.", NAMESPACE, ".svc")
    secret = {"secretName": names.WEBHOOK_TLS, "dnsNames": [dns_name], "privateKey": {"rotationPolicy": "Always"}}
    reference = {"issuerRef": {"kind": "Issuer", "name": names.WEBHOOK}}
    return [
        {"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": metadata(names.WEBHOOK), "spec": spec}
        for kind, spec in (("Issuer", issuer), ("Certificate", {**secret, **reference}))
    ]


def _watched(*, own_namespace_only: bool) -> Expression:
    """Which namespaces' settings the webhook is asked about: those that are watched."""
    key = "kubernetes.io/metadata.name"
    # By a label and not by name, so that an overlay may give the namespace another name.
    own = {"matchLabels": names.WATCHED}
    listed = choices.WATCH_NAMESPACES.reference
    chosen = f'{{"matchExpressions": [{{"key": "{key}", "operator": "In", "values": {{{{ toJson {listed} }}}}}}]}}'
    return Expression(
        plain=own if own_namespace_only else {},
        template=f"{{{{ if {listed} }}}}{chosen}{{{{ else }}}}{{}}{{{{ end }}}}",
    )


def collector() -> list[dict[str, Any]]:
    """The collector: one pod on one volume. Without a disruption budget, which would hold up the drain of its node."""
    folder = "/var/lib/callkeeper"
    pod = Pod(
        names.COLLECTOR,
        choices.COLLECTOR,
        arguments=[
            "audit",
            "serve",
            f"--dir={folder}/audit",
            f"--listen=0.0.0.0:{names.COLLECTOR_PORT}",
            f"--tokens={secret_file(waited_for.COLLECTOR_PRINCIPALS, waited_for.PRINCIPALS_KEY)}",
            f"--signing-key={secret_file(waited_for.COLLECTOR_SIGNING_KEY, waited_for.SIGNING_KEY)}",
        ],
        port=names.COLLECTOR_PORT,
        live="/healthz",
        secrets=[(waited_for.COLLECTOR_PRINCIPALS, False), (waited_for.COLLECTOR_SIGNING_KEY, False)],
        volume=folder,
        stop_seconds=60,
    )
    return [
        stateful_set(pod, storage=choices.COLLECTOR_STORAGE),
        service(names.COLLECTOR, ("http", names.COLLECTOR_PORT, names.COLLECTOR_PORT)),
    ]


def recorder() -> list[dict[str, Any]]:
    """The recorder: one pod on one volume, without a disruption budget."""
    folder = "/var/lib/callkeeper"
    pod = Pod(
        names.RECORDER,
        choices.RECORDER,
        arguments=[
            "recorder",
            "serve",
            f"--state={folder}/recorder",
            f"--listen=0.0.0.0:{names.RECORDER_PORT}",
            f"--tokens={secret_file(waited_for.RECORDER_PRINCIPALS, waited_for.PRINCIPALS_KEY)}",
            f"--collector={COLLECTOR_URL}",
            f"--collector-token-file={secret_file(waited_for.RECORDER_COLLECTOR_TOKEN, waited_for.TOKEN_KEY)}",
            join("--log=", choices.RECORDER_LOG),
        ],
        port=names.RECORDER_PORT,
        secrets=[(waited_for.RECORDER_PRINCIPALS, False), (waited_for.RECORDER_COLLECTOR_TOKEN, False)],
        volume=folder,
        stop_seconds=60,
    )
    return [
        stateful_set(pod, storage=choices.RECORDER_STORAGE),
        service(names.RECORDER, ("http", names.RECORDER_PORT, names.RECORDER_PORT)),
    ]
