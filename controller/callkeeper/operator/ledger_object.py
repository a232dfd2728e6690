"""The ledger of one recorder in a ConfigMap of the operator's namespace: what was programmed, and how far its rows go.

One object per Recorder, named by its UID: a Recorder made anew begins anew, and what is left behind is swept (`sweep`).
Its content is compressed, for rows under way can be many; the body of the config is not in it, since the recorder keeps
the last twenty. Every write carries the version of the one before: a replica that is not the leader any more cannot
write over its successor.

Facts
    An epoch only grows, also where the Lease that counts epochs was deleted and made anew, or the recorder was taken
    from an owner with a higher one. So the ledger keeps the recorder's epoch beside the Lease's it was made under, and
    what lies between the two is added to every later one.
"""

import base64
import json
import secrets
import zlib
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace

from callkeeper.audit.mask import NumberMask
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.terms import GROUP
from callkeeper.operator import paths
from callkeeper.operator.api import Json, KubeApi
from callkeeper.operator.errors import ApiConflict, ApiError, ApiNotFound
from callkeeper.operator.lease import Term
from callkeeper.operator.registry import Registry
from callkeeper.policy.config_json import ConfigError
from callkeeper.reconcile.ledger import Ledger
from callkeeper.reconcile.ledger_json import ledger_from_json, ledger_to_json

MAX_LEDGER_BYTES = 900 * 1024
"""What the API server stores of a ConfigMap is 1 MiB, with names and Base64 counted."""

MAX_INFLATED_BYTES = 64 * 1024 * 1024
"""Of rows under way, compressed more than fiftyfold; whoever can write ConfigMaps must not fill our memory."""

KEY_BYTES = 16
ENTRY = "ledger"
KEPT_LABEL = f"{GROUP}/kept"
"""On every ConfigMap the operator keeps something in; its value says what."""

RECORDER_ANNOTATION = f"{GROUP}/recorder"
PREFIX = "callkeeper-ledger-"


def ledger_name(uid: str) -> str:
    """Of the ConfigMap."""
    return f"{PREFIX}{uid}"


