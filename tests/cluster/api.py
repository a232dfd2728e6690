"""The API server over HTTP, for tests that make hundreds of requests or look at answers kubectl does not show."""

import base64
import json
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

SECONDS = 60.0

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


def api_client(kubeconfig: Path, *, url: str | None = None) -> httpx.Client:
    """A client that is who the kubeconfig says, by way of another URL (a proxy) where one is given."""
    config = json.loads(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    headers = {}
    if "tokenFile" in user:
        user["token"] = Path(user["tokenFile"]).read_text()
    if "token" in user:
        headers["Authorization"] = f"Bearer {user['token']}"
    else:
        with tempfile.NamedTemporaryFile() as pem:
            for part in ("client-certificate-data", "client-key-data"):
                pem.write(base64.b64decode(user[part]) + b"\n")
            pem.flush()
            context.load_cert_chain(pem.name)
    return httpx.Client(base_url=url or cluster["server"], verify=context, headers=headers, timeout=SECONDS)


def path_of(plural: str, namespace: str, name: str | None = None, *, sub: str | None = None) -> str:
    """The path of our objects of one kind, of one of them, or of a subresource of it."""
    parts = ["/apis/callkeeper.dev/v1alpha1/namespaces", namespace, plural, *filter(None, (name, sub))]
    return "/".join(parts)


def apply(
    client: httpx.Client, path: str, value: Mapping[str, Any], *, manager: str = "tests", dry_run: bool = False
) -> httpx.Response:
    """Server-side apply, strictly validated."""
    options = {"fieldManager": manager, "fieldValidation": "Strict", "force": "true"}
    if dry_run:
        options["dryRun"] = "All"
    return client.patch(path, params=options, content=json.dumps(value), headers={"Content-Type": APPLY})
