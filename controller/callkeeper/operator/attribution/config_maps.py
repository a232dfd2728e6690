"""Books in ConfigMaps of the operator's own namespace, one for each namespace with settings.

Not beside the settings: a namespace that is being deleted takes no new objects, and what goes with it is to be told.
Every save names the version it replaces, so that of two who believe they lead only one goes on.
"""

from collections.abc import Mapping
from typing import Any

import structlog

from callkeeper.kinds.terms import GROUP
from callkeeper.operator import paths
from callkeeper.operator.api import KubeApi
from callkeeper.operator.attribution.book import Book, BookError, BookTaken, read_book, written_book
from callkeeper.operator.errors import ApiConflict, ApiError, ApiNotFound

LABEL = f"{GROUP}/told-changes"
"""Marks the ConfigMaps that hold books; its value is the installation they belong to."""

SAVE_SECONDS = 10.0
"""A save that takes longer failed: whether it did is seen at the next one."""

_KEY = "book"

_log = structlog.get_logger()


class ConfigMapBooks:
    """Keeps the books of one installation, named by its Lease."""

    def __init__(self, api: KubeApi, namespace: str, installation: str) -> None:
        """Prepare.

        Args:
            api: the API server.
            namespace: where the ConfigMaps are: the operator's own.
            installation: tells the books of several operators in one namespace apart: the Lease's name.
        """
        self._api = api
        self._namespace = namespace
        self._installation = installation
        self._versions: dict[str, str] = {}

    async def load(self) -> Mapping[str, Book]:
        """See `Books.load`."""
        path = paths.config_map(self._namespace)
        selector = {"labelSelector": f"{LABEL}={self._installation}"}
        try:
            found = (await self._api.ask("GET", path, parameters=selector)).get("items") or []
        except ApiError as error:
            raise BookError(f"what was told before cannot be read: {error}") from error
        books = {}
        self._versions.clear()
        for one in found:
            namespace = str((one["metadata"].get("annotations") or {}).get(f"{GROUP}/namespace", ""))
            try:
                books[namespace] = read_book(str((one.get("data") or {}).get(_KEY, "")).encode())
            except BookError as error:
                # As if it were lost: the log's own numbers say that there was one, and it is begun anew.
                _log.error("settings-rows.book-damaged", name=one["metadata"]["name"], problem=str(error))
            self._versions[namespace] = one["metadata"]["resourceVersion"]
        return books

    async def save(self, namespace: str, book: Book) -> None:
        """See `Books.save`."""
        name = f"{self._installation}-told-{namespace}"
        version = self._versions.get(namespace)
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": self._namespace,
            "labels": {LABEL: self._installation, "app.kubernetes.io/managed-by": "callkeeper-operator"},
            "annotations": {f"{GROUP}/namespace": namespace},
        }
        if version is not None:
            metadata["resourceVersion"] = version
        data = {_KEY: written_book(book).decode()}
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        try:
            if version is None:
                path = paths.config_map(self._namespace)
                saved = await self._api.create(path, document, timeout_seconds=SAVE_SECONDS)
            else:
                path = paths.config_map(self._namespace, name)
                saved = await self._api.replace(path, document, timeout_seconds=SAVE_SECONDS)
        except (ApiConflict, ApiNotFound) as error:
            raise BookTaken(f"the book of {namespace} is not the one read here last: {error}") from error
        except ApiError as error:
            raise BookError(f"the book of {namespace} cannot be saved: {error}") from error
        self._versions[namespace] = saved["metadata"]["resourceVersion"]