class ClusterLedger:
    """Keeps a ledger in the cluster; the process that leads is its only writer."""

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        recorder: ObjectKey,
        uid: str,
        *,
        owner: str,
        term: Callable[[], Term | None],
        known: tuple[str | None, int] = (None, 0),
    ) -> None:
        """Prepare.

        Args:
            api: the API server.
            namespace: where ledgers are.
            recorder: the Recorder.
            uid: its UID.
            owner: who this is to the recorder.
            term: the term under which is written; None where this replica does not lead.
            known: revision and epoch that the Recorder's status says were programmed last, for when the ledger is lost.
        """
        self._api = api
        self._namespace = namespace
        self._recorder = recorder
        self._uid = uid
        self._owner = owner
        self._term = term
        self._known = known
        self._kept: Ledger | None = None
        self._version: str | None = None
        self._offset = 0
        self._key = b""

    def show(self, pattern: str) -> str:
        """A pattern as audit rows may hold it; the key is the ledger's, so that a number reads the same for ever."""
        return NumberMask(self._key).mask_pattern(pattern)

    @property
    def is_read(self) -> bool:
        """Whether it was read, and with it the key of `show`."""
        return bool(self._key)

    async def load(self) -> Ledger:
        """See `LedgerStore.load`; the epoch is that of the present term."""
        term = self._present()
        if self._kept is None:
            self._take(await self._read(), term)
            assert self._kept is not None
        return replace(self._kept, epoch=max(term.epoch + self._offset, 1), fence=term.fence + self._offset)

    async def save(self, ledger: Ledger) -> None:
        """See `LedgerStore.save`."""
        term = self._present()
        offset = max(self._offset, ledger.epoch - term.epoch)
        document = self._document(ledger, term, offset)
        try:
            written = await self._write(document)
        except ApiError as error:
            # What is stored is not known now: read it again before anything else.
            self._kept = None
            raise OSError(str(error)) from error
        self._version = written["metadata"]["resourceVersion"]
        self._kept, self._offset = ledger, offset

    def _present(self) -> Term:
        term = self._term()
        if term is None:
            raise OSError("this replica does not lead any more")
        return term

    async def _read(self) -> Json | None:
        try:
            return await self._api.get(paths.config_map(self._namespace, ledger_name(self._uid)))
        except ApiNotFound:
            return None
        except ApiError as error:
            raise OSError(str(error)) from error

    def _take(self, document: Json | None, term: Term) -> None:
        if document is None:
            revision, epoch = self._known
            self._version, self._offset = None, max(epoch - term.epoch, 0)
            self._key = secrets.token_bytes(KEY_BYTES)
            sender = f"operator-{secrets.token_hex(8)}"
            self._kept = Ledger(owner=self._owner, sender=sender, revision=revision)
            return
        try:
            value = json.loads(_inflated(base64.b64decode(document["binaryData"][ENTRY])))
            ledger, self._key = ledger_from_json(value["ledger"]), bytes.fromhex(value["key"])
            same = value["lease"] == term.lease
            self._offset = int(value["offset"]) if same else max(ledger.epoch + 1 - term.epoch, 0)
        except (ValueError, KeyError, TypeError, ConfigError, zlib.error) as error:
            name = document["metadata"]["name"]
            raise OSError(
                f"ConfigMap {self._namespace}/{name} does not hold what was written there; restore it, or "
                "delete it and every object must be valid at the next start"
            ) from error
        self._version = document["metadata"]["resourceVersion"]
        self._kept = replace(ledger, owner=self._owner)

    def _document(self, ledger: Ledger, term: Term, offset: int) -> Json:
        value = {
            "ledger": ledger_to_json(replace(ledger, config=None)),
            "key": self._key.hex(),
            "lease": term.lease,
            "offset": offset,
        }
        data = zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 6)
        if len(data) * 4 // 3 > MAX_LEDGER_BYTES:
            raise OSError(27, f"the ledger would have {len(data)} bytes compressed; change fewer objects at once")
        metadata: Json = {
            "name": ledger_name(self._uid),
            "namespace": self._namespace,
            "labels": {KEPT_LABEL: ENTRY},
            "annotations": {RECORDER_ANNOTATION: f"{self._recorder.namespace}/{self._recorder.name}"},
        }
        if self._version is not None:
            metadata["resourceVersion"] = self._version
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "binaryData": {ENTRY: base64.b64encode(data).decode()},
        }

    async def _write(self, document: Json) -> Json:
        namespace = self._namespace
        if self._version is None:
            with suppress(ApiConflict):
                return await self._api.create(paths.config_map(namespace), document)
            raise ApiConflict("the ledger was made by somebody else in between", 409)
        return await self._api.replace(paths.config_map(namespace, ledger_name(self._uid)), document)


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    text = inflater.decompress(data, MAX_INFLATED_BYTES)
    if inflater.unconsumed_tail:
        raise ValueError("larger than anything written there")
    return text


async def sweep(api: KubeApi, namespace: str, registry: Registry, scope: Collection[str]) -> int:
    """Delete ledgers of Recorders that are gone; how many.

    Args:
        api: the API server.
        namespace: where ledgers are.
        registry: knows what there is, everything having been listed.
        scope: the namespaces that are listed; empty for all. Ledgers of others are somebody else's.

    Raises:
        ApiError: not all were looked at.
    """
    gone = []
    async for page in api.pages(paths.config_map(namespace), metadata_only=True, labels=f"{KEPT_LABEL}={ENTRY}"):
        for item in page.get("items") or []:
            metadata = item["metadata"]
            of, _, name = (metadata.get("annotations") or {}).get(RECORDER_ANNOTATION, "").partition("/")
            entry = registry.get(ObjectKey(kind="Recorder", namespace=of, name=name))
            is_ours = bool(name) and (not scope or of in scope)
            if is_ours and (entry is None or ledger_name(entry.uid) != metadata["name"]):
                gone.append(metadata["name"])
    for name in gone:
        with suppress(ApiNotFound):
            await api.delete(paths.config_map(namespace, name))
    return len(gone)
