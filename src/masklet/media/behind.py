"""Hand items to a consumer in a background thread, through a bounded queue: the counterpart of `Lookahead`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

_END = object()


class Behind(Generic[T]):
    """Calls `consume` with each item in turn, in a background thread that falls at most `depth` items behind.

    After an error of `consume` the remaining items are dropped, and the error is raised by the next `put` or by
    `close`, once. A context manager: the block ends when all items are consumed.

    >>> seen = []
    >>> with Behind(seen.append) as behind:
    ...     for number in range(3):
    ...         behind.put(number)
    >>> seen
    [0, 1, 2]
    """

    def __init__(self, consume: Callable[[T], object], depth: int = 4) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        self._consume = consume
        self._queue: queue.Queue[object] = queue.Queue(maxsize=depth)
        self._error: BaseException | None = None
        self._failed = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="masklet-behind", daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Hand an item over; waits while `depth` items are waiting. Raises the error of an earlier item."""
        if self._closed:
            raise ValueError("the consumer was closed")
        self._raise()
        self._queue.put(item)

    def close(self) -> None:
        """Wait until all items are consumed, end the thread. Raises the error of an item that has not been raised."""
        if not self._closed:
            self._closed = True
            self._queue.put(_END)
            self._thread.join()
        self._raise()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _raise(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self) -> None:
        while (item := self._queue.get()) is not _END:
            if self._failed:
                continue
            try:
                self._consume(item)  # pyright: ignore[reportArgumentType]  (the queue holds items and _END only)
            except BaseException as error:  # every error belongs to the producer, who raises it
                self._failed = True
                self._error = error
