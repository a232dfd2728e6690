"""Books in the cluster's ConfigMaps, on the real API server."""

import pytest
from tests.cluster.kubectl import Kubectl

from callkeeper.operator.access import from_kubeconfig
from callkeeper.operator.api import KubeApi
from callkeeper.operator.attribution.book import Book, BookTaken
from callkeeper.operator.attribution.config_maps import ConfigMapBooks


async def test_books_are_kept_replaced_and_never_by_two(kubectl: Kubectl, namespace: str):
    api = KubeApi(from_kubeconfig(kubectl.kubeconfig))
    try:
        books = ConfigMapBooks(api, namespace, "here")
        assert await books.load() == {}
        first = Book(sequences={"teams": 1})
        await books.save("voice", first)
        other = ConfigMapBooks(api, namespace, "here")
        assert await other.load() == {"voice": first}
        second = Book(sequences={"teams": 2})
        await other.save("voice", second)
        with pytest.raises(BookTaken):
            await books.save("voice", first)
        assert await books.load() == {"voice": second}
        await books.save("voice", first)
        with pytest.raises(BookTaken):
            await ConfigMapBooks(api, namespace, "here").save("voice", second)
        assert await ConfigMapBooks(api, namespace, "elsewhere").load() == {}
        kubectl("patch", "configmap", "here-told-voice", "--type=merge", '--patch={"data":{"book":"nonsense"}}')
        assert await books.load() == {}
        await books.save("voice", second)
        assert await books.load() == {"voice": second}
    finally:
        await api.close()
