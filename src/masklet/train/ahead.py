"""Batches prepared ahead of the optimiser: in a thread, or in processes of their own."""

from __future__ import annotations

import pickle
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing import parent_process
from typing import Any, TypeVar

import cv2
import torch
import torch.multiprocessing as processes

T = TypeVar("T")

_TICK = 0.2  # seconds between two looks at whether the other side is still there
_PATIENCE = 10.0  # seconds that a worker gets to finish what it is at before it is ended


def ahead(make: Callable[[int], T], start: int, stop: int, depth: int = 4, workers: int = 0) -> Generator[T]:
    """`make(start)`, ..., `make(stop - 1)` in this order, prepared while the consumer works.

    Parameters
    ----------
    make: what is prepared; with workers it must be picklable (a function of a module, a partial of one).
    depth: at most so many are ready and waiting (with workers, at least one for each of them).
    workers: processes that prepare, each every `workers`-th one; 0: a thread of this process. What is made is the same.

    Raises
    ------
    What `make` raised, in its turn. RuntimeError: a worker was killed.
    """
    if workers < 0 or depth < 1:
        raise ValueError(f"expected 0 or more workers and a depth of 1 or more, got {workers} and {depth}")
    return _by_processes(make, start, stop, depth, workers) if workers else _by_thread(make, start, stop, depth)


def _by_thread(make: Callable[[int], T], start: int, stop: int, depth: int) -> Generator[T]:
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    closing = threading.Event()

    def work() -> None:
        for step in range(start, stop):
            try:
                item = make(step), None
            except BaseException as error:  # handed over: the consumer raises it
                item = None, error
            if not _put(ready, item, closing.is_set) or item[1] is not None:
                return

    worker = threading.Thread(target=work, name="batches", daemon=True)
    worker.start()
    try:
        for _ in range(start, stop):
            yield _taken(ready.get())
    finally:
        closing.set()
        worker.join()


def _by_processes(make: Callable[[int], T], start: int, stop: int, depth: int, workers: int) -> Generator[T]:
    workers = max(1, min(workers, stop - start))
    context = processes.get_context("spawn")
    closing = context.Event()
    # One queue a worker, read in turn: no batch can overtake another one.
    queues = [context.Queue(max(1, depth // workers)) for _ in range(workers)]
    team = [
        context.Process(
            target=_work,
            args=(make, range(start + number, stop, workers), ready, closing),
            name=f"batches-{number}",
            daemon=True,
        )
        for number, ready in enumerate(queues)
    ]
    try:
        with _deaf():
            for worker in team:
                worker.start()
        for number in range(stop - start):
            yield _taken(_get(queues[number % workers], team[number % workers]))
    finally:
        closing.set()
        for worker, ready in zip(team, queues, strict=True):
            if worker.pid is not None:
                worker.join(_PATIENCE)
                if worker.is_alive():
                    worker.kill()
                    worker.join()
            ready.close()


def _work(make: Callable[[int], Any], steps: range, ready: Any, closing: Any) -> None:
    """What a worker does. It stays until it is told to go: the tensors that it handed over are in its memory."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they are meant for the training process, which saves and then closes
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    parent = parent_process()
    assert parent is not None

    def unwanted() -> bool:
        return closing.is_set() or not parent.is_alive()

    for step in steps:
        try:
            item = make(step), None
        except BaseException as error:  # handed over: the consumer raises it
            item = None, _portable(error)
        if not _put(ready, item, unwanted) or item[1] is not None:
            break
    while not unwanted():
        closing.wait(_TICK)
    ready.cancel_join_thread()


@contextmanager
def _deaf() -> Generator[None]:
    """Signals that come while processes are started reach them too, before they can ignore them: ignored from birth."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows has neither
        yield
        return
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _put(ready: Any, item: Any, unwanted: Callable[[], bool]) -> bool:
    """Whether the item went into the queue before nobody wanted it any more."""
    while not unwanted():
        try:
            ready.put(item, timeout=_TICK)
        except queue.Full:
            continue
        return True
    return False


def _get(ready: Any, worker: Any) -> Any:
    while True:
        try:
            return ready.get(timeout=_TICK)
        except (queue.Empty, EOFError, OSError) as error:
            # A dead worker leaves an empty queue, or tensors that went with it.
            if not isinstance(error, queue.Empty):
                worker.join(1.0)
            if not worker.is_alive():
                raise RuntimeError(
                    f"the worker {worker.name} that prepares batches died (exit code {worker.exitcode}); "
                    "out of memory, if it was killed"
                ) from None
            if not isinstance(error, queue.Empty):
                raise


def _taken(item: tuple[T | None, BaseException | None]) -> T:
    value, error = item
    if error is not None:
        raise error
    return value  # pyright: ignore[reportReturnType] (an item without an error has a value)


def _portable(error: BaseException) -> BaseException:
    """The error with its traceback as a note; another one that says the same where it cannot be sent."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except (pickle.PicklingError, TypeError, AttributeError, ValueError):
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
