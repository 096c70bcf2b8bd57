"""Background production: order, bounds, errors, and threads that end."""

from __future__ import annotations

import gc
import threading
import time

import pytest

from masklet.media.lookahead import Lookahead


def wait_until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.005)


def ours():
    return [t for t in threading.enumerate() if t.name == "masklet-lookahead"]


@pytest.fixture(autouse=True)
def _threads_end():
    before = len(ours())
    yield
    wait_until(lambda: len(ours()) <= before)


def counting(produced, count=1000):
    for i in range(count):
        produced.append(i)
        yield i


def test_keeps_the_order():
    assert list(Lookahead(lambda: iter(range(100)), 3)) == list(range(100))


def test_runs_ahead_no_further_than_its_depth():
    produced = []
    ahead = Lookahead(lambda: counting(produced), 4)
    assert next(ahead) == 0
    wait_until(lambda: len(produced) >= 6)  # one taken, four queued, one in hand
    time.sleep(0.05)
    assert len(produced) == 6
    ahead.close()


def test_an_error_comes_after_the_items_before_it():
    def failing():
        yield 1
        yield 2
        raise RuntimeError("at the third")

    ahead = Lookahead(failing)
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(RuntimeError, match="at the third"):
        next(ahead)
    assert list(ahead) == []


def test_an_error_while_starting():
    def broken():
        raise OSError("no source")

    with pytest.raises(OSError, match="no source"):
        next(Lookahead(broken))


def test_closing_ends_the_thread_and_the_source():
    closed = threading.Event()

    def source():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    ahead = Lookahead(source, 2)
    next(ahead)
    ahead.close()
    assert closed.is_set()
    assert list(ahead) == []
    ahead.close()


def test_an_abandoned_iterator_ends_its_thread():
    before = len(ours())
    ahead = Lookahead(lambda: counting([], 10**9))
    next(ahead)
    assert len(ours()) == before + 1
    del ahead
    gc.collect()
    wait_until(lambda: len(ours()) == before)


def test_depth_must_be_positive():
    with pytest.raises(ValueError, match="depth"):
        Lookahead(lambda: iter(()), 0)


def test_closing_wakes_a_thread_that_waits_for_an_item():
    go = threading.Event()
    heard: list[list[int]] = []

    def source():
        yield 1
        go.wait(10)

    ahead = Lookahead(source)
    waiting = threading.Thread(target=lambda: heard.append(list(ahead)))
    waiting.start()
    while ahead._queue.qsize():
        pass
    threading.Timer(0.1, go.set).start()
    ahead.close()
    waiting.join(10)
    assert heard == [[1]]
