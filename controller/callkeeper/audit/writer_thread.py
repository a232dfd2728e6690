"""The thread that writes a store's files: what it is given it does in that order, one thing at a time.

An executor of the standard library with a second door: `begin` makes no future and takes no lock, for work that tells
its own end. What the work is, is not known here.
"""

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Work = tuple[Callable[..., object], tuple[object, ...]]


class WriterThread(Executor):
    """One thread, until `shutdown`, or until nobody has this any more."""

    def __init__(self, name: str) -> None:
        """Wait for work.

        Args:
            name: of the thread, for those who look at it.
        """
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        # A process that ends without `shutdown` does not wait for it: what was not acknowledged may be missing then.
        self._thread = threading.Thread(target=_work_through, args=(self._queue,), name=name, daemon=True)
        self._thread.start()
        self._end = weakref.finalize(self, self._queue.put, None)

    def begin(self, work: Callable[..., object], *arguments: object) -> None:
        """Do this soon; the work tells its end, and raises nothing."""
        self._queue.put((work, arguments))

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See `Executor`."""
        if not self._end.alive:
            raise RuntimeError("the writer's thread has ended")
        future: Future[T] = Future()
        self._queue.put((_fulfil, (future, fn, args, kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """End after what it was given."""
        self._end()
        if wait:
            self._thread.join()


def _fulfil(
    future: Future[T], function: Callable[..., T], positional: tuple[object, ...], named: dict[str, object]
) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function(*positional, **named)
    except BaseException as error:  # noqa: BLE001 - whoever waits for it is told
        future.set_exception(error)
    else:
        future.set_result(result)


def _work_through(queue: "SimpleQueue[_Work | None]") -> None:
    while (work := queue.get()) is not None:
        function, arguments = work
        function(*arguments)
        del work, function, arguments
