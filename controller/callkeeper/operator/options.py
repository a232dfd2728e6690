"""What the command line of `callkeeper operator` says, as a value."""

from dataclasses import dataclass
from pathlib import Path

from callkeeper.operator.audit_logs import Collector

DEFAULT_LEASE = "callkeeper-operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for.

    Attributes:
        namespaces: the scope; empty for the whole cluster.
        host: where the HTTP door listens.
        port: likewise; 0 picks a free one.
        collector: where audit rows go; None drops them, which has to be asked for by name.
        lease_namespace: where the Lease is; None for the namespace this process runs in.
        lease_name: its name.
        cluster: names the cluster in the owner's name; None for the UID of namespace kube-system.
        trusted_gitops: accounts whose annotations name the author of a change.
        changes_token_file: token for `POST /v1/changes`; None takes no notes.
    """

    namespaces: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8490
    collector: Collector | None = None
    lease_namespace: str | None = None
    lease_name: str = DEFAULT_LEASE
    cluster: str | None = None
    trusted_gitops: tuple[str, ...] = ()
    changes_token_file: Path | None = None
