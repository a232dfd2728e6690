"""Kubeconfig files: how a program finds the API server and says who it is.

They are written as JSON, which is YAML, and readable by their owner only.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

from tests.cluster.certificates import Pair


def write_kubeconfig(path: Path, *, url: str, ca: bytes, user: dict[str, Any], namespace: str = "default") -> Path:
    """Write one with one context, complete or not at all."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": {"server": url, "certificate-authority-data": _base64(ca)}}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "user", "namespace": namespace}}],
        "current-context": "tests",
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(config, indent=1))
    temporary.rename(path)
    return path


def with_certificate(pair: Pair) -> dict[str, Any]:
    """A user who shows a certificate."""
    return {
        "client-certificate-data": _base64(pair.certificate.read_bytes()),
        "client-key-data": _base64(pair.key.read_bytes()),
    }


def with_token(token: str) -> dict[str, Any]:
    """A user who bears a token."""
    return {"token": token}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
