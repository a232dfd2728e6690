"""What the objects of the cluster say of themselves."""

from collections.abc import Iterator

import httpx

from benchmarks.scale.objects import Object
from callkeeper.kinds.crd_names import NAMES


def verdicts(api: httpx.Client) -> dict[str, int] | None:
    """How many objects say what of their being in force; None where one does not say it of its present generation."""
    found = {"True": 0, "False": 0}
    for kind in NAMES:
        for one in _all(api, NAMES[kind].plural):
            status = ready(one)
            if status is None:
                return None
            found[status] += 1
    return found


def ready(one: Object) -> str | None:
    """The status of `Ready` for the object as it is now; None where that is not known yet."""
    status = one["status"]
    if status.get("observedGeneration") != one["metadata"]["generation"]:
        return None
    said = {condition["type"]: condition["status"] for condition in status["conditions"]}
    return said["Ready"] if said["Ready"] != "Unknown" else None


def _all(api: httpx.Client, plural: str) -> Iterator[Object]:
    token = ""
    while True:
        parameters = {"limit": "500"} | ({"continue": token} if token else {})
        page = api.get(f"/apis/callkeeper.dev/v1alpha1/{plural}", params=parameters).raise_for_status().json()
        yield from page["items"]
        token = page["metadata"].get("continue", "")
        if not token:
            return
