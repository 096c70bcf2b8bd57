"""Produce items ahead of their consumer in a background thread, through a bounded queue."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")

_END = object()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class Lookahead(Iterator[T], Generic[T]):
    """Iterate `make()` in a background thread that runs at most `depth` items ahead.

    An error of the producer is raised by `next` at the place where it happened, after the items before it. The thread
    ends when the items end, when the consumer calls `close` or lets the iterator go, and never outlives the program.

    >>> list(Lookahead(lambda: iter(range(3))))
    [0, 1, 2]
    """

    def __init__(self, make: Callable[[], Iterator[T]], depth: int = 4) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        self._queue: queue.Queue[object] = queue.Queue(maxsize=depth)
        self._stop = threading.Event()
        self._done = False
        # The thread must not refer to self, or an abandoned iterator would never be collected.
        self._thread = threading.Thread(
            target=_produce, args=(make, self._queue, self._stop), name="masklet-lookahead", daemon=True
        )
        self._finalizer = weakref.finalize(self, _release, self._queue, self._stop)
        self._finalizer.atexit = False
        self._thread.start()

    def __iter__(self) -> Lookahead[T]:
        return self

    def __next__(self) -> T:
        if self._done:
            raise StopIteration
        item = self._queue.get()
        if item is _END:
            self.close()
            raise StopIteration
        if isinstance(item, _Failure):
            self.close()
            raise item.error
        return item  # pyright: ignore[reportReturnType]  (the queue holds items, _END and _Failure only)

    def close(self) -> None:
        """Stop the thread and drop what it produced ahead. The iterator is then exhausted, for whoever waits for it."""
        self._done = True
        self._finalizer()
        if self._thread is not threading.current_thread():
            self._thread.join()
        with suppress(queue.Full):  # another thread may be waiting for an item that will not come any more
            self._queue.put_nowait(_END)

    def __enter__(self) -> Lookahead[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _produce(make: Callable[[], Iterator[T]], out: queue.Queue[object], stop: threading.Event) -> None:
    items: Iterator[T] | None = None
    try:
        items = make()
        for item in items:
            if stop.is_set():
                return
            out.put(item)
            if stop.is_set():
                return
        out.put(_END)
    except BaseException as error:  # every error belongs to the consumer, who raises it
        out.put(_Failure(error))
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()


def _release(out: queue.Queue[object], stop: threading.Event) -> None:
    """Tell the producer to end and make room, so that a `put` in progress returns."""
    stop.set()
    while True:
        try:
            out.get_nowait()
        except queue.Empty:
            return
