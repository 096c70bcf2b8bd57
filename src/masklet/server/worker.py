"""One thread for all work on one device, and a queue in front of it that lets people go first."""

from __future__ import annotations

import contextvars
import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum
from typing import Any, TypeVar

T = TypeVar("T")
_REST_SECONDS = 1.0


class Urgency(IntEnum):
    """Who goes first. Within one urgency it is first come, first served: tracking jobs that queue again for every
    frame take turns. What is IDLE waits until nothing else has been done for a while: what has just been done is on
    its way to a screen, and who looks at it may ask for more at once."""

    COMMAND = 0
    PREVIEW = 1
    TRACKING = 2
    AHEAD = 3
    IDLE = 4


class Worker:
    """Runs what it is given in a thread of its own, the most urgent first, one at a time.

    Parameters
    ----------
    name
        Of the thread.
    waited
        Told of every task how long it waited, in seconds.
    rest
        For how many seconds nothing else was done before what is IDLE begins.
    """

    def __init__(
        self, name: str, waited: Callable[[Urgency, float], None] | None = None, *, rest: float = _REST_SECONDS
    ) -> None:
        self._waited = waited
        self._rest = rest
        self._rested_from = time.monotonic()
        self._order = itertools.count()
        self._tasks: list[tuple[Urgency, int, float, Future[Any], Callable[[], Any]]] = []
        self._condition = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, urgency: Urgency, task: Callable[[], T]) -> Future[T]:
        """Queues a task. Its future can be cancelled as long as it waits. The task has the context of whoever submits
        it (see `masklet.server.visitors`).

        Raises
        ------
        RuntimeError
            The worker was closed.
        """
        future: Future[T] = Future()
        context = contextvars.copy_context()
        with self._condition:
            if self._closed:
                raise RuntimeError("the worker was closed")
            heapq.heappush(
                self._tasks, (urgency, next(self._order), time.monotonic(), future, lambda: context.run(task))
            )
            self._condition.notify()
        return future

    @property
    def waiting(self) -> int:
        """Tasks that wait."""
        return len(self._tasks)

    def close(self) -> None:
        """Cancels what waits, and returns when the task that runs has ended."""
        with self._condition:
            self._closed = True
            tasks, self._tasks = self._tasks, []
            self._condition.notify()
        for _, _, _, future, _ in tasks:
            future.cancel()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._closed and (seconds := self._to_wait()) != 0:
                    self._condition.wait(seconds)
                if self._closed:
                    return
                urgency, _, since, future, task = heapq.heappop(self._tasks)
            if not future.set_running_or_notify_cancel():
                continue
            if self._waited is not None:
                self._waited(urgency, time.monotonic() - since)
            try:
                future.set_result(task())
            except BaseException as error:  # every error belongs to whoever waits for the future
                future.set_exception(error)
            del future, task
            if urgency < Urgency.IDLE:
                self._rested_from = time.monotonic()

    def _to_wait(self) -> float | None:
        """Seconds until the next task may begin; None: there is none."""
        if not self._tasks:
            return None
        if self._tasks[0][0] < Urgency.IDLE:
            return 0
        return max(0, self._rested_from + self._rest - time.monotonic())
