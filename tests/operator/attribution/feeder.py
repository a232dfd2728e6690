"""A small API server for tests of rows: objects with uid and generation, shown to `ChangeRows` as a watch does.

And the ports' fakes: an audit log that drops what it has, and fails on demand.
"""

import asyncio
from collections import defaultdict
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from tests.audit.documented import assert_documented

from callkeeper.audit.errors import StoreFailed
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.terms import API_VERSION
from callkeeper.operator.attribution.book import BooksInMemory
from callkeeper.operator.attribution.note import Note, Source, Verb
from callkeeper.operator.attribution.notes import ChangeNotes
from callkeeper.operator.attribution.planning import Waits
from callkeeper.operator.attribution.rows import ChangeRows
from callkeeper.operator.attribution.versions import annotations_hash
from callkeeper.operator.attribution.who import ClusterAttribution

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
ARGO = "system:serviceaccount:argocd:argocd-application-controller"
SHORT = Waits(note_seconds=0.05, audit_seconds=0.1, unseen_seconds=0.15)


class FakeLog:
    """One audit log: rows in order, each number of a sender once."""

    def __init__(self):
        self.events = []
        self.marks = {}
        self.failing = False
        self.lose_answer = False

    async def append(self, events):
        await asyncio.sleep(0)
        if self.failing:
            raise StoreFailed("the log is away")
        for event in events:
            if event.sequence > self.marks.get(event.sender, 0):
                self.marks[event.sender] = event.sequence
                assert_documented(event.action, event.details)
                self.events.append(event)
        if self.lose_answer:
            raise StoreFailed("the answer was lost")

    async def load_marks(self, prefix):  # noqa: ARG002 - the port
        if self.failing:
            raise StoreFailed("the log is away")
        return dict(self.marks)

    def mark(self, sender):
        return self.marks.get(sender, 0)


@dataclass
class Cluster:
    """Objects, the log of each Recorder, and the books: what outlasts an operator."""

    objects: dict = field(default_factory=dict)
    logs: dict = field(default_factory=lambda: defaultdict(FakeLog))
    books: BooksInMemory = field(default_factory=BooksInMemory)
    versions: count = field(default_factory=lambda: count(100))
    uids: count = field(default_factory=lambda: count(1))

    def write(self, kind, name, spec=None, *, annotations=None, namespace="voice", manager="kubectl"):
        """Create or update an object; its document."""
        key = (kind, namespace, name)
        before = self.objects.get(key)
        version = next(self.versions)
        document = (
            deepcopy(before)
            if before
            else {
                "apiVersion": API_VERSION,
                "kind": kind,
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "uid": f"uid-{next(self.uids)}",
                    "generation": 0,
                    "creationTimestamp": NOON.isoformat(),
                },
                "spec": None,
            }
        )
        if spec is not None and spec != document["spec"]:
            document["spec"] = deepcopy(spec)
            document["metadata"]["generation"] += 1
        if annotations is not None:
            document["metadata"]["annotations"] = dict(annotations)
        document["metadata"]["resourceVersion"] = str(version)
        document["metadata"]["managedFields"] = [{"manager": manager, "time": NOON.isoformat()}]
        self.objects[key] = document
        return document

    def status(self, kind, name, namespace="voice"):
        document = self.objects[(kind, namespace, name)] = deepcopy(self.objects[(kind, namespace, name)])
        document["metadata"]["resourceVersion"] = str(next(self.versions))
        document["status"] = {"conditions": []}
        return document

    def delete(self, kind, name, namespace="voice"):
        return self.objects.pop((kind, namespace, name))


def note(document, user="ada@example.com", *, verb=Verb.UPDATE, source=Source.ADMISSION, at=0, **more):
    """A note about a write that led to this document."""
    metadata = document["metadata"]
    annotations = metadata.get("annotations") or {}
    ours = {name: text for name, text in annotations.items() if name.startswith("callkeeper.dev/")}
    found = {
        "id": f"{source}-{verb}-{metadata['uid']}-{metadata['resourceVersion']}",
        "key": key_of(document),
        "uid": metadata["uid"],
        "generation": metadata["generation"],
        "annotations": annotations_hash(ours),
        "recorder": (document["spec"].get("recorderRef") or {}).get("name", ""),
        "changed_by": ours.get("callkeeper.dev/changed-by", ""),
        "commit": ours.get("callkeeper.dev/commit", ""),
        "resource_version": int(metadata["resourceVersion"]) if source is Source.AUDIT else 0,
        "address": "192.0.2.7" if source is Source.AUDIT else "",
    }
    return Note(source=source, verb=verb, user=user, at=NOON + timedelta(seconds=at), **{**found, **more})


def key_of(document):
    metadata = document["metadata"]
    return ObjectKey(kind=document["kind"], namespace=metadata["namespace"], name=metadata["name"])


def blacklist(*patterns, recorder="teams"):
    return {"recorderRef": {"name": recorder}, "numbers": [{"pattern": one} for one in patterns]}


class Operator:
    """One operator replica at work on a cluster."""

    def __init__(self, cluster, *, trusted=(ARGO,), waits=SHORT, show=None):
        self.cluster = cluster
        self.notes = ChangeNotes()
        self.attribution = ClusterAttribution(self.notes, trusted=trusted)
        self.rows = ChangeRows(
            notes=self.notes,
            attribution=self.attribution,
            books=cluster.books,
            log_of=lambda namespace, recorder: cluster.logs[(namespace, recorder)],
            show_of=lambda *_: show,
            cluster="here",
            waits=waits,
        )
        self.task = None

    def list_all(self):
        for document in self.cluster.objects.values():
            self.rows.observe(document)
        self.rows.complete()

    def write(self, *arguments, watch=True, **fields):
        document = self.cluster.write(*arguments, **fields)
        if watch:
            self.rows.observe(document)
        return document

    def delete(self, *arguments):
        document = self.cluster.delete(*arguments)
        self.rows.removed(key_of(document), document["metadata"]["uid"])
        return document

    async def __aenter__(self):
        self.list_all()
        self.task = asyncio.create_task(self.rows.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def rows_of(self, number, recorder="teams", namespace="voice", still=0.1):
        """The events of a log, once there are so many; and no more after a while."""
        log = self.cluster.logs[(namespace, recorder)]
        deadline = asyncio.get_running_loop().time() + 20
        while len(log.events) < number and asyncio.get_running_loop().time() < deadline:
            if self.task.done():
                self.task.result()
            await asyncio.sleep(0.005)
        await asyncio.sleep(still)
        assert len(log.events) == number, [(one.action.value, one.details.get("object")) for one in log.events]
        return log.events
