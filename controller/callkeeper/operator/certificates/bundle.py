"""The authorities in the ValidatingWebhookConfiguration: how the API server trusts the webhook's leaf.

The manifests leave `caBundle` out, so that applying them again takes nothing away. Only that field is written, and only
where it differs.
"""

import base64

from callkeeper.operator.api import KubeApi
from callkeeper.operator.errors import ApiConflict

MAX_TRIES = 5
"""Somebody else may write the configuration at the same time."""


def path_of(name: str) -> str:
    """The API server's path of a configuration."""
    return f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}"


async def publish(api: KubeApi, name: str, bundle: bytes) -> bool:
    """Have every webhook of the configuration trust these authorities; whether something had to be written.

    Raises:
        ApiError: the configuration is not there, or cannot be read or written.
    """
    wanted = base64.b64encode(bundle).decode()
    for left in reversed(range(MAX_TRIES)):
        found = await api.get(path_of(name))
        webhooks = found.get("webhooks") or []
        patch = [
            {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": wanted}
            for index, one in enumerate(webhooks)
            if one["clientConfig"].get("caBundle") != wanted
        ]
        if not patch:
            return False
        version = {"op": "test", "path": "/metadata/resourceVersion", "value": found["metadata"]["resourceVersion"]}
        try:
            await api.json_patch(path_of(name), [version, *patch])
        except ApiConflict:
            if not left:
                raise
            continue
        return True
    return False
