"""`callkeeper operator`: makes what the cluster's objects say true in the recorders they name."""

from __future__ import annotations

from pathlib import Path

import click

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(short_help="Govern recorders from a Kubernetes cluster.")
@click.option("--namespace", "namespaces", multiple=True, metavar="NS",
              help="Only this namespace; give it once for each. Without it: the whole cluster.")  # fmt: skip
@click.option("--listen", default="127.0.0.1:8490", show_default=True, metavar="HOST:PORT",
              help="Where /healthz, /readyz, /metrics and /v1/changes are served.")  # fmt: skip
@click.option("--collector", metavar="URL", help="The audit collector that takes the rows.")
@click.option("--collector-token-file", type=_FILE, metavar="FILE", help="The file with the collector's token.")
@click.option("--collector-ca", type=_FILE, metavar="FILE", help="PEM certificates to trust for the collector.")
@click.option("--without-audit", is_flag=True, help="Keep no audit rows; one of this and --collector has to be given.")
@click.option("--lease-namespace", metavar="NS", help="Where the Lease is. Default: the namespace it runs in.")
@click.option("--lease-name", default="callkeeper-operator", show_default=True, help="The Lease that says who leads.")
@click.option("--cluster", metavar="NAME",
              help="Names this cluster to recorders. Default: the UID of namespace kube-system.")  # fmt: skip
@click.option("--trusted-gitops", multiple=True, metavar="ACCOUNT",
              help="An account whose annotations name the author of a change; repeatable.")  # fmt: skip
@click.option("--changes-token-file", type=_FILE, metavar="FILE",
              help="The token that webhooks show when they tell who changed what.")  # fmt: skip
@click.option("--log-format", type=click.Choice(["text", "json"]), default="json", show_default=True,
              help="Lines for people, or one JSON object a line.")  # fmt: skip
def operator(
    namespaces: tuple[str, ...],
    listen: str,
    collector: str | None,
    collector_token_file: Path | None,
    collector_ca: Path | None,
    lease_namespace: str | None,
    lease_name: str,
    cluster: str | None,
    trusted_gitops: tuple[str, ...],
    changes_token_file: Path | None,
    log_format: str,
    *,
    without_audit: bool,
) -> None:
    """Make what the objects of callkeeper.dev say true in the recorders they name, and say so in their status.

    The cluster is the one of KUBECONFIG, else of the pod's service account. Several replicas may run: one leads, the
    others stand by.

    \b
    Examples:
      callkeeper operator --collector https://audit.callkeeper.svc:8480 --collector-token-file /run/collector/token
      callkeeper operator --namespace voice --cluster lab --without-audit --log-format text

    \b
    Exit codes:
      0  ended by Ctrl-C or SIGTERM
      2  it cannot run like this: options, no cluster, a permission that is missing
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    # Imported when it is run, so that help costs nothing.
    import asyncio  # noqa: PLC0415 - see above
    import logging  # noqa: PLC0415 - see above

    from callkeeper.operator.memory import start  # noqa: PLC0415 - see above

    start()
    _load_structlog()
    from callkeeper.cli.addresses import host_and_port  # noqa: PLC0415 - see above
    from callkeeper.cli.main import CouldNotRun  # noqa: PLC0415 - see above
    from callkeeper.operator.audit_logs import Collector  # noqa: PLC0415 - see above
    from callkeeper.operator.errors import CannotStart  # noqa: PLC0415 - see above
    from callkeeper.operator.options import Options  # noqa: PLC0415 - see above
    from callkeeper.operator.serving import run  # noqa: PLC0415 - see above
    from callkeeper.recorder.logs import configure_logging  # noqa: PLC0415 - see above

    if (collector is None) is not without_audit:
        raise click.UsageError("say where audit rows go: --collector URL, or --without-audit to keep none")
    if collector is not None and collector_token_file is None:
        raise click.UsageError("--collector takes --collector-token-file too")
    host, port = host_and_port("--listen", listen)
    configure_logging(as_json=log_format == "json")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    options = Options(
        namespaces=namespaces,
        host=host,
        port=port,
        collector=Collector(url=collector, token_file=collector_token_file, ca_file=collector_ca)
        if collector is not None and collector_token_file is not None
        else None,
        lease_namespace=lease_namespace,
        lease_name=lease_name,
        cluster=cluster,
        trusted_gitops=trusted_gitops,
        changes_token_file=changes_token_file,
    )
    try:
        asyncio.run(run(options))
    except CannotStart as error:
        raise CouldNotRun(str(error)) from error


def _load_structlog() -> None:
    """Load structlog without rich, which takes as long again: its tracebacks show variables, and are never printed."""
    import sys  # noqa: PLC0415 - as above

    absent = {} if "rich" in sys.modules else {"rich": None}
    sys.modules.update(absent)  # type: ignore[arg-type]  # None is how a module is said not to be there
    import structlog  # noqa: F401, PLC0415 - as above

    for name in absent:
        del sys.modules[name]
