"""Our CustomResourceDefinitions on a cluster, and the moment from which objects of them are taken."""

import time
from pathlib import Path

import httpx
from tests.cluster.api import api_client
from tests.cluster.kubectl import Kubectl

from callkeeper.kinds.crd_names import NAMES

CRDS = Path(__file__).parents[2] / "crds"
SERVED_SECONDS = 60.0


class NotServedError(Exception):
    """The API server does not serve one of our kinds."""


def install_crds(kubeconfig: Path, folder: Path = CRDS) -> None:
    """Apply the CRDs of a folder under strict validation, and wait until every kind is served.

    Raises:
        KubectlError: the API server refuses one.
        NotServedError: one is not served in time.
    """
    kubectl = Kubectl(kubeconfig)
    kubectl("apply", "--server-side", "--force-conflicts", "--validate=strict", "--filename", folder)
    kubectl.wait_for("Established", *(f"crd/{names.plural}.callkeeper.dev" for names in NAMES.values()))
    with api_client(kubeconfig) as client:
        for names in NAMES.values():
            _wait_until_served(client, names.plural)


def _wait_until_served(client: httpx.Client, plural: str) -> None:
    deadline = time.monotonic() + SERVED_SECONDS
    path = f"/apis/callkeeper.dev/v1alpha1/{plural}"
    while client.get(path).status_code != httpx.codes.OK:
        if time.monotonic() > deadline:
            raise NotServedError(f"the API server does not serve {plural} {SERVED_SECONDS:g} s after its definition")
        time.sleep(0.05)
