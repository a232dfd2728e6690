import gc
import threading

import pytest

from callkeeper.audit.writer_thread import WriterThread

MANY_SECONDS = 30


def test_work_is_done_in_order_by_one_thread_whichever_way_it_was_given():
    thread, done = WriterThread("audit"), []
    thread.begin(done.append, 1)
    future = thread.submit(lambda: (done.append(2), threading.current_thread().name)[1])
    thread.begin(done.append, 3)
    assert future.result(MANY_SECONDS) == "audit"
    thread.shutdown()
    assert done == [1, 2, 3]


def test_what_fails_is_told_to_who_waits_and_the_next_is_done():
    thread = WriterThread("audit")
    with pytest.raises(OSError, match="no room"):
        thread.submit(_fail).result(MANY_SECONDS)
    assert thread.submit(lambda: "next").result(MANY_SECONDS) == "next"
    thread.shutdown()


def test_what_was_cancelled_before_it_began_is_not_done():
    thread, held, done = WriterThread("audit"), threading.Event(), []
    thread.begin(held.wait, MANY_SECONDS)
    assert thread.submit(done.append, 1).cancel()
    held.set()
    thread.shutdown()
    assert not done


def test_after_its_end_it_refuses_and_ending_twice_does_no_harm():
    thread = WriterThread("audit")
    thread.shutdown()
    thread.shutdown()
    with pytest.raises(RuntimeError, match="has ended"):
        thread.submit(print)


def test_it_ends_when_nobody_has_it_any_more():
    thread = WriterThread("left behind by a test")
    (runs,) = (found for found in threading.enumerate() if found.name == "left behind by a test")
    del thread
    gc.collect()
    runs.join(MANY_SECONDS)
    assert not runs.is_alive()


def _fail():
    raise OSError("no room")
