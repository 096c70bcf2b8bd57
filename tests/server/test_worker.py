from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from masklet.server.worker import Urgency, Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker("test")
    yield made
    made.close()


def held(worker: Worker) -> threading.Event:
    """Keeps the worker busy until the event is set."""
    release, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        release.wait(30)

    worker.submit(Urgency.COMMAND, hold)
    begun.wait(30)
    return release


def test_the_most_urgent_goes_first_and_equals_in_their_order(worker: Worker) -> None:
    release = held(worker)
    order: list[str] = []
    futures = [
        worker.submit(urgency, lambda name=name: order.append(name))
        for urgency, name in (
            (Urgency.AHEAD, "ahead"),
            (Urgency.TRACKING, "track 1"),
            (Urgency.TRACKING, "track 2"),
            (Urgency.PREVIEW, "preview"),
            (Urgency.COMMAND, "click 1"),
            (Urgency.COMMAND, "click 2"),
        )
    ]
    assert worker.waiting == 6
    release.set()
    for future in futures:
        future.result(30)
    assert order == ["click 1", "click 2", "preview", "track 1", "track 2", "ahead"]


def test_what_is_idle_waits_until_nothing_else_was_done_for_a_while() -> None:
    worker = Worker("test", rest=0.05)
    order: list[str] = []
    gaps: list[float] = []
    ended = 0.0

    def idle() -> None:
        gaps.append(time.monotonic() - ended)
        order.append("idle")

    def click() -> None:
        nonlocal ended
        order.append("click")
        ended = time.monotonic()

    release = held(worker)
    last = worker.submit(Urgency.IDLE, idle)
    worker.submit(Urgency.COMMAND, click)
    release.set()
    last.result(30)
    assert order == ["click", "idle"]
    assert gaps[0] >= 0.05
    worker.submit(Urgency.IDLE, idle)  # nothing was done but what is idle: it need not wait again
    worker.submit(Urgency.IDLE, idle).result(30)
    worker.close()
    assert order == ["click", "idle", "idle", "idle"]


def test_closing_does_not_wait_for_what_is_idle() -> None:
    worker = Worker("test", rest=3600)
    worker.submit(Urgency.COMMAND, lambda: None).result(30)
    future = worker.submit(Urgency.IDLE, lambda: None)
    worker.close()
    assert future.cancelled()


def test_jobs_that_queue_again_take_turns(worker: Worker) -> None:
    release = held(worker)
    order: list[str] = []
    ended = threading.Barrier(3)

    def step(name: str, left: int) -> None:
        order.append(name)
        if left:
            worker.submit(Urgency.TRACKING, lambda: step(name, left - 1))
        else:
            threading.Thread(target=ended.wait).start()

    worker.submit(Urgency.TRACKING, lambda: step("a", 3))
    worker.submit(Urgency.TRACKING, lambda: step("b", 3))
    release.set()
    ended.wait(30)
    assert order == ["a", "b"] * 4


def test_errors_go_to_whoever_waits_and_the_worker_goes_on(worker: Worker) -> None:
    def fail() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        worker.submit(Urgency.COMMAND, fail).result(30)
    assert worker.submit(Urgency.COMMAND, lambda: 7).result(30) == 7


def test_what_was_cancelled_is_not_done(worker: Worker) -> None:
    release = held(worker)
    done: list[int] = []
    future = worker.submit(Urgency.PREVIEW, lambda: done.append(1))
    assert future.cancel()
    release.set()
    worker.submit(Urgency.AHEAD, lambda: None).result(30)
    assert done == []


def test_closing_cancels_what_waits_and_refuses_more() -> None:
    waited: list[Urgency] = []
    worker = Worker("test", lambda urgency, _: waited.append(urgency))
    release = held(worker)
    future = worker.submit(Urgency.COMMAND, lambda: None)
    threading.Timer(0.1, release.set).start()
    worker.close()
    assert future.cancelled()
    assert waited == [Urgency.COMMAND]
    with pytest.raises(RuntimeError, match="closed"):
        worker.submit(Urgency.COMMAND, lambda: None)
