"""Makes frames ready before somebody points at something in them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from masklet.server.worker import Urgency, Worker

_AROUND = (0, 1, 2, -1)
"""Frames that are made ready around the one that the page shows, in the order in which they are decoded cheaply."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A task that makes the next frame ready."""

    urgency: Urgency
    future: Future[None]

    @property
    def waits(self) -> bool:
        return not self.future.running() and not self.future.done()


class LookAhead:
    """What a page shows is made ready soon, its neighbours when nobody wants anything. For any thread.

    Parameters
    ----------
    worker
        Where the work is done.
    frames
        How many there are.
    prepare
        Makes one ready, in the worker's thread.
    """

    def __init__(self, worker: Worker, frames: int, prepare: Callable[[int], object]) -> None:
        self._worker = worker
        self._count = frames
        self._prepare = prepare
        self._frames: list[int] = []
        self._task: _Task | None = None
        self._lock = threading.Lock()

    def look_at(self, frame: int) -> None:
        """The page shows a frame; what is left of those around the one before is not wanted any more."""
        with self._lock:
            self._frames = [frame + step for step in _AROUND if 0 <= frame + step < self._count]
            if self._task is None or self._task.urgency > Urgency.AHEAD or not self._task.waits:
                self._queue(Urgency.AHEAD)

    def _queue(self, urgency: Urgency) -> None:
        if self._task is not None:
            self._task.future.cancel()
        self._task = _Task(urgency, self._worker.submit(urgency, self._next))

    def _next(self) -> None:
        with self._lock:
            frame = self._frames.pop(0) if self._frames else None
        if frame is not None:
            self._prepare(frame)
        # A task for each frame, so that whatever is more urgent goes in between.
        with self._lock:
            if self._frames and self._task is not None and not self._task.waits:
                self._queue(Urgency.IDLE)
