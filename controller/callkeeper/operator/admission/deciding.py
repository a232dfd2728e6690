"""One review from question to answer: the verdict about the object, then what takes looking elsewhere, in budgets."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import KINDS, ObjectReading
from callkeeper.operator import paths
from callkeeper.operator.admission.neighbours import Neighbours
from callkeeper.operator.admission.question import Questions, may_take_away
from callkeeper.operator.admission.review import Operation, Review, Verdict
from callkeeper.operator.admission.surprises import needed, surprises
from callkeeper.operator.admission.verdict import asks_for_guard, guarded, judge
from callkeeper.operator.api import KubeApi
from callkeeper.operator.attribution.versions import recorder_of
from callkeeper.operator.errors import ApiError, ApiNotFound

GUARD_SECONDS = 1.0
"""For the question whether a namespace is being deleted; without an answer the guard gives way."""

_log = structlog.get_logger()


class Decider:
    """Answers reviews."""

    def __init__(self, api: KubeApi | None, *, ask_recorders: bool = True) -> None:
        """Prepare.

        Args:
            api: for what is beside the object; None judges objects by themselves only, and guards nothing.
            ask_recorders: whether running recorders are asked what a change takes away.
        """
        self._api = api
        self.neighbours = Neighbours(api) if api is not None else None
        self.questions = Questions(api, self.neighbours) if api is not None and self.neighbours is not None else None
        self._ask_recorders = ask_recorders

    async def decide(self, review: Review) -> Verdict:
        """The verdict, with every warning there is time for."""
        # Reading 20,000 numbers takes a while, and other reviews want to be heard of meanwhile.
        verdict, reading = await asyncio.to_thread(judge, review)
        if not verdict.allowed:
            return verdict
        if asks_for_guard(review) and not await self._is_going(review.namespace):
            return guarded(review)
        if reading is None and review.operation is not Operation.DELETE:
            return verdict
        try:
            found = await asyncio.gather(self._beside(reading), self._taken_away(review, reading))
        except Exception:  # noqa: BLE001 - a warning that cannot be made must not keep anybody from writing
            _log.exception("webhook.warnings-failed")
            return verdict
        if not review.dry_run and self.neighbours is not None:
            self.neighbours.took(reading, _key(review))
        return replace(verdict, warnings=(*verdict.warnings, *(line for lines in found for line in lines)))

    async def _beside(self, reading: ObjectReading | None) -> Sequence[str]:
        if reading is None or reading.resource is None or self.neighbours is None:
            return ()
        others = await self.neighbours.of(reading.key.namespace, needed(reading))
        return () if others is None else await asyncio.to_thread(surprises, reading, others)

    async def _taken_away(self, review: Review, reading: ObjectReading | None) -> Sequence[str]:
        key = _key(review)
        if self.questions is None or not self._ask_recorders:
            return ()
        if not await asyncio.to_thread(may_take_away, review.before, review.document, key.kind):
            return ()
        return await self.questions.warnings(key, reading, recorder_of(review.document or review.before) or None)

    async def _is_going(self, namespace: str) -> bool:
        """Whether a namespace is being deleted, or nobody can say: the guard must not hold that up."""
        if self._api is None:
            return True
        try:
            found = await self._api.get(paths.namespace(namespace), timeout_seconds=GUARD_SECONDS)
        except ApiNotFound:
            return True
        except ApiError as error:
            _log.warning("webhook.guard-gives-way", namespace=namespace, problem=str(error))
            return True
        return found["metadata"].get("deletionTimestamp") is not None


def _key(review: Review) -> ObjectKey:
    kind = str((review.document or review.before).get("kind", ""))
    return ObjectKey(kind=kind if kind in KINDS else "", namespace=review.namespace, name=review.name)
