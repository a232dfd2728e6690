"""Keeps tasks running: an error that nobody foresaw ends a task for a while, and not the process.

It is logged with where it came from, counted, and the task is begun anew after a pause that grows. What goes on failing
is named by `problem`, for readiness. Errors that are foreseen are each task's own business.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import structlog

log = structlog.get_logger()

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 2.0, 60.0
"""Before a task is begun anew; twice as long each time. Long enough for another replica to take the lease."""

STEADY_SECONDS = 300.0
"""A task that ran for so long is well again, whatever it did before."""

PERSISTS = 3
"""Failures with no steady time in between that are named as a problem."""

MAX_FRAMES = 30


@dataclass(slots=True)
class _Failing:
    count: int = 0
    error: str = ""
    begun: float = 0.0


class Supervisor:
    """Knows how the tasks fare."""

    def __init__(
        self,
        failures: Callable[[str], None],
        *,
        fatal: tuple[type[Exception], ...] = (),
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            failures: told the name of a task at each of its failures.
            fatal: errors that beginning anew does not mend; they end the task.
            first_pause_seconds: before the first new beginning.
            clock: monotonic seconds.
        """
        self._failures = failures
        self._fatal = fatal
        self._first_pause = first_pause_seconds
        self._clock = clock
        self._failing: dict[str, _Failing] = {}

    @property
    def problem(self) -> str | None:
        """What goes on failing, or None."""
        for name, one in self._failing.items():
            if one.count >= PERSISTS and not self._is_steady(one):
                return f"task {name!r} failed {one.count} times, last with {one.error}; see `task_failed` in the log"
        return None

    async def keep(
        self, name: str, run: Callable[[], Awaitable[None]], *, failed: Callable[[], None] | None = None
    ) -> None:
        """Run until cancelled, or until it returns by itself.

        Args:
            name: of the task, in log and metric.
            run: begins it; called again after each failure.
            failed: called at each failure, for a task whose failing is no matter of readiness.

        Raises:
            Exception: one of the fatal ones.
        """
        one = _Failing()
        if failed is None:
            self._failing[name] = one
        try:
            while True:
                one.begun = self._clock()
                try:
                    return await run()
                except self._fatal:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is: the other tasks go on
                    pause = self._failed(name, one, error)
                if failed is not None:
                    failed()
                one.begun = float("inf")
                await asyncio.sleep(pause)
        finally:
            if self._failing.get(name) is one:
                del self._failing[name]

    def _failed(self, name: str, one: _Failing, error: Exception) -> float:
        """Note it; how long to pause."""
        one.count = 1 if self._is_steady(one) else one.count + 1
        failure = failure_of(error)
        one.error = failure.error
        pause = min(self._first_pause * float(2 ** min(one.count - 1, 10)), LAST_PAUSE_SECONDS)
        self._failures(name)
        log.error("task_failed", task=name, **failure.fields, retry_seconds=pause)
        return pause

    def _is_steady(self, one: _Failing) -> bool:
        return self._clock() - one.begun >= STEADY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as it is told.

    Attributes:
        error: in words.
        at: where it came from; None for one that was foreseen, whose words say enough.
    """

    error: str
    at: list[str] | None = None

    @property
    def fields(self) -> dict[str, object]:
        """What a log's line says of it."""
        return {"error": self.error} if self.at is None else {"error": self.error, "at": self.at}


def failure_of(error: BaseException, *foreseen: type[BaseException]) -> Failure:
    """How it is told: by its own words where it is one of those foreseen, else by its class and where it came from."""
    if isinstance(error, foreseen):
        return Failure(error=str(error))
    return Failure(error=_kind(error), at=list(_places(error)))


def _kind(error: BaseException) -> str:
    """The error's class; its words may hold a number or a pattern, and are left out."""
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(_kind(one) for one in error.exceptions)
    return type(error).__name__


def _places(error: BaseException) -> Iterator[str]:
    """Where it came from, outermost first: code only, no values."""
    for frame in traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]:
        yield f"{frame.filename}:{frame.lineno} {frame.name}"
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for one in (*inner, *((error.__cause__,) if error.__cause__ is not None else ())):
        yield f"{_kind(one)}:"
        yield from _places(one)
