"""What a change would take away, asked of the running recorder: the exact line to copy, before anybody applies in vain.

A second is all a write may wait for it. Whatever goes wrong on the way (no answer, no rights to the Secret, another
owner) leaves the warning out: the operator asks again, and nothing is taken away without the word.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from callkeeper.kinds.finding import Finding, ObjectKey
from callkeeper.kinds.reading import KINDS, ObjectReading
from callkeeper.kinds.recorder import Recorder
from callkeeper.operator.admission.neighbours import Neighbours
from callkeeper.operator.api import KubeApi
from callkeeper.operator.credentials import read_credentials
from callkeeper.policy.compile import Compiled
from callkeeper.policy.compile import compile as compile_objects
from callkeeper.reconcile.errors import RecorderError
from callkeeper.reconcile.http_recorder import HttpRecorder
from callkeeper.reconcile.port import Envelope, RecorderState

ASK_SECONDS = 1.0
"""For all of it: lists, credentials, the recorder's config and its count."""

MINIMUM_REMOVED = 20
"""Fewer entries of a blacklist than this need no word (docs/reference/confirmations.md)."""

_CONFIRMS = ".confirmation-required"


def may_take_away(before: Mapping[str, Any], after: Mapping[str, Any], kind: str) -> bool:
    """Whether a change of an object can need a word at all, so that the recorder is worth asking."""
    if kind in {"RetentionRule", "AuditLog"}:
        return True
    return kind == "Blacklist" and len(_patterns(before) - _patterns(after)) >= MINIMUM_REMOVED


class Questions:
    """Asks running recorders."""

    def __init__(self, api: KubeApi, neighbours: Neighbours) -> None:
        """Prepare.

        Args:
            api: where credentials are.
            neighbours: the other objects.
        """
        self._api = api
        self._neighbours = neighbours
        self.asked = 0
        self.left_out = 0

    async def warnings(self, key: ObjectKey, after: ObjectReading | None, recorder_name: str | None) -> list[str]:
        """Warnings about a change that needs a word.

        Args:
            key: the object.
            after: as it is about to be stored; None where it is about to be deleted.
            recorder_name: the Recorder it belongs to, or belonged to.
        """
        if recorder_name is None:
            return []
        self.asked += 1
        try:
            async with asyncio.timeout(ASK_SECONDS):
                findings = await self._ask(key, after, ObjectKey(kind="Recorder", namespace=key.namespace,
                                                                 name=recorder_name))  # fmt: skip
        except (TimeoutError, RecorderError):
            self.left_out += 1
            return []
        return [line for finding in findings for line in _lines(finding)]

    async def _ask(self, key: ObjectKey, after: ObjectReading | None, recorder: ObjectKey) -> list[Finding]:
        neighbours = await self._neighbours.of(key.namespace, [kind for kind in KINDS if kind != "AuditExport"])
        own = next((one for one in neighbours or () if one.key == recorder), None)
        if neighbours is None or own is None or not isinstance(own.resource, Recorder):
            return []
        spec = own.resource.spec
        if spec.endpoint is None:
            return []
        objects = [one for one in neighbours if one.key != key]
        if after is not None:
            objects.append(after)
        credentials = await read_credentials(self._api, key.namespace, spec)
        token = credentials.token
        async with HttpRecorder(spec.endpoint, lambda: token, tls=credentials.tls(), total_seconds=ASK_SECONDS) as port:
            state = await port.read()
            compiled = await asyncio.to_thread(compile_objects, objects, recorder=recorder, in_force=state.config)
            if compiled.question is not None:
                effects = await port.check(_envelope(state, compiled))
                compiled = await asyncio.to_thread(
                    compile_objects, objects, recorder=recorder, in_force=state.config, effects=effects
                )
        return _confirmations(compiled, key, recorder)


def _envelope(state: RecorderState, compiled: Compiled) -> Envelope:
    assert compiled.question is not None
    return Envelope(owner=state.owner or "webhook", epoch=max(state.epoch, 1), config=compiled.question)


def _confirmations(compiled: Compiled, key: ObjectKey, recorder: ObjectKey) -> list[Finding]:
    """What waits for a word on the object or, where it is about to go, on the Recorder."""
    return [
        finding
        for one in (key, recorder)
        for finding in (compiled.results[one].findings if one in compiled.results else ())
        if finding.rule.endswith(_CONFIRMS)
    ]


def _lines(finding: Finding) -> Sequence[str]:
    """The words and the line to copy apart, so that neither is cut."""
    where = f"{finding.key}: " if finding.key is not None and finding.key.kind == "Recorder" else ""
    return [f"{where}{finding.message}", *([finding.hint] if finding.hint else [])]


def _patterns(document: Mapping[str, Any]) -> set[object]:
    """The numbers as they stand there; reading the object would take ten times as long."""
    spec = document.get("spec")
    numbers = spec.get("numbers") if isinstance(spec, Mapping) else None
    ranges = spec.get("ranges") if isinstance(spec, Mapping) else None
    found: set[object] = {str(one.get("pattern")) for one in numbers or () if type(one) is dict}
    return found | {f"{one.get('from')}-{one.get('to')}" for one in ranges or () if type(one) is dict}
