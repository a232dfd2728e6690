"""The books of who was told what (`attribution.book`), one ConfigMap a namespace, in the operator's own namespace.

There, since they outlive the namespaces they are about: that a whole namespace went is a change too.
"""

from collections.abc import Mapping

from callkeeper.kinds.terms import GROUP
from callkeeper.operator import paths
from callkeeper.operator.api import Json, KubeApi
from callkeeper.operator.attribution.book import Book, BookError, BookTaken, read_book, written_book
from callkeeper.operator.errors import ApiConflict, ApiError
from callkeeper.operator.ledger_object import KEPT_LABEL

ENTRY = "book"
NAMESPACE_ANNOTATION = f"{GROUP}/namespace"


class ClusterBooks:
    """Keeps books in the cluster; the process that leads is their only writer."""

    def __init__(self, api: KubeApi, namespace: str, scope: tuple[str, ...]) -> None:
        """Prepare.

        Args:
            api: the API server.
            namespace: where books are.
            scope: the namespaces governed; empty for all. Books of others are somebody else's.
        """
        self._api = api
        self._namespace = namespace
        self._scope = scope
        self._versions: dict[str, str] = {}

    async def load(self) -> Mapping[str, Book]:
        """See `Books.load`."""
        books, versions = {}, {}
        try:
            async for page in self._api.pages(paths.config_map(self._namespace), labels=f"{KEPT_LABEL}={ENTRY}"):
                for item in page.get("items") or []:
                    about = (item["metadata"].get("annotations") or {}).get(NAMESPACE_ANNOTATION, "")
                    if about and (not self._scope or about in self._scope):
                        books[about] = read_book((item.get("data") or {}).get(ENTRY, "").encode())
                        versions[about] = item["metadata"]["resourceVersion"]
        except ApiError as error:
            raise BookError(str(error)) from error
        self._versions = versions
        return books

    async def save(self, namespace: str, book: Book) -> None:
        """See `Books.save`."""
        version = self._versions.get(namespace)
        document = self._document(namespace, book, version)
        try:
            if version is None:
                written = await self._api.create(paths.config_map(self._namespace), document)
            else:
                path = paths.config_map(self._namespace, document["metadata"]["name"])
                written = await self._api.replace(path, document)
        except ApiConflict as error:
            raise BookTaken(str(error)) from error
        except ApiError as error:
            raise BookError(str(error)) from error
        self._versions[namespace] = written["metadata"]["resourceVersion"]

    def _document(self, namespace: str, book: Book, version: str | None) -> Json:
        metadata: Json = {
            "name": f"callkeeper-book-{namespace}",
            "namespace": self._namespace,
            "labels": {KEPT_LABEL: ENTRY},
            "annotations": {NAMESPACE_ANNOTATION: namespace},
        }
        if version is not None:
            metadata["resourceVersion"] = version
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {ENTRY: written_book(book).decode()},
        }
