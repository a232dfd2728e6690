"""`callkeeper webhook`: the admission webhook, and who changed what."""

from __future__ import annotations

from pathlib import Path

import click

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(short_help="Check objects as they are applied, and note who did.")
@click.option("--listen", default="127.0.0.1:8443", show_default=True, metavar="HOST:PORT",
              help="Where the API server reaches /v1/admit and /v1/audit-webhook, over TLS.")  # fmt: skip
@click.option("--health-listen", default="127.0.0.1:8481", show_default=True, metavar="HOST:PORT",
              help="Where /healthz, /readyz and /metrics are served, without TLS.")  # fmt: skip
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="The certificate to serve, PEM; read again on change.")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Its key.")
@click.option("--self-managed-certificates", is_flag=True,
              help="Make and renew certificates here, and tell the API server to trust them.")  # fmt: skip
@click.option("--certificate-name", "names", multiple=True, metavar="NAME",
              help="A DNS name or address the API server calls this webhook by; repeatable.")  # fmt: skip
@click.option("--certificate-secret", default="callkeeper-webhook-certificates", show_default=True, metavar="NAME",
              help="The Secret that the replicas keep their certificates in.")  # fmt: skip
@click.option("--certificate-namespace", metavar="NS", help="Where it is. Default: the namespace it runs in.")
@click.option("--webhook-configuration", default="callkeeper", show_default=True, metavar="NAME",
              help="The ValidatingWebhookConfiguration whose caBundle is kept.")  # fmt: skip
@click.option("--operator", "operators", multiple=True, metavar="URL",
              help="An operator to tell; a host name stands for all its addresses. Repeatable.")  # fmt: skip
@click.option("--operator-ca", type=_FILE, metavar="FILE", help="PEM certificates to trust for operators.")
@click.option("--changes-token-file", type=_FILE, metavar="FILE", help="The token operators ask for.")
@click.option("--audit-webhook-token-file", type=_FILE, metavar="FILE",
              help="The token that the API server's audit webhook shows.")  # fmt: skip
@click.option("--audit-webhook-client-ca", type=_FILE, metavar="FILE",
              help="PEM certificates: their clients may tell audit events too.")  # fmt: skip
@click.option("--own-account", "own_accounts", multiple=True, metavar="USER",
              help="A user whose writes are not noted: Callkeeper's own service accounts. Repeatable.")  # fmt: skip
@click.option("--ask-recorders/--no-ask-recorders", default=True, show_default=True,
              help="Ask the running recorder what a change takes away, and warn with the line to copy.")  # fmt: skip
@click.option("--log-format", type=click.Choice(["text", "json"]), default="json", show_default=True,
              help="Lines for people, or one JSON object a line.")  # fmt: skip
def webhook(
    listen: str,
    health_listen: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    names: tuple[str, ...],
    certificate_secret: str,
    certificate_namespace: str | None,
    webhook_configuration: str,
    operators: tuple[str, ...],
    operator_ca: Path | None,
    changes_token_file: Path | None,
    audit_webhook_token_file: Path | None,
    audit_webhook_client_ca: Path | None,
    own_accounts: tuple[str, ...],
    log_format: str,
    *,
    self_managed_certificates: bool,
    ask_recorders: bool,
) -> None:
    """Check objects of callkeeper.dev as they are applied, warn of surprises, and note who changed what.

    Refuses what is wrong within one object, with the words of `callkeeper validate`. The cluster is the one of
    KUBECONFIG, else of the pod's service account. Several replicas may run; none keeps anything.

    \b
    Examples:
      callkeeper webhook --self-managed-certificates --certificate-name callkeeper-webhook.callkeeper.svc \\
        --operator http://callkeeper-operators.callkeeper.svc:8480 --changes-token-file /run/changes/token
      callkeeper webhook --tls-cert /run/tls/tls.crt --tls-key /run/tls/tls.key

    \b
    Exit codes:
      0  ended by Ctrl-C or SIGTERM
      2  it cannot run like this: options, no cluster, a certificate that cannot be served
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    # Imported when it is run, so that help costs nothing.
    import asyncio  # noqa: PLC0415 - see above
    import logging  # noqa: PLC0415 - see above

    from callkeeper.cli.addresses import host_and_port  # noqa: PLC0415 - see above
    from callkeeper.cli.main import CouldNotRun  # noqa: PLC0415 - see above
    from callkeeper.operator.admission.serving import WebhookOptions, run  # noqa: PLC0415 - see above
    from callkeeper.operator.errors import CannotStart  # noqa: PLC0415 - see above
    from callkeeper.recorder.logs import configure_logging  # noqa: PLC0415 - see above

    if (tls_cert is None) is not (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    if (tls_cert is None) is not self_managed_certificates:
        raise click.UsageError("say where certificates come from: --self-managed-certificates, or --tls-cert FILE")
    if self_managed_certificates and not names:
        raise click.UsageError("--self-managed-certificates takes --certificate-name too, at least once")
    if operators and changes_token_file is None:
        raise click.UsageError("--operator takes --changes-token-file too: operators let nobody in without")
    if wrong := [url for url in operators if not url.startswith(("http://", "https://"))]:
        raise click.UsageError(f"--operator takes a URL such as http://callkeeper-operator:8480, not {wrong[0]}")
    host, port = host_and_port("--listen", listen)
    health_host, health_port = host_and_port("--health-listen", health_listen)
    configure_logging(as_json=log_format == "json")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    options = WebhookOptions(
        host=host,
        port=port,
        health_host=health_host,
        health_port=health_port,
        certificate=(tls_cert, tls_key) if tls_cert is not None and tls_key is not None else None,
        secret=certificate_secret,
        secret_namespace=certificate_namespace,
        configuration=webhook_configuration,
        names=names,
        operators=operators,
        operator_ca=operator_ca,
        changes_token_file=changes_token_file,
        audit_token_file=audit_webhook_token_file,
        audit_client_ca=audit_webhook_client_ca,
        own_accounts=own_accounts,
        ask_recorders=ask_recorders,
    )
    try:
        asyncio.run(run(options))
    except CannotStart as error:
        raise CouldNotRun(str(error)) from error
