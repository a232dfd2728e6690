"""An existing cluster in place of our own control plane, from a kubeconfig of any make."""

import base64
import json
from pathlib import Path

from tests.cluster.control_plane import Access
from tests.cluster.kubectl import Kubectl


def existing_cluster(kubeconfig: Path, folder: Path) -> Access:
    """How to reach it, with a plain copy of the kubeconfig's current context: our own client reads only that.

    Raises:
        KubectlError: the kubeconfig cannot be read.
    """
    view = json.loads(Kubectl(kubeconfig)("config", "view", "--minify", "--flatten", "--raw", "--output=json"))
    copy = folder / "kubeconfig"
    copy.touch(mode=0o600)
    copy.write_text(json.dumps(view))
    cluster = view["clusters"][0]["cluster"]
    ca = base64.b64decode(cluster.get("certificate-authority-data", ""))
    return Access(url=cluster["server"], ca=ca, kubeconfig=copy, folder=folder)
