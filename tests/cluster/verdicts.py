"""The API server's verdict on a document of the corpus: taken or refused, under strict validation, without storing it.

The document goes there as YAML, as it stands in its file, so that the API server's own reading of scalars is judged
too. Which kinds there are it is asked as kubectl asks it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from tests.kinds.corpus import CorpusDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the API server says.

    Attributes:
        accepts: whether it takes the document.
        message: why not; or what it warns of.
    """

    accepts: bool
    message: str


def judge(
    client: httpx.Client, kinds: Mapping[tuple[object, object], str], document: CorpusDocument, *, namespace: str
) -> Verdict:
    """Ask the API server.

    Args:
        client: asks.
        kinds: see `served_kinds`.
        document: what is asked about.
        namespace: for documents that name none.
    """
    value = document.value
    plural = kinds.get((value.get("apiVersion"), value.get("kind")))
    if plural is None:
        return Verdict(accepts=False, message=f"no matches for kind {value.get('kind')}")
    metadata = value.get("metadata")
    named = metadata.get("namespace") if isinstance(metadata, dict) else None
    response = client.post(
        f"/apis/{value['apiVersion']}/namespaces/{named or namespace}/{plural}",
        params={"dryRun": "All", "fieldValidation": "Strict"},
        content=document.text.encode(),
        headers={"Content-Type": "application/yaml"},
    )
    if response.is_server_error:
        raise AssertionError(f"{document.id}: {response.status_code} {response.text}")
    if response.is_success:
        return Verdict(accepts=True, message=" ".join(response.headers.get_list("Warning")))
    return Verdict(accepts=False, message=response.json()["message"])


def served_kinds(client: httpx.Client) -> dict[tuple[object, object], str]:
    """The plural of every kind of ours that the API server serves, by API version and kind."""
    version = "callkeeper.dev/v1alpha1"
    resources: list[dict[str, Any]] = client.get(f"/apis/{version}").raise_for_status().json()["resources"]
    return {(version, resource["kind"]): resource["name"] for resource in resources if "/" not in resource["name"]}
