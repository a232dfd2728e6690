"""Objects applied on the server's side, as GitOps engines and people do."""

import asyncio
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import httpx
from tests.cluster.api import APPLY, apply, path_of

from benchmarks.scale.objects import Object
from callkeeper.kinds.crd_names import NAMES
from callkeeper.operator.access import from_kubeconfig

AT_ONCE = 8
"""Connections that push objects: what a GitOps engine or kubectl uses."""


def push(api: httpx.Client, values: Iterable[Object]) -> None:
    """Apply objects, several at once."""

    def apply_one(value: Object) -> None:
        metadata = value["metadata"]
        path = path_of(NAMES[value["kind"]].plural, metadata["namespace"], metadata["name"])
        apply(api, path, value).raise_for_status()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(apply_one, values):
            pass


async def push_at_once(kubeconfig: Path, values: Iterable[Object]) -> None:
    """Server-side apply with half the processor time of `push`: GitOps engines are compiled programs."""
    connection = from_kubeconfig(kubeconfig).info
    connector = aiohttp.TCPConnector(limit=AT_ONCE, ssl=connection.tls())
    options = {"fieldManager": "tests", "fieldValidation": "Strict", "force": "true"}

    async def apply_one(session: aiohttp.ClientSession, value: Object) -> None:
        metadata = value["metadata"]
        path = path_of(NAMES[value["kind"]].plural, metadata["namespace"], metadata["name"])
        body, headers = json.dumps(value), {"Content-Type": APPLY}
        async with session.patch(path, params=options, data=body, headers=headers) as response:
            response.raise_for_status()

    async with aiohttp.ClientSession(connection.server, connector=connector) as session:
        await asyncio.gather(*(apply_one(session, value) for value in values))
